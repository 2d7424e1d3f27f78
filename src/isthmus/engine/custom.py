"""Custom calls: of a raw path of the provider, or of a method that the caller writes out.

A custom call is a proxy call of a method that belongs to no resource. The path and query that a caller sends
are data, so placeholders in them are not rendered. A `methodConfig` is a definition, and is read as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from pydantic import BaseModel

from isthmus.definitions.findings import find_unknown_keys
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.load import DefinitionInvalid, load
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.object_mapping import ObjectMapping
from isthmus.engine.calls import NO_BODY, Call, CallResult, RawBody, StreamResult, ValueResult
from isthmus.engine.evaluation import make_template_scope
from isthmus.engine.method_plans import MethodPlan, plan_ad_hoc_method
from isthmus.engine.pagination.paginator import require_backward_paging
from isthmus.engine.provider_answers import Page, fetch_filled_page
from isthmus.engine.proxy import fetch_proxy_answer
from isthmus.engine.requests import MethodInputs
from isthmus.engine.responses import read_media_type, should_stream
from isthmus.engine.upstream import Upstream
from isthmus.engine.urls import BaseUrl, check_path, parse_origin
from isthmus.errors import BadRequest, failure
from isthmus.expressions import Expression
from isthmus.expressions.placeholders import Template, make_literal_template
from isthmus.kit.clock import Clock, SystemClock

__all__ = [
    "METHOD_CONFIG",
    "CustomCall",
    "call_custom",
    "check_relative_path",
    "is_read",
    "select_forwarded_headers",
]

METHOD_CONFIG: Final = "methodConfig"

_CLOCK: Final = SystemClock()
_RESOURCE: Final = "custom"
_READ_VERBS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PAGE_TIMEOUT_SECONDS: Final = float(MethodDefinition.model_fields["timeout_seconds"].default)
_MAX_TIMEOUT_SECONDS: Final = 600.0
_PLAIN_PATH: Final = re.compile(r"[\w$]+(\.[\w$]+)*")
_CALLER_ROOTS: Final = frozenset({"id", "query", "body"})
_DROPPED_HEADERS: Final = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "idempotency-key",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-real-ip",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomCall:
    """One custom call. `verb`: the HTTP verb, upper-case. `path`: as sent, percent-encoded, below `/custom/`.
    `parameters`: query and page, and with `method_config` the rest of the JSON body. `raw`: the body to send,
    None for none; never with `method_config`. `is_trusted`: the caller may decide where credentials are sent
    (an API token may, the token of one account may not). `forwarded`: headers of the caller to send."""

    verb: str
    path: str
    parameters: Call
    raw: RawBody | None = None
    method_config: Mapping[str, Any] | None = None
    is_trusted: bool = True
    forwarded: Mapping[str, str] = field(default_factory=dict)


def is_read(verb: str, method_config: Mapping[str, Any] | None) -> bool:
    """Returns True if neither the verb of the call nor that of its `methodConfig` can change anything at the
    provider."""
    chosen = verb if method_config is None else str(method_config.get("method") or verb)
    return verb.upper() in _READ_VERBS and chosen.upper() in _READ_VERBS


def check_relative_path(path: str) -> str:
    """Returns the path without a leading slash, and with braces encoded. Raises BadRequest for one that would
    not lead below the base URL."""
    plain = path.lstrip("/")
    if plain.lower().startswith(("http://", "https://", "http:%2f", "https:%2f")):
        raise BadRequest(
            "A custom path is a path below the integration's base_url. Send it without scheme and host.",
            failures=[failure("path", "must be relative", "absolute_url")],
        )
    check_path(unquote(plain), "path")
    return check_path(plain, "path").replace("{", "%7B").replace("}", "%7D")


def select_forwarded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the caller's headers to forward to the provider. Leaves out hop-by-hop and proxy headers, those
    meant for this server (Authorization, Cookie, Idempotency-Key), and those that the HTTP client sets itself
    (Content-Type, Content-Length, Accept-Encoding, Expect). `headers`: by lower-case name."""
    hop_by_hop = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    return {
        name: value
        for name, value in headers.items()
        if name not in _DROPPED_HEADERS and name not in hop_by_hop and not name.startswith("x-forwarded-")
    }


