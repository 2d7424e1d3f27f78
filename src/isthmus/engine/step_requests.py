"""Sends the requests of steps: of a method written out in the step, or of one of the integration's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from isthmus.definitions.actions import ResourceCall
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.load import load
from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.evaluation import make_template_scope, render, render_or_undefined, render_strict
from isthmus.engine.method_plans import plan_ad_hoc_method, plan_method
from isthmus.engine.proxy import fetch_method_answer, fetch_proxy_answer
from isthmus.engine.requests import MethodInputs
from isthmus.engine.responses import as_records
from isthmus.engine.upstream import Upstream
from isthmus.errors import MappingFailed
from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import make_literal_template
from isthmus.kit.clock import Clock

__all__ = ["StepRequests"]

_LITERAL_FIELDS: Final = ("path", "base_url", "body")
_LITERAL_ENTRIES: Final = ("headers", "query")


class StepRequests:
    """Sends the requests of one run of steps."""

    __slots__ = ("_clock", "_config", "_upstream")

    def __init__(self, upstream: Upstream, config: IntegrationConfig, clock: Clock) -> None:
        self._upstream = upstream
        self._config = config
        self._clock = clock

    async def send(self, request: Any, names: Mapping[str, Any], where: str) -> Any:
        """Sends a request, and returns its data after `response_path`, bytes as a blob.

        `request`: a method, a ResourceCall, or the object that an expression returned for one of them.
        `names`: what templates see. `where`: the field, for messages. Raises RemoteError, MappingFailed for
        an object that is neither, and what sending raises.
        """
        if isinstance(request, MethodDefinition):
            return await self._send_inline(request, names, where)
        if isinstance(request, ResourceCall):
            scope = {**make_template_scope(self._upstream.context, id=None, query={}, body=NO_BODY), **names}
            return await self._call_resource(
                request.resource,
                request.method,
                UNDEFINED if request.id is None else render_strict(request.id, scope, f"{where}.id"),
                UNDEFINED
                if request.query is None
                else render_or_undefined(request.query, scope, f"{where}.query"),
                UNDEFINED if request.body is None else render(request.body, scope, f"{where}.body"),
            )
        return await self._send_computed(request, names, where)

    async def _send_inline(self, method: MethodDefinition, names: Mapping[str, Any], where: str) -> Any:
        """Sends a method written out in the step. It sends what its definition says; the caller's query and
        body are only visible to its templates."""
        plan = plan_ad_hoc_method(self._config, "_step", where, method, where=where)
        inputs = MethodInputs(kind="custom", names=names, reads_whole=True)
        return (await fetch_proxy_answer(self._upstream, plan, inputs, None, self._clock)).data

    async def _call_resource(self, resource: str, method: str, id: Any, query: Any, body: Any) -> Any:
        """Calls a method of the integration, and returns its data, of a list as an array."""
        plan = plan_method(self._config, resource, method)
        call = Call.from_values(method, id=id, query=query, body=body)
        data = (await fetch_method_answer(self._upstream, plan, call, self._clock, reads_whole=True)).data
        return as_records(data) if method == "list" else data

    async def _send_computed(self, value: Any, names: Mapping[str, Any], where: str) -> Any:
        """Sends the request that an expression returned. Its values are data, so placeholders in them are not
        rendered."""
        if isinstance(value, Mapping) and isinstance(value.get("resource"), str) and value.get("method"):
            return await self._call_resource(
                value["resource"],
                str(value["method"]),
                value.get("id"),
                value.get("query"),
                value.get("body", NO_BODY),
            )
        if not isinstance(value, Mapping) or "path" not in value or "authorization" in value:
            raise MappingFailed(
                f"{where} must give a method object with a path and without authorization, or an object with "
                "resource and method.",
                field=where,
                position=None,
                code="wrong_result",
            )
        literal = dict(value)
        for name in _LITERAL_FIELDS:
            if literal.get(name) is not None:
                literal[name] = make_literal_template(literal[name])
        for name in _LITERAL_ENTRIES:
            entries = literal.pop(name, None)
            if isinstance(entries, Mapping):
                literal[name] = {key: make_literal_template(item) for key, item in entries.items()}
        return await self._send_inline(
            load(MethodDefinition, literal, source=where, prefix=where), names, where
        )
