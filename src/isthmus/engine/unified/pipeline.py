"""Makes unified calls: prepares the call, runs its steps, sends the request, maps the answer to records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.mapping import MappingConfig
from isthmus.engine.calls import (
    NO_BODY,
    Call,
    CallResult,
    ListResult,
    StreamResult,
    ValueResult,
    make_deleted_record,
)
from isthmus.engine.input_schemas import InputSchema, require_inputs
from isthmus.engine.method_plans import MethodPlan, plan_method
from isthmus.engine.pagination.paginator import get_visible_cursor, require_backward_paging
from isthmus.engine.provider_answers import Page, ProviderAnswer, fetch_answer, fetch_filled_page
from isthmus.engine.provider_errors import ProviderFailure
from isthmus.engine.responses import as_records, read_media_type
from isthmus.engine.steps import Progress, StepRunner
from isthmus.engine.unified.aliases import find_aliased_places, resolve_aliases
from isthmus.engine.unified.call_names import require_known_names
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
from isthmus.errors import RemoteError, UpstreamInvalid
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
    refuses_unknown_names: bool = False,
    clock: Clock = _CLOCK,
) -> CallResult:
    """Calls a unified method through its mapping, whose layers are merged. `list` gives a ListResult, any
    other method a ValueResult, and bytes a StreamResult. The result names what the caller sent and the
    mapping does not use. `refuses_unknown_names`: a name that neither model nor mapping knows is an error.

    Raises what `proxy.call_method` raises, and MappingFailed for an expression that fails. Errors of the
    provider are worded by `error_mapping` and carry insights.
    """
    prepared = await prepare_call(
        config, target, mapping, call, upstream.context, refuses_unknown_names=refuses_unknown_names
    )
    caller = prepared.caller
    if mapping.before:
        caller = await _run_steps_before(upstream, config, prepared, clock)
    run = _UnifiedCall(upstream, config, prepared.plan, prepared.method, caller, clock)
    if call.method == "list":
        return await _call_list(run, target, prepared.cursor)
    return await _call_single(run, target)


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A unified call before its first step: the caller's input, the mapping, the provider's method, and the
    cursor of the page. `aliases`: what the aliases that the caller sent stand for, as `resolve_aliases`
    returns them."""

    plan: MappingPlan
    method: MethodPlan
    caller: CallerInput
    cursor: str | None
    aliases: Mapping[str, str]


async def prepare_call(
    config: IntegrationConfig,
    target: UnifiedTarget,
    mapping: MappingConfig,
    call: Call,
    context: Mapping[str, Any],
    *,
    refuses_unknown_names: bool = False,
) -> PreparedCall:
    """Chooses the mapping and the provider's method of a call, and checks the caller's input.

    Raises NotFound, BadRequest and MappingFailed, as the call does before anything is sent.
    """
    require_method(target, call.method)
    plan = plan_mapping(mapping, target, call.method)
    sent, (call, aliases) = call, resolve_aliases(plan.aliases, call)
    aliased_places = find_aliased_places(aliases, sent)
    caller, cursor = read_caller_input(plan, call, context, aliased_places)
    # Bytes that pass through are the provider's body: the required fields of a unified body are not in them.
    body_schema = _ANY_INPUT if call.body_passthrough else plan.body_schema
    require_inputs(plan.query_schema, body_schema, caller.query, call.body)
    if refuses_unknown_names:
        require_known_names(caller.warnings)
    if call.body is not NO_BODY:
        plan.call_names.require_used_field(call, aliased_places)
    shared = caller.scope(cursor)
    scope = {**{name: shared[name] for name in ("query", "rawQuery", "context")}, "body": call.body}
    resource = await choose_name("resource", mapping.resource, target.resource, scope)
    name = await choose_name("method", mapping.method, call.method, scope)
    method = _use_upload_format(plan_method(config, resource, name), mapping)
    if call.goes_back and method.paginator is not None and not plan.names_way_back:
        require_backward_paging(method.paginator)
    return PreparedCall(plan, method, caller, cursor, aliases)


