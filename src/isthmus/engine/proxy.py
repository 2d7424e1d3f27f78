"""A proxy call: one method of an integration, as the provider has it (`definitions.md` §4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.calls import Call
from isthmus.engine.exchanges import Exchange, Page, exchange, filled_page
from isthmus.engine.failures import RemoteFailure, proxy_error
from isthmus.engine.messages import OperationKind
from isthmus.engine.pagination import RangePaginator, require_way_back
from isthmus.engine.plans import MethodPlan, plan_of
from isthmus.engine.ports import Upstream
from isthmus.engine.requests import Inputs, RawBody
from isthmus.engine.responses import records_of
from isthmus.engine.results import CallResult, ListResult, StreamResult, ValueResult
from isthmus.errors import BadRequest, failure
from isthmus.kit.clock import Clock, SystemClock

__all__ = [
    "answer_of",
    "call",
    "caller_headers",
    "custom_id",
    "identified",
    "inputs_of",
    "operation_kind",
    "raw_body",
    "sent",
]

_CLOCK: Final = SystemClock()
_STANDARD: Final[dict[str, OperationKind]] = {
    "list": "list",
    "get": "get",
    "create": "create",
    "update": "update",
    "delete": "delete",
}


async def call(
    upstream: Upstream, config: IntegrationConfig, resource: str, call: Call, *, clock: Clock = _CLOCK
) -> CallResult:
    """`list` gives a ListResult, anything else the provider's data after `response_path` as a ValueResult;
    what is neither JSON, XML nor text gives a StreamResult.

    Raises NotFound for an unknown resource or method, BadRequest for what the call lacks, RemoteError for
    an error of the third party, and what `Upstream.send` raises.
    """
    plan = plan_of(config, resource, call.method)
    if call.method == "list":
        inputs, cursor = inputs_of(plan, call)
        return await _list(upstream, plan, inputs, cursor, clock)
    answer = await answer_of(upstream, plan, call, clock)
    if answer.stream is not None:
        return answer.streamed(answer.stream)
    data = answer.data
    if call.method == "delete" and not data:
        data = identified(custom_id(call))
    return ValueResult(data)


def identified(id: str | None) -> dict[str, Any]:
    """What is said of a record that is gone: its id, where the call named one."""
    return {} if id is None else {"id": id}


async def answer_of(
    upstream: Upstream, plan: MethodPlan, call: Call, clock: Clock = _CLOCK, *, reads_whole: bool = False
) -> Exchange:
    """One request of a method and its answer, not shaped for a caller; of a list, one page. `reads_whole`:
    bytes as a blob in `data`, within the limit of any answer."""
    inputs, cursor = inputs_of(plan, call)
    if reads_whole:
        inputs = replace(inputs, reads_whole=True)
    return await sent(upstream, plan, inputs, cursor, clock)


async def sent(
    upstream: Upstream, plan: MethodPlan, inputs: Inputs, cursor: str | None, clock: Clock = _CLOCK
) -> Exchange:
    """As `exchange`, raising RemoteError for an error of the third party."""
    try:
        return await exchange(upstream, plan, inputs, cursor, clock)
    except RemoteFailure as failed:
        raise proxy_error(failed, plan.definition.scopes, upstream.context) from failed


async def _list(
    upstream: Upstream, plan: MethodPlan, inputs: Inputs, cursor: str | None, clock: Clock
) -> ListResult | StreamResult:
    async def fetch(cursor: str | None) -> Page | StreamResult:
        answer = await sent(upstream, plan, inputs, cursor, clock)
        if answer.stream is not None:
            return answer.streamed(answer.stream)
        return Page(records_of(answer.data), answer.cursors.next, answer.cursors.prev)

    page = await filled_page(fetch, cursor)
    if isinstance(page, StreamResult):
        return page
    return ListResult(page.records, page.next_cursor, page.prev_cursor)


def inputs_of(plan: MethodPlan, call: Call) -> tuple[Inputs, str | None]:
    """`limit` is renamed to the provider's parameter, where it has one; `cursor` is the alias of
    `next_cursor` only on a list that pages and was sent no `next_cursor`."""
    nested = call.query.nested
    query: Mapping[str, Any] = nested
    cursor = call.cursor
    is_list = call.method == "list"
    if is_list and plan.paginator is not None:
        if call.goes_back:
            require_way_back(plan.paginator)
        alias = nested.get("cursor")
        sizes = plan.paginator.limit_param or isinstance(plan.paginator, RangePaginator)
        dropped = {"limit"} if sizes else set()
        if cursor is None and isinstance(alias, str):
            cursor = alias or None
            dropped.add("cursor")
        query = {name: value for name, value in nested.items() if name not in dropped}
    if call.remote_query:
        query = {**query, **call.remote_query}
    inputs = Inputs(
        kind=operation_kind(call.method),
        id=custom_id(call) if call.method not in _STANDARD else call.id,
        query=query,
        fixed=frozenset(call.remote_query),
        scope_query=nested,
        body=call.body,
        raw=raw_body(call),
        forwarded=caller_headers(plan.config, call),
        limit=call.limit,
        asks_for_list=is_list,
    )
    return inputs, cursor


def operation_kind(method: str) -> OperationKind:
    return _STANDARD.get(method, "custom")


def custom_id(call: Call) -> str | None:
    """The id of a call that may have none in its path: else `query.id`, else `body.id`."""
    if call.id is not None:
        return call.id
    found = call.query.nested.get("id")
    if found is None and isinstance(call.body, Mapping):
        found = call.body.get("id")
    return None if found is None or isinstance(found, (dict, list)) else str(found)


def raw_body(call: Call) -> RawBody | None:
    """The caller's bytes, where it asked to pass them through."""
    if not call.body_passthrough:
        return None
    return RawBody(b"" if call.raw_body is None else call.raw_body, call.content_type, call.raw_length)


def caller_headers(config: IntegrationConfig, call: Call) -> dict[str, str]:
    """The caller's headers that the definition asks for, and `Accept` of bytes passed through.

    Raises BadRequest naming those that are missing.
    """
    missing = [name for name in config.required_headers if name.lower() not in call.headers]
    if missing:
        raise BadRequest(
            f"The integration needs the headers {', '.join(missing)}. Send them with the call.",
            failures=[failure(f"headers.{name}", "is required", "missing_header") for name in missing],
        )
    forwarded = {name: call.headers[name.lower()] for name in config.required_headers}
    if call.body_passthrough and "accept" in call.headers:
        forwarded["Accept"] = call.headers["accept"]
    return forwarded