async def call_custom(
    upstream: Upstream, config: IntegrationConfig, call: CustomCall, *, clock: Clock = _CLOCK
) -> CallResult:
    """Makes a custom call. JSON gives a ValueResult `{result, next_cursor, prev_cursor}`, anything else a
    StreamResult of the unchanged bytes.

    Raises BadRequest for a path or a `methodConfig` that may not be called, RemoteError for an error of the
    provider, and what `Upstream.send` raises.
    """
    plan = _make_plan(config, call)
    if plan.definition.base_url is not None:
        _require_same_origin(plan, upstream.context)
    inputs, cursor = _make_inputs(plan, call)

    async def fetch(cursor: str | None) -> Page | StreamResult:
        """Fetches one page, its data as the only record."""
        answer = await fetch_proxy_answer(upstream, plan, inputs, cursor, clock)
        if answer.stream is not None:
            return answer.to_stream_result(answer.stream)
        # The one value stands for the records of a page; an empty list is no reason to stop.
        records = [] if answer.data == [] else [answer.data]
        return Page(records, answer.cursors.next, answer.cursors.prev, warnings=answer.warnings)

    page = await fetch_filled_page(fetch, cursor)
    if isinstance(page, StreamResult):
        return page
    result = page.records[0] if page.records else []
    body = {"result": result, "next_cursor": page.next_cursor, "prev_cursor": page.prev_cursor}
    return ValueResult(body, warnings=page.warnings)


def _make_plan(config: IntegrationConfig, call: CustomCall) -> MethodPlan:
    """Returns the plan of the method that a custom call makes. Raises BadRequest for a path that may not be
    called."""
    path = check_relative_path(call.path)
    verb = call.verb.upper()
    if call.method_config is not None:
        return _plan_method_config(config, call, path)
    definition = MethodDefinition.model_validate({"path": make_literal_template(path), "pagination": None})
    plan = plan_ad_hoc_method(config, _RESOURCE, verb.lower(), definition, where="custom")
    return replace(plan, verb=verb, array_format="repeat", streams=_is_not_json)


def _plan_method_config(config: IntegrationConfig, call: CustomCall, path: str) -> MethodPlan:
    """Returns the plan of the method that the caller wrote out. Raises BadRequest for one that is not valid,
    or that this caller may not send."""
    method_config = call.method_config
    assert method_config is not None
    verb = call.verb.lower() if call.verb.upper() not in ("HEAD", "OPTIONS") else "get"
    defaults = {"method": verb, "path": make_literal_template(path), "pagination": None}
    definition = load(
        MethodDefinition, {**defaults, **method_config}, source=METHOD_CONFIG, prefix=METHOD_CONFIG
    )
    # Stored definitions may hold notes of their author, which callers copy: only misspelt keys are refused.
    misspelt = [
        failure(finding.path, f"{finding.message}; {finding.fix}", "unknown_field")
        for finding in find_unknown_keys(definition, top="warn", path=METHOD_CONFIG)
        if finding.fix is not None
    ]
    if misspelt:
        raise DefinitionInvalid(METHOD_CONFIG, misspelt)
    if "path" in method_config:
        check_relative_path(str(definition.path.source))
    if definition.timeout_seconds > _MAX_TIMEOUT_SECONDS:
        raise _make_not_allowed_error("timeout_seconds", f"may be {_MAX_TIMEOUT_SECONDS:g} at most")
    if not call.is_trusted:
        _refuse_access_to_credentials(definition)
    plan = plan_ad_hoc_method(config, _RESOURCE, definition.method, definition, where=METHOD_CONFIG)
    response_format = definition.api_response_format
    return replace(
        plan, streams=_is_not_json if response_format is None else partial(should_stream, response_format)
    )