def _use_upload_format(method: MethodPlan, mapping: MappingConfig) -> MethodPlan:
    """Returns the method with the body format of uploads, where the mapping sends the caller's bytes as a
    file."""
    upload = find_upload(mapping.file_upload)
    if upload is None or method.definition.body_format == upload.body_format:
        return method
    definition = method.definition.model_copy(update={"body_format": upload.body_format})
    return replace(method, definition=definition)


@dataclass(frozen=True, slots=True)
class CallStepScope:
    """What the steps before and after a call see."""

    caller: CallerInput

    def names(self, progress: Progress, context: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the names that the steps see: the caller's input, the mapped data, and the result of the
        step before."""
        call = self.caller.call
        return {
            "id": UNDEFINED if call.id is None else call.id,
            "query": self.caller.query,
            "body": call.body,
            "context": context,
            "data": progress.data,
            "step": progress.last,
        }

    def bindings(self, progress: Progress) -> None:
        """Returns None: the steps of a call have no variables."""
        return


async def _run_steps_before(
    upstream: Upstream,
    config: IntegrationConfig,
    prepared: PreparedCall,
    clock: Clock,
) -> CallerInput:
    """Runs the steps before the call. Returns the caller's input with their results, and with the context as
    they left it."""
    plan, caller = prepared.plan, prepared.caller
    runner = StepRunner(upstream, config, CallStepScope(caller), "before", clock)
    try:
        progress = await runner.run(plan.mapping.before)
    except RemoteError as error:
        error.insight.update(
            make_insights(plan, error.status, (*prepared.method.definition.scopes, *plan.scopes), caller)
        )
        raise
    return replace(caller, before=progress.named, context=upstream.context)


@dataclass(frozen=True, slots=True)
class _UnifiedCall:
    """One unified call under way: what is the same for every page."""

    upstream: Upstream
    config: IntegrationConfig
    plan: MappingPlan
    method: MethodPlan
    caller: CallerInput
    clock: Clock

    async def fetch_page(self, cursor: str | None) -> Page | StreamResult:
        """Fetches one page of records, and completes it with side loads and the steps after the call, which
        are not run for an empty page that has a next one."""
        visible = get_visible_cursor(self.method.paginator, cursor)
        inputs = await map_request(self.plan, self.method, self.caller, visible)
        try:
            answer = await fetch_answer(self.upstream, self.method, inputs, cursor, self.clock)
        except (ProviderFailure, RemoteError) as error:
            raise await self.to_caller_error(error, visible) from error
        if answer.stream is not None:
            return answer.to_stream_result(answer.stream)
        page = await map_page(self.plan, self.caller, visible, inputs, answer)
        if not self.plan.side_loads and not self.plan.mapping.after:
            return page
        if not page.records and page.next_cursor is not None:
            return page
        value = await self.run_steps_after(page.records)
        records = as_records(None if value is UNDEFINED else value)
        return replace(page, records=[record for record in records if record is not None])

    async def run_steps_after(self, value: Any) -> Any:
        """Returns the mapped record, or list of records, with its side loads, as the steps after the call
        return it."""
        plan = self.plan
        if plan.side_loads:
            loads = SideLoads(self.upstream, self.config, plan.side_loads, self.caller, self.clock)
            records = value if isinstance(value, list) else [value]
            loaded = await loads.load(records)
            value = loaded if isinstance(value, list) else loaded[0]
        if not plan.mapping.after:
            return value
        runner = StepRunner(self.upstream, self.config, CallStepScope(self.caller), "after", self.clock)
        try:
            return (await runner.run(plan.mapping.after, Progress(data=value, is_after=True))).data
        except RemoteError as error:
            raise await self.to_caller_error(error, None) from error

    async def fetch_answer(self) -> ProviderAnswer:
        """Sends the request of a call that is no list, and returns the answer."""
        inputs = await map_request(self.plan, self.method, self.caller, None)
        try:
            return await fetch_answer(self.upstream, self.method, inputs, None, self.clock)
        except (ProviderFailure, RemoteError) as error:
            raise await self.to_caller_error(error, None) from error

    async def to_caller_error(self, error: ProviderFailure | RemoteError, cursor: str | None) -> RemoteError:
        """Returns the error that the caller gets. A ProviderFailure goes through `error_mapping`; a
        RemoteError is that of an account that waits, and there is no answer to map."""
        scopes = (*self.method.definition.scopes, *self.plan.scopes)
        if isinstance(error, ProviderFailure):
            message = error.make_message(self.upstream.account.product, self.config, self.upstream.context)
            return await to_unified_error(self.plan, self.caller, cursor, error, message, scopes)
        error.insight.update(make_insights(self.plan, error.status, scopes, self.caller))
        return error


async def _call_list(
    run: _UnifiedCall, target: UnifiedTarget, cursor: str | None
) -> ListResult | StreamResult:
    """Fetches one page of records, shaped as the caller asked."""
    page = await fetch_filled_page(run.fetch_page, cursor)
    if isinstance(page, StreamResult):
        return page
    options, schema = run.caller.call.response_options, target.definition.record_schema
    records: list[Any] = [shape_record(record, options, schema) for record in page.records]
    return ListResult(
        key_records(page.records, records, options.key_by) if options.key_by else records,
        page.next_cursor,
        page.prev_cursor,
        is_partial_response=page.is_partial,
        headers=page.headers or {},
        warnings=page.warnings,
    )


async def _call_single(run: _UnifiedCall, target: UnifiedTarget) -> ValueResult | StreamResult:
    """Makes a call that is no list. Returns its result, shaped as the caller asked."""
    call = run.caller.call
    answer = await run.fetch_answer()
    if answer.stream is not None:
        return answer.to_stream_result(answer.stream)
    if call.method == "get":
        _require_record(run.method, answer, run.upstream.account.product)
    value = await map_value(run.plan, run.caller, answer)
    if run.plan.side_loads or run.plan.mapping.after:
        value = await run.run_steps_after(value)
    headers = await map_headers(run.plan, run.caller, None, answer)
    if call.method == "delete":
        deleted = make_deleted_record(_find_deleted_id(call, value))
        return ValueResult(deleted, headers, warnings=answer.warnings)
    schema = target.definition.record_schema
    if isinstance(value, list):
        shaped: Any = [shape_record(item, call.response_options, schema) for item in value]
    else:
        shaped = None if value is UNDEFINED else shape_record(value, call.response_options, schema)
    if call.method in {"get", "create", "update"}:
        return ValueResult(shaped, headers, warnings=answer.warnings)
    return ValueResult({"result": shaped}, headers, warnings=answer.warnings)


def _require_record(method: MethodPlan, answer: ProviderAnswer, product: str) -> None:
    """Raises UpstreamInvalid for an answer to `get` that is nothing or a single value, unless it is text that
    the definition asks for: a mapping would make a record of it that the provider never sent."""
    data = answer.data
    if not (data is None or isinstance(data, (str, int, float))):
        return
    if isinstance(data, str) and method.definition.api_response_format == "text":
        return
    kind = read_media_type(answer.headers) or "of no type"
    found = f"a single value ({kind})" if data is not None else "nothing"
    raise UpstreamInvalid(
        f"{product} answered {method.resource}.{method.name} with {answer.status} and {found} instead of a "
        "record. Correct response_path; for a record in text, set api_response_format."
    )


def _find_deleted_id(call: Call, record: Any) -> str | None:
    """Returns the id of the deleted record as text: from the path, else from the mapped record, else as the
    caller named it in the query or body; None where none names it."""
    mapped_id = record.get("id") if call.id is None and isinstance(record, dict) else None
    return call.record_id if mapped_id is None else str(mapped_id)
