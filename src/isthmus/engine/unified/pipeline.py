"""The pipeline of a unified call, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.mapping import MappingConfig
from isthmus.engine.calls import (
    Call,
    CallResult,
    ListResult,
    StreamResult,
    ValueResult,
    deleted_record,
)
from isthmus.engine.input_schemas import InputSchema, require_inputs
from isthmus.engine.method_plans import MethodPlan, plan_method
from isthmus.engine.pagination.paginator import require_backward_paging, visible_cursor
from isthmus.engine.provider_answers import Page, ProviderAnswer, fetch_answer, fetch_filled_page
from isthmus.engine.provider_errors import ProviderFailure
from isthmus.engine.responses import as_records
from isthmus.engine.steps import Progress, StepRunner
from isthmus.engine.unified.error_mapping import make_insights, to_unified_error
from isthmus.engine.unified.mapping_plans import (
    MappingPlan,
    UnifiedTarget,
    choose_name,
    plan_mapping,
    require_method,
)
from isthmus.engine.unified.request_mapping import CallerInput, find_upload, map_request, read_caller_input
from isthmus.engine.unified.response_mapping import (
    key_records,
    map_headers,
    map_page,
    map_value,
    shape_record,
)
from isthmus.engine.unified.side_loads import SideLoads
from isthmus.engine.upstream import Upstream
from isthmus.errors import RemoteError
from isthmus.expressions import UNDEFINED
from isthmus.kit.clock import Clock, SystemClock

__all__ = ["CallStepScope", "PreparedCall", "call_method", "prepare_call"]

_CLOCK: Final = SystemClock()
_ANY_INPUT: Final = InputSchema(None)


async def call_method(
    upstream: Upstream,
    config: IntegrationConfig,
    target: UnifiedTarget,
    mapping: MappingConfig,
    call: Call,
    *,
    clock: Clock = _CLOCK,
) -> CallResult:
    """One call of a unified method through a mapping whose layers are merged.

    Raises what `proxy.call` raises, and MappingFailed for an expression that fails. Remote errors are
    worded by `error_mapping` and carry insights.
    """
    ready = await prepare_call(config, target, mapping, call, upstream.context)
    said = ready.said
    if mapping.before:
        said = await _run_steps_before(upstream, config, ready, clock)
    run = _UnifiedCall(upstream, config, ready.plan, ready.method, said, clock)
    if call.method == "list":
        return await _call_list(run, target, ready.cursor)
    return await _call_single(run, target)


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A call before its first step: what is asked, by which mapping, of which of the provider's methods."""

    plan: MappingPlan
    method: MethodPlan
    said: CallerInput
    cursor: str | None


async def prepare_call(
    config: IntegrationConfig,
    target: UnifiedTarget,
    mapping: MappingConfig,
    call: Call,
    context: Mapping[str, Any],
) -> PreparedCall:
    """Raises NotFound, BadRequest and MappingFailed: what a call meets before anything is sent."""
    require_method(target, call.method)
    plan = plan_mapping(mapping, target, call.method)
    said, cursor = read_caller_input(plan, call, context)
    # Bytes that pass through are the provider's body; what the unified one asks for is not in them.
    body_schema = _ANY_INPUT if call.body_passthrough else plan.body_schema
    require_inputs(plan.query_schema, body_schema, said.query, call.body)
    seen = said.scope(cursor)
    chooses = {**{name: seen[name] for name in ("query", "rawQuery", "context")}, "body": call.body}
    resource = await choose_name("resource", mapping.resource, target.resource, chooses)
    name = await choose_name("method", mapping.method, call.method, chooses)
    method = _use_upload_format(plan_method(config, resource, name), mapping)
    if call.goes_back and method.paginator is not None and not plan.names_way_back:
        require_backward_paging(method.paginator)
    return PreparedCall(plan, method, said, cursor)


def _use_upload_format(method: MethodPlan, mapping: MappingConfig) -> MethodPlan:
    """The method as it sends a file, where the mapping says that one goes out."""
    upload = find_upload(mapping.file_upload)
    if upload is None or method.definition.body_format == upload.body_format:
        return method
    definition = method.definition.model_copy(update={"body_format": upload.body_format})
    return replace(method, definition=definition)


@dataclass(frozen=True, slots=True)
class CallStepScope:
    """Of the steps before and after a call (`definitions.md` §3.4)."""

    said: CallerInput

    def names(self, progress: Progress, context: Mapping[str, Any]) -> dict[str, Any]:
        call = self.said.call
        return {
            "id": UNDEFINED if call.id is None else call.id,
            "query": self.said.query,
            "body": call.body,
            "context": context,
            "data": progress.data,
            "step": progress.last,
        }

    def bindings(self, progress: Progress) -> None:
        return None