def _refuse_access_to_credentials(definition: MethodDefinition) -> None:
    """Raises BadRequest for a definition by which the token of one account could read the account's
    credentials, send them elsewhere or hold this server: a base URL, authorization, an expression, or a
    longer time limit than a method has by itself."""
    for name in ("base_url", "authorization"):
        if getattr(definition, name) is not None:
            raise _make_not_allowed_error(name, "may not be set with the token of an integrated account")
    for name, value in definition:
        if name == "response_path" and value is not None and _PLAIN_PATH.fullmatch(value.text):
            continue
        if _holds_expression(value):
            raise _make_not_allowed_error(
                name, "may hold no expression with the token of an integrated account"
            )
    if definition.timeout_seconds > _PAGE_TIMEOUT_SECONDS:
        raise _make_not_allowed_error(
            "timeout_seconds",
            f"may be {_PAGE_TIMEOUT_SECONDS:g} at most with the token of an integrated account",
        )
    for name in ("path", "pagination_path", "headers", "query", "body"):
        value = getattr(definition, name)
        templates = value.values() if isinstance(value, Mapping) else [value]
        for template in templates:
            if isinstance(template, Template) and any(
                not item.roots <= _CALLER_ROOTS for item in template.placeholders
            ):
                raise _make_not_allowed_error(
                    name, "may read id, query and body only, with an integrated account's token"
                )


def _holds_expression(value: Any) -> bool:
    """Returns True if there is an expression in the value of a field, at any depth."""
    if isinstance(value, Expression | ObjectMapping):
        return True
    if isinstance(value, BaseModel):
        return any(_holds_expression(item) for _, item in value)
    if isinstance(value, Mapping):
        return any(map(_holds_expression, value.values()))
    return isinstance(value, list | tuple) and any(map(_holds_expression, value))


def _make_not_allowed_error(name: str, message: str) -> BadRequest:
    """Returns the error for a field of `methodConfig` that this caller may not send."""
    path = f"{METHOD_CONFIG}.{name}"
    return BadRequest(f"{path} {message}.", failures=[failure(path, message, "not_allowed")])


def _require_same_origin(plan: MethodPlan, context: Mapping[str, Any]) -> None:
    """Raises BadRequest where the plan's base URL leads to another origin than the integration's."""
    scope = make_template_scope(context, id=None, query={}, body=NO_BODY)
    own_base_url = plan.config.base_url
    if own_base_url is None or parse_origin(BaseUrl(own_base_url, "base_url").render(scope)) != parse_origin(
        plan.base_url.render(scope)
    ):
        raise _make_not_allowed_error(
            "base_url", "must keep the scheme, host and port of the integration's base_url"
        )


def _make_inputs(plan: MethodPlan, call: CustomCall) -> tuple[MethodInputs, str | None]:
    """Returns what a custom call puts into the request, and the cursor of its page, None for the first."""
    parameters = call.parameters
    nested = parameters.query.nested
    if call.method_config is None:
        query: dict[str, Any] = {}
        for name, value in parameters.query.pairs:
            query.setdefault(name, []).append(value)
        inputs = MethodInputs(
            kind="custom", query=query, scope_query=nested, raw=call.raw, forwarded=call.forwarded
        )
        return inputs, None
    pages = plan.paginator is not None
    if plan.paginator is not None and parameters.goes_back:
        require_backward_paging(plan.paginator)
    dropped = {"cursor"} if pages else set()
    if plan.paginator is not None and plan.paginator.limit_param:
        dropped.add("limit")
    alias = nested.get("cursor")
    inputs = MethodInputs(
        kind="custom",
        query={name: value for name, value in nested.items() if name not in dropped},
        scope_query=nested,
        body=parameters.body,
        forwarded=call.forwarded,
        limit=parameters.limit,
        asks_for_list=pages,
    )
    return inputs, parameters.cursor or (alias if pages and isinstance(alias, str) and alias else None)


def _is_not_json(status: int, headers: Mapping[str, str]) -> bool:
    """Returns True for a successful answer that is not JSON, and so is passed on as it arrives."""
    if status >= 400 or status in {204, 205} or headers.get("content-length") == "0":
        return False
    return not read_media_type(headers).endswith("json")
