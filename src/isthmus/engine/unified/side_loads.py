"""Side loads: further calls for each record, whose mapped answers become keys of the record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.calls import Call
from isthmus.engine.evaluation import evaluate_mapping, is_truthy, make_template_scope
from isthmus.engine.method_plans import plan_method
from isthmus.engine.provider_answers import ProviderAnswer
from isthmus.engine.proxy import fetch_method_answer
from isthmus.engine.responses import as_records
from isthmus.engine.unified.mapping_plans import SideLoadPlan
from isthmus.engine.unified.request_mapping import CallerInput
from isthmus.engine.unified.response_mapping import choose_response
from isthmus.engine.upstream import Upstream
from isthmus.errors import IsthmusError
from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import PlaceholderError
from isthmus.kit.clock import Clock

__all__ = ["MAX_CONCURRENCY", "SideLoads"]

MAX_CONCURRENCY: Final = 5

_LOG = logging.getLogger("isthmus.engine")


@dataclass(frozen=True, slots=True)
class _SideLoadRequest:
    """One call for one record. `index`: of the record. `identity`: equal for equal requests."""

    index: int
    plan: SideLoadPlan
    call: Call
    identity: bytes


@dataclass(frozen=True, slots=True)
class SideLoads:
    """The side loads of one unified call."""

    upstream: Upstream
    config: IntegrationConfig
    plans: tuple[SideLoadPlan, ...]
    caller: CallerInput
    clock: Clock

    async def load(self, records: list[Any]) -> list[Any]:
        """Sends the side loads of the records. Returns the records with their keys. At most 5 requests are
        sent at a time, and equal requests once. A key whose request or mapping fails is null, which is
        logged."""
        loaded: list[dict[str, Any]] = [{} for _ in records]
        requests: list[_SideLoadRequest] = []
        for index, record in enumerate(records):
            if isinstance(record, dict):
                for plan in self.plans:
                    requests += await self._make_requests(index, record, plan, loaded[index])
        answers = await self._fetch_answers(requests)
        for request in requests:
            answer = answers[request.identity]
            loaded[request.index][request.plan.key] = await self._map_answer(request.plan, answer)
        return [{**record, **keys} if keys else record for record, keys in zip(records, loaded, strict=True)]

    async def _make_requests(
        self, index: int, record: dict[str, Any], plan: SideLoadPlan, loaded: dict[str, Any]
    ) -> list[_SideLoadRequest]:
        """Returns the request of one side load for one record, as a list of one; empty where its `run_if` is
        falsy, or where it cannot be made, which sets its key in `loaded` to null. `index`: of the record.
        `loaded`: the record's side-loaded keys so far."""
        spec, call = plan.spec, self.caller.call
        scope = {
            **make_template_scope(self.upstream.context, id=call.id, query=self.caller.query, body=call.body),
            "record": record,
            "item": record.get("remote_data", UNDEFINED),
        }
        try:
            if spec.run_if is not None and not is_truthy(
                await evaluate_mapping(f"side_load.{plan.key}.run_if", spec.run_if, scope)
            ):
                return []
            id, query, body = (
                UNDEFINED if spec.id is None else spec.id.render_strict(scope),
                UNDEFINED if spec.query is None else spec.query.render_or_undefined(scope),
                UNDEFINED if spec.body is None else spec.body.render(scope),
            )
        except (IsthmusError, PlaceholderError) as error:
            self._log_failure(plan, error)
            loaded[plan.key] = None
            return []
        request = Call.from_values(spec.method, id=id, query=query, body=body)
        sent = None if body is UNDEFINED else [body]
        parts = [
            *(spec.resource, spec.method, request.id),
            *(request.query.nested, request.limit, request.cursor, sent),
        ]
        identity = orjson.dumps(parts, default=repr, option=orjson.OPT_SORT_KEYS)
        return [_SideLoadRequest(index, plan, request, identity)]

    async def _fetch_answers(self, requests: list[_SideLoadRequest]) -> dict[bytes, ProviderAnswer | None]:
        """Sends the requests, equal ones once. Returns the answers by the identity of their request; None for
        one that failed."""
        places = asyncio.Semaphore(MAX_CONCURRENCY)
        distinct = {request.identity: request for request in requests}

        async def send(request: _SideLoadRequest) -> ProviderAnswer | None:
            """Sends one request. Returns its answer; None for one that failed, and for bytes."""
            async with places:
                try:
                    plan = plan_method(self.config, request.plan.spec.resource, request.plan.spec.method)
                    answer = await fetch_method_answer(self.upstream, plan, request.call, self.clock)
                except IsthmusError as error:
                    self._log_failure(request.plan, error)
                    return None
                if answer.stream is not None:
                    await answer.stream.close()
                    return None
                return answer

        async with asyncio.TaskGroup() as group:
            tasks = {key: group.create_task(send(request)) for key, request in distinct.items()}
        return {key: task.result() for key, task in tasks.items()}

    async def _map_answer(self, plan: SideLoadPlan, answer: ProviderAnswer | None) -> Any:
        """Returns the mapped value of an answer; None for no answer, and where the mapping fails."""
        if answer is None:
            return None
        expression = plan.spec.response_mapping
        if expression is None:
            return as_records(answer.data) if plan.spec.method == "list" else answer.data
        scope: Mapping[str, Any] = {
            "response": choose_response(plan.response, answer),
            "query": self.caller.query,
            "rawQuery": self.caller.raw_query,
            "body": answer.body,
        }
        try:
            value = await evaluate_mapping(f"side_load.{plan.key}.response_mapping", expression, scope)
        except IsthmusError as error:
            self._log_failure(plan, error)
            return None
        return None if value is UNDEFINED else value

    def _log_failure(self, plan: SideLoadPlan, error: Exception) -> None:
        """Logs that the key of a side load is null because of an error."""
        _LOG.warning("side_load.%s failed with %s and is null", plan.key, type(error).__name__)
