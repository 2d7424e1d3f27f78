"""Maps the query, body, headers and path of a unified call to those of the provider's request."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from isthmus.definitions.mapping import FileUpload, MappingConfig
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.evaluation import (
    evaluate_mapping,
    make_template_scope,
    make_wrong_result_error,
    render,
    require_object,
)
from isthmus.engine.method_plans import MethodPlan
from isthmus.engine.multipart import OCTET_STREAM
from isthmus.engine.queries import format_header, parse_whole_number
from isthmus.engine.requests import MethodInputs, add_cursor, render_default_headers
from isthmus.engine.unified.mapping_plans import MappingPlan
from isthmus.engine.unified.remote_data import add_remote_data, drop_remote_data
from isthmus.engine.urls import PathTemplate
from isthmus.expressions import UNDEFINED, run_in_turns
from isthmus.expressions.host import Blob
from isthmus.expressions.placeholders import compile_template
from isthmus.kit.call_warnings import CallWarning

__all__ = [
    "CallerInput",
    "find_upload",
    "make_upload_body",
    "map_request",
    "read_caller_input",
]

_DEFAULT_FIELD: Final = "file"
_PATH_SYNTAX: Final = re.compile(r"[{}?#\\]")


@dataclass(frozen=True, slots=True)
class CallerInput:
    """The caller's input as the expressions of a mapping see it. `query`: coerced, without platform
    parameters and cursors. `raw_query`: as sent. `before`: the results of the steps before the call.
    `warnings`: what of it the mapping does not use. `aliased_places`: as `find_aliased_places` returns
    them."""

    call: Call
    query: Mapping[str, Any]
    raw_query: Mapping[str, Any]
    context: Mapping[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[CallWarning, ...] = ()
    aliased_places: Mapping[str, str] = field(default_factory=dict)

    def scope(self, cursor: str | None) -> dict[str, Any]:
        """Returns the names that the expressions of most fields see. `cursor`: as they see it."""
        return {
            "query": add_cursor(self.query, cursor),
            "rawQuery": self.raw_query,
            "context": self.context,
            "before": self.before,
            "id": UNDEFINED if self.call.id is None else self.call.id,
        }


def read_caller_input(
    plan: MappingPlan, call: Call, context: Mapping[str, Any], aliased_places: Mapping[str, str]
) -> tuple[CallerInput, str | None]:
    """Returns the caller's input with its query coerced, and its cursor, sent as `next_cursor`, `prev_cursor`
    or `cursor`; None on the first page. `aliased_places`: see CallerInput."""
    nested = call.query.nested
    alias = nested.get("cursor")
    cursor = call.cursor or (alias if isinstance(alias, str) and alias else None)
    query = plan.query_schema.coerce({name: value for name, value in nested.items() if name != "cursor"})
    warnings = plan.call_names.find_unused(call, aliased_places)
    caller = CallerInput(call, query, nested, context, warnings=warnings, aliased_places=aliased_places)
    return caller, cursor


async def map_request(
    plan: MappingPlan, method: MethodPlan, caller: CallerInput, cursor: str | None
) -> MethodInputs:
    """Maps a unified call to the inputs of the provider's method, for one page. `cursor`: as expressions see
    it. Raises MappingFailed and BadRequest."""
    mapping, call = plan.mapping, caller.call
    scope = {**caller.scope(cursor), "body": call.body}
    templates = make_template_scope(caller.context, id=call.id, query=scope["query"], body=call.body)
    raw = call.passed_through_body
    upload = find_upload(mapping.file_upload)
    if upload is not None:
        scope["body"] = await make_upload_body(upload, call)
        raw = raw if scope["body"] is NO_BODY else None
    body = NO_BODY if raw is not None else await _make_body(plan, scope, templates, caller)
    query, fixed = await _map_query(mapping, scope, templates, call)
    template_names = make_template_scope(caller.context, id=call.id, query=query, body=body)
    headers = await _map_headers(mapping, method, scope, template_names, body)
    is_list = call.method == "list"
    return MethodInputs(
        kind=call.kind,
        id=call.id if is_list else call.record_id,
        query=query,
        fixed=fixed,
        caller_query=caller.raw_query,
        remote_query=call.remote_query,
        scope_query=query,
        body=body,
        body_is_mapped=mapping.request_body_mapping is not None,
        body_has_cursor=plan.places_cursor,
        raw=raw,
        headers=headers,
        forwarded=call.select_headers(method.config.required_headers),
        path=await _map_path(mapping, method, scope, template_names),
        limit=call.limit or parse_whole_number(caller.query.get("limit")) or None,
        asks_for_list=is_list,
        names_cursors=plan.names_cursors,
        scopes=plan.scopes,
        warnings=caller.warnings,
    )


async def _make_body(
    plan: MappingPlan, scope: Mapping[str, Any], templates: Mapping[str, Any], caller: CallerInput
) -> Any:
    """Returns the mapped body, with the caller's further fields (`remote_data`) under it."""
    mapping, call = plan.mapping, caller.call
    default = NO_BODY
    if mapping.body is not None:
        default = render(mapping.body, templates, "body")
        default = NO_BODY if default is UNDEFINED else default
    if mapping.request_body_mapping is None:
        mapped = drop_remote_data(scope["body"])
        if isinstance(default, dict) and isinstance(mapped, dict):
            mapped = {**default, **mapped}
        body = default if mapped is NO_BODY else mapped
    else:
        root = {**default, **scope} if isinstance(default, dict) else scope
        mapped = await evaluate_mapping("request_body_mapping", mapping.request_body_mapping, root)
        body = default if mapped is UNDEFINED else mapped
    if call.body is NO_BODY:
        return body
    if not plan.handles_remote_data:
        complete = add_remote_data(body, call, call.record_id)
        if complete is not body:
            return complete
    if mapping.request_body_mapping is not None:
        plan.call_names.require_sent_field(call, mapped, caller.aliased_places)
    return body