async def _run_steps_before(
    upstream: Upstream,
    config: IntegrationConfig,
    ready: PreparedCall,
    clock: Clock,
) -> CallerInput:
    plan, said = ready.plan, ready.said
    runner = StepRunner(upstream, config, CallStepScope(said), "before", clock)
    try:
        progress = await runner.run(plan.mapping.before)
    except RemoteError as failed:
        failed.insight.update(
            make_insights(plan, failed.status, (*ready.method.definition.scopes, *plan.scopes), said)
        )
        raise
    return replace(said, before=progress.named, context=upstream.context)


@dataclass(frozen=True, slots=True)
class _UnifiedCall:
    """One call on its way: what does not change from page to page."""

    upstream: Upstream
    config: IntegrationConfig
    plan: MappingPlan
    method: MethodPlan
    said: CallerInput
    clock: Clock

    async def fetch(self, cursor: str | None) -> Page | StreamResult:
        """One page of records as the caller gets them: what a step after leaves empty is followed, too. Of
        nothing, while there is more to come, no step is run."""
        shown = visible_cursor(self.method.paginator, cursor)
        inputs = await map_request(self.plan, self.method, self.said, shown)
        try:
            answer = await fetch_answer(self.upstream, self.method, inputs, cursor, self.clock)
        except (ProviderFailure, RemoteError) as failed:
            raise await self.error(failed, shown) from failed
        if answer.stream is not None:
            return answer.to_stream_result(answer.stream)
        page = await map_page(self.plan, self.said, shown, inputs, answer)
        if not self.plan.side_loads and not self.plan.mapping.after:
            return page
        if not page.records and page.next_cursor is not None:
            return page
        value = await self.completed(page.records)
        records = as_records(None if value is UNDEFINED else value)
        return replace(page, records=[each for each in records if each is not None])

    async def completed(self, value: Any) -> Any:
        """The mapped record or list of them, with what is loaded beside each, after the steps after."""
        plan = self.plan
        if plan.side_loads:
            loads = SideLoads(self.upstream, self.config, plan.side_loads, self.said, self.clock)
            several = value if isinstance(value, list) else [value]
            loaded = await loads.onto(several)
            value = loaded if isinstance(value, list) else loaded[0]
        if not plan.mapping.after:
            return value
        runner = StepRunner(self.upstream, self.config, CallStepScope(self.said), "after", self.clock)
        try:
            return (await runner.run(plan.mapping.after, Progress(data=value, is_after=True))).data
        except RemoteError as failed:
            raise await self.error(failed, None) from failed

    async def answer(self) -> ProviderAnswer:
        inputs = await map_request(self.plan, self.method, self.said, None)
        try:
            return await fetch_answer(self.upstream, self.method, inputs, None, self.clock)
        except (ProviderFailure, RemoteError) as failed:
            raise await self.error(failed, None) from failed

    async def error(self, failed: ProviderFailure | RemoteError, cursor: str | None) -> RemoteError:
        """A RemoteError comes from an account that is closed for a while: nothing was answered to map."""
        scopes = (*self.method.definition.scopes, *self.plan.scopes)
        if isinstance(failed, ProviderFailure):
            return await to_unified_error(self.plan, self.said, cursor, failed, scopes)
        failed.insight.update(make_insights(self.plan, failed.status, scopes, self.said))
        return failed


async def _call_list(
    run: _UnifiedCall, target: UnifiedTarget, cursor: str | None
) -> ListResult | StreamResult:
    page = await fetch_filled_page(run.fetch, cursor)
    if isinstance(page, StreamResult):
        return page
    options, schema = run.said.call.response_options, target.definition.record_schema
    records: list[Any] = [shape_record(record, options, schema) for record in page.records]
    return ListResult(
        key_records(page.records, records, options.key_by) if options.key_by else records,
        page.next_cursor,
        page.prev_cursor,
        is_partial_response=page.is_partial,
        headers=page.headers or {},
    )


async def _call_single(run: _UnifiedCall, target: UnifiedTarget) -> ValueResult | StreamResult:
    call = run.said.call
    answer = await run.answer()
    if answer.stream is not None:
        return answer.to_stream_result(answer.stream)
    value = await map_value(run.plan, run.said, answer)
    if run.plan.side_loads or run.plan.mapping.after:
        value = await run.completed(value)
    headers = await map_headers(run.plan, run.said, None, answer)
    if call.method == "delete":
        return ValueResult(deleted_record(_find_deleted_id(call, value)), headers)
    schema = target.definition.record_schema
    if isinstance(value, list):
        shaped: Any = [shape_record(item, call.response_options, schema) for item in value]
    else:
        shaped = None if value is UNDEFINED else shape_record(value, call.response_options, schema)
    if call.method in {"get", "create", "update"}:
        return ValueResult(shaped, headers)
    return ValueResult({"result": shaped}, headers)


def _find_deleted_id(call: Call, record: Any) -> str | None:
    """From the path, else from the mapped record, else as the caller named it; unified ids are text."""
    found = record.get("id") if call.id is None and isinstance(record, dict) else None
    return call.record_id if found is None else str(found)
