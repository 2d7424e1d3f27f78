"""Proxy calls: a method of an integration is called, and its data returned as the provider has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.calls import (
    Call,
    CallResult,
    ListResult,
    StreamResult,
    ValueResult,
    make_deleted_record,
)
from isthmus.engine.method_plans import MethodPlan, find_method_name, plan_method
from isthmus.engine.pagination import RangePaginator
from isthmus.engine.pagination.paginator import require_backward_paging
from isthmus.engine.provider_answers import Page, ProviderAnswer, fetch_answer, fetch_filled_page
from isthmus.engine.provider_errors import ProviderFailure, to_proxy_error
from isthmus.engine.requests import MethodInputs
from isthmus.engine.responses import as_records
from isthmus.engine.upstream import Upstream
from isthmus.kit.clock import Clock, SystemClock

__all__ = [
    "call_method",
    "fetch_method_answer",
    "fetch_proxy_answer",
    "make_inputs",
]

_CLOCK: Final = SystemClock()


async def call_method(
    upstream: Upstream, config: IntegrationConfig, resource: str, call: Call, *, clock: Clock = _CLOCK
) -> CallResult:
    """Calls a method of a proxy resource. `list` gives a ListResult, any other method the provider's data
    after `response_path` as a ValueResult; what is neither JSON, XML nor text gives a StreamResult.

    Raises NotFound for an unknown resource or method, BadRequest for what the call lacks, RemoteError for an
    error of the provider, and what `Upstream.send` raises.
    """
    plan = plan_method(config, resource, find_method_name(config, resource, call.method))
    if call.method == "list":
        inputs, cursor = make_inputs(plan, call)
        return await _fetch_list(upstream, plan, inputs, cursor, clock)
    answer = await fetch_method_answer(upstream, plan, call, clock)
    if answer.stream is not None:
        return answer.to_stream_result(answer.stream)
    data = answer.data
    if call.method == "delete" and not data:
        data = make_deleted_record(call.record_id)
    return ValueResult(data, warnings=answer.warnings)


async def fetch_method_answer(
    upstream: Upstream, plan: MethodPlan, call: Call, clock: Clock = _CLOCK, *, reads_whole: bool = False
) -> ProviderAnswer:
    """Sends one request of a method, of a list one page, and reads the answer. `reads_whole`: bytes become a
    blob in `data` instead of a stream. Raises what `call_method` raises."""
    inputs, cursor = make_inputs(plan, call)
    if reads_whole:
        inputs = replace(inputs, reads_whole=True)
    return await fetch_proxy_answer(upstream, plan, inputs, cursor, clock)


async def fetch_proxy_answer(
    upstream: Upstream, plan: MethodPlan, inputs: MethodInputs, cursor: str | None, clock: Clock = _CLOCK
) -> ProviderAnswer:
    """Sends one request and reads its answer, as `provider_answers.fetch_answer` does, but raises RemoteError
    for an error of the provider."""
    try:
        return await fetch_answer(upstream, plan, inputs, cursor, clock)
    except ProviderFailure as failed:
        message = failed.make_message(upstream.account.product, plan.config, upstream.context)
        raise to_proxy_error(failed, message, plan.definition.scopes, upstream.context) from failed


async def _fetch_list(
    upstream: Upstream, plan: MethodPlan, inputs: MethodInputs, cursor: str | None, clock: Clock
) -> ListResult | StreamResult:
    """Fetches the page at `cursor`, or the first filled one after it."""

    async def fetch(cursor: str | None) -> Page | StreamResult:
        """Fetches one page, as records in an array."""
        answer = await fetch_proxy_answer(upstream, plan, inputs, cursor, clock)
        if answer.stream is not None:
            return answer.to_stream_result(answer.stream)
        return Page(
            as_records(answer.data), answer.cursors.next, answer.cursors.prev, warnings=answer.warnings
        )

    page = await fetch_filled_page(fetch, cursor)
    if isinstance(page, StreamResult):
        return page
    return ListResult(page.records, page.next_cursor, page.prev_cursor, warnings=page.warnings)


def make_inputs(plan: MethodPlan, call: Call) -> tuple[MethodInputs, str | None]:
    """Returns what a proxy call puts into the method's request, and the cursor of its page, None for the
    first.

    On a list that pages, `limit` is left out of the query where the provider has a parameter for it, and
    `cursor` is an alias of `next_cursor` where that was not sent.
    """
    nested = call.query.nested
    query: Mapping[str, Any] = nested
    cursor = call.cursor
    is_list = call.method == "list"
    if is_list and plan.paginator is not None:
        if call.goes_back:
            require_backward_paging(plan.paginator)
        alias = nested.get("cursor")
        sizes = plan.paginator.limit_param or isinstance(plan.paginator, RangePaginator)
        dropped = {"limit"} if sizes else set()
        if cursor is None and isinstance(alias, str):
            cursor = alias or None
            dropped.add("cursor")
        query = {name: value for name, value in nested.items() if name not in dropped}
    if call.remote_query:
        query = {**query, **call.remote_query}
    inputs = MethodInputs(
        kind=call.kind,
        id=call.record_id if call.kind == "custom" else call.id,
        query=query,
        fixed=frozenset(call.remote_query),
        caller_query=nested,
        remote_query=call.remote_query,
        scope_query=nested,
        body=call.body,
        raw=call.passed_through_body,
        forwarded=call.select_headers(plan.config.required_headers),
        limit=call.limit,
        asks_for_list=is_list,
    )
    return inputs, cursor