async def _map_query(
    mapping: MappingConfig, scope: Mapping[str, Any], templates: Mapping[str, Any], call: Call
) -> tuple[dict[str, Any], frozenset[str]]:
    """Returns the query for the provider, and the names in it that pagination does not overwrite. `scope`:
    what expressions see. `templates`: what templates see."""
    query: dict[str, Any] = {}
    if mapping.query is not None:
        defaults = mapping.query.render_or_undefined(templates)
        query.update(require_object(defaults, "query"))
    fixed: set[str] = set(call.remote_query)
    if mapping.query_mapping is None:
        hidden = {"limit", "cursor", "next_cursor"}
        query.update((name, value) for name, value in scope["query"].items() if name not in hidden)
    else:
        names = {name: value for name, value in scope.items() if name != "rawQuery"}
        value = await evaluate_mapping("query_mapping", mapping.query_mapping, names)
        result = require_object(value, "query_mapping")
        query.update(result)
        fixed.update(name for name, value in result.items() if value is not None)
    query.update(call.remote_query)
    return query, frozenset(fixed)


async def _map_headers(
    mapping: MappingConfig,
    method: MethodPlan,
    scope: Mapping[str, Any],
    template_names: Mapping[str, Any],
    body: Any,
) -> dict[str, str | None] | None:
    """Returns the headers that replace the definition's, null removing one; None where the mapping has none.
    `template_names`: the names that the definition's templates see."""
    if mapping.request_header_mapping is None:
        return None
    defaults = await run_in_turns(render_default_headers, method, template_names)
    visible_names = {name: scope[name] for name in ("body", "query", "rawQuery", "context")}
    root = {**defaults, **visible_names, "headers": defaults, "requestBody": body}
    result = await evaluate_mapping("request_header_mapping", mapping.request_header_mapping, root)
    headers = require_object(result, "request_header_mapping")
    return {str(name): None if value is None else format_header(value) for name, value in headers.items()}


async def _map_path(
    mapping: MappingConfig, method: MethodPlan, scope: Mapping[str, Any], template_names: Mapping[str, Any]
) -> str | None:
    """Returns the path that replaces the method's; None where the mapping has none, or gives undefined for
    this call. `template_names`: what the definition's templates see."""
    if mapping.path_mapping is None:
        return None
    root = {**scope, "headers": await run_in_turns(render_default_headers, method, template_names)}
    root |= {
        name: _escape_path_syntax(root[name]) for name in ("id", "query", "rawQuery", "body") if name in root
    }
    result = await evaluate_mapping("path_mapping", mapping.path_mapping, root)
    if result is UNDEFINED:
        return None
    if not isinstance(result, str):
        raise make_wrong_result_error("path_mapping", "a string, or undefined for the method's own path")
    return PathTemplate(compile_template(result), "path_mapping").render(template_names)


def _escape_path_syntax(value: Any) -> Any:
    """Returns the value with the characters percent-encoded that have a meaning in a path template. The
    result of the mapping is read as a template, whose placeholders reach the account's secrets; a caller must
    not write one."""
    if isinstance(value, str):
        return _PATH_SYNTAX.sub(lambda match: f"%{ord(match[0]):02X}", value)
    if isinstance(value, Mapping):
        return {name: _escape_path_syntax(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escape_path_syntax(item) for item in value]
    return value


def find_upload(file_upload: bool | FileUpload) -> FileUpload | None:
    """Returns the options by which the caller's bytes are sent as a file; None where they are not.
    `file_upload`: true for the default options."""
    if isinstance(file_upload, FileUpload):
        return file_upload
    return FileUpload() if file_upload else None


async def make_upload_body(upload: FileUpload, call: Call) -> Any:
    """Returns the body of a call whose bytes are sent as a file: an object with the one part. Any other body
    as it is."""
    body = call.body
    if isinstance(body, Blob):
        return {upload.field or _DEFAULT_FIELD: body}
    is_form = (call.content_type or "").lower().startswith("multipart/")
    if not call.body_passthrough or call.raw_body is None or is_form:
        return body
    data = call.raw_body if isinstance(call.raw_body, bytes) else await _read_stream(call.raw_body)
    return {
        upload.field or _DEFAULT_FIELD: Blob(
            data, call.content_type or OCTET_STREAM, upload.field or _DEFAULT_FIELD
        )
    }


async def _read_stream(stream: AsyncIterator[bytes]) -> bytes:
    """Reads a stream to its end."""
    return b"".join([part async for part in stream])
