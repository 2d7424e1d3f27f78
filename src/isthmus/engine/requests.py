"""Builds the request of one page: from the plan of a method, and what a call puts into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from isthmus.engine.bodies import (
    UnpagedRequest,
    choose_body,
    encode_body,
    flatten_to_dotted_names,
    make_passthrough_paging_error,
    moves_query_to_body,
)
from isthmus.engine.calls import NO_BODY, OperationKind, RawBody
from isthmus.engine.evaluation import (
    drop_undefined,
    evaluate,
    make_template_scope,
    render_or_undefined,
    require_object,
)
from isthmus.engine.method_plans import MethodPlan
from isthmus.engine.pagination import PageRequest, PageStart, RequestDraft
from isthmus.engine.pagination.paginator import get_visible_cursor, make_bad_cursor_error
from isthmus.engine.provider_errors import ThrottleDetector
from isthmus.engine.queries import format_header, parse_query, serialize_query
from isthmus.engine.upstream import Operation, OutgoingRequest
from isthmus.engine.urls import (
    BaseUrl,
    append_query,
    check_path,
    encode_illegal_characters,
    join_path,
    resolve_on_origin,
)
from isthmus.errors import BadRequest, failure
from isthmus.expressions import UNDEFINED
from isthmus.http.messages import HttpRequest
from isthmus.kit.call_warnings import CallWarning

__all__ = ["MethodInputs", "add_cursor", "build_request", "render_default_headers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodInputs:
    """What one call puts into a method's request, on every page alike.

    `query`: outbound, over the definition's own. `fixed`: names in it that a mapping or `remote_query` set.
    `caller_query`, `remote_query`: those of the call itself, which nothing is made of.
    `scope_query`: what templates see as `query`. `body`: the caller's or the mapped one, before
    `bodies.choose_body`; `raw`: bytes that are sent instead. `body_is_mapped`: a mapping made the body, so no
    page overwrites the limit in it, nor, with `body_has_cursor`, anything else that it set. `headers`:
    replaces the definition's (a mapping's), null removing one; None to keep the definition's. `forwarded`:
    headers of the caller that are sent too. `path`: replaces the method's (a mapping's). `asks_for_list`:
    whether pages, limits and cursors apply. `names_cursors`: the answer's mapping gives cursors of its own,
    which the method's pagination need not know. `names`: further names that templates see. `scopes`: OAuth
    scopes beside those of the method. `reads_whole`: bytes are read into a blob instead of being streamed.
    `warnings`: what the caller sent and the request does not hold.
    """

    kind: OperationKind
    id: str | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    caller_query: Mapping[str, Any] = field(default_factory=dict)
    remote_query: Mapping[str, Any] = field(default_factory=dict)
    scope_query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = NO_BODY
    body_is_mapped: bool = False
    body_has_cursor: bool = False
    raw: RawBody | None = None
    headers: Mapping[str, str | None] | None = None
    forwarded: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    limit: int | None = None
    asks_for_list: bool = False
    names_cursors: bool = False
    names: Mapping[str, Any] | None = None
    scopes: tuple[str, ...] = ()
    reads_whole: bool = False
    warnings: tuple[CallWarning, ...] = ()


_UNPAGED: Final = PageRequest()


def build_request(
    plan: MethodPlan,
    inputs: MethodInputs,
    context: Mapping[str, Any],
    credential_format: str | None,
    cursor: str | None,
    *,
    cursor_key: bytes = b"",
) -> tuple[OutgoingRequest, PageRequest]:
    """Returns the request of the page at `cursor`, complete but for authorization, and the part of it that
    the pagination made, which the reading of the answer needs.

    `cursor_key`: of the account, as in `AccountFacts`. Raises BadRequest where the call lacks something, and
    MappingFailed.
    """
    visible_query = add_cursor(inputs.scope_query, get_visible_cursor(plan.paginator, cursor))
    scope = make_template_scope(context, id=inputs.id, query=visible_query, body=inputs.body)
    if inputs.names:
        scope.update(inputs.names)
    own_query = _render_own_query(plan, scope)
    later = cursor is not None and inputs.asks_for_list
    unpaged = _place_query(plan, inputs, scope, own_query, later_page=later)
    page = _start_page(plan, inputs, scope, unpaged, {**own_query, **inputs.query}, cursor, cursor_key)
    http, body = _assemble_request(plan, inputs, scope, unpaged, page)
    if page.parts is not None:
        page = replace(page, parts=replace(page.parts, draft=_make_draft(http, body, page.parts.draft.query)))
    outgoing = OutgoingRequest(
        http=http,
        operation=Operation(
            kind=inputs.kind,
            resource=plan.resource,
            method=plan.name,
            id=inputs.id,
            query=inputs.query,
            cursor=cursor,
            limit=page.size if page.size is not None else inputs.limit,
            body=None if body is NO_BODY else body,
            sent_body=None if inputs.body is NO_BODY else inputs.body,
            caller_query=inputs.caller_query,
            remote_query=inputs.remote_query,
        ),
        authorization=plan.choose_authorization(credential_format),
        throttling=ThrottleDetector(plan.config.rate_limit),
        scopes=tuple(dict.fromkeys((*plan.definition.scopes, *inputs.scopes))),
        drop_credentials_on_redirect=plan.definition.ignore_credentials_on_redirect,
        unused=tuple(warning.field for warning in inputs.warnings if warning.field is not None),
    )
    return outgoing, page


def _assemble_request(
    plan: MethodPlan,
    inputs: MethodInputs,
    scope: Mapping[str, Any],
    unpaged: UnpagedRequest,
    page: PageRequest,
) -> tuple[HttpRequest, Any]:
    """Returns the request with what `page` adds to it, and its body before encoding (any JSON value, or
    NO_BODY). `unpaged`: query and body without the page."""
    definition = plan.definition
    in_url, body = unpaged.add_page(page, in_body=definition.paginate_in_body)
    if inputs.raw is not None and body is not NO_BODY:
        if page.cursor is not None:
            raise make_passthrough_paging_error()
        body = NO_BODY
    url = _build_url(plan, inputs, scope, page, in_url)
    data, content_type = (
        (inputs.raw.data, inputs.raw.content_type)
        if inputs.raw is not None
        else encode_body(definition, body, plan.array_format)
    )
    headers = _build_headers(plan, inputs, scope, content_type)
    if page.headers:
        names = {name.lower() for name in page.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in names}
        headers.update(page.headers)
    http = HttpRequest(
        method=plan.verb,
        url=url,
        headers=headers,
        body=data,
        timeout_seconds=definition.timeout_seconds,
        stream=None if inputs.reads_whole else plan.streams,
        body_length=None if inputs.raw is None else inputs.raw.length,
    )
    return http, body


def _make_draft(http: HttpRequest, body: Any, caller_query: Mapping[str, Any]) -> RequestDraft:
    """Returns the request as the expressions of dynamic pagination see it, its URL without the query.
    `caller_query`: the query that the caller sent."""
    parts = urlsplit(http.url)
    options: dict[str, Any] = {
        "method": http.method,
        "headers": dict(http.headers),
        "query": dict(parse_query(parts.query).nested),
    }
    if body is not NO_BODY:
        options["body"] = body
    return RequestDraft(urlunsplit(parts._replace(query="")), options, caller_query)


def add_cursor(query: Mapping[str, Any], cursor: str | None) -> Mapping[str, Any]:
    """Returns the query as expressions and templates see it: with the cursor under both of its names."""
    return {**query, "cursor": cursor, "next_cursor": cursor} if cursor is not None else query


def _start_page(
    plan: MethodPlan,
    inputs: MethodInputs,
    scope: Mapping[str, Any],
    unpaged: UnpagedRequest,
    query: Mapping[str, Any],
    cursor: str | None,
    cursor_key: bytes,
) -> PageRequest:
    """Returns what the page at `cursor` adds to the request. `query`: the whole outbound query without
    pagination, whether it is sent in the URL or in the body.

    Raises BadRequest for a cursor that is not one of this list.
    """
    if plan.paginator is None or not inputs.asks_for_list:
        if cursor is None or not inputs.asks_for_list:
            return _UNPAGED
        if not inputs.names_cursors:
            raise make_bad_cursor_error("was sent to a list that has only one page")
        return PageRequest(cursor)

    def build_draft() -> RequestDraft:
        """Returns the request without pagination, as expressions see it."""
        http, body = _assemble_request(plan, inputs, scope, unpaged, _UNPAGED)
        caller_query = scope["query"]
        return _make_draft(
            http, body, caller_query if inputs.limit is None else {"limit": inputs.limit, **caller_query}
        )

    present, fixed = query, inputs.fixed
    if plan.definition.paginate_in_body:
        present = flatten_to_dotted_names(unpaged.body)
        kept_names = _find_kept_names(inputs, plan.paginator.limit_param)
        fixed = frozenset(
            present.keys() & (kept_names | (inputs.fixed if unpaged.has_query_in_body else frozenset()))
        )
    start = PageStart(cursor, inputs.limit, present, fixed, build_draft, cursor_key)
    try:
        page = plan.paginator.make_request(start)
    except BadRequest:
        if not inputs.names_cursors:
            raise
        page = replace(plan.paginator.make_request(replace(start, cursor=None)), cursor=cursor)
    return replace(page, key=cursor_key)


def _find_kept_names(inputs: MethodInputs, limit_param: str | None) -> frozenset[str]:
    """Returns dotted names in a mapped body that no page overwrites. Where the mapping does not read the
    cursor, only the limit is kept: a position in the body is that of the first page, and would be sent for
    every page."""
    names = frozenset(flatten_to_dotted_names(inputs.body)) if inputs.body_is_mapped else frozenset[str]()
    return names if inputs.body_has_cursor else names & {limit_param}


def _render_own_query(plan: MethodPlan, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the query parameters of the definition; one with a placeholder that has no value is dropped."""
    query: dict[str, Any] = {}
    for name, template in plan.query:
        value = render_or_undefined(template, scope, f"query.{name}")
        if value is not UNDEFINED and value is not None:
            query[name] = value
    if plan.dynamic_query is not None:
        value = evaluate("query", plan.dynamic_query, drop_undefined(scope))
        query.update(require_object(value, "query"))
    return query


def _place_query(
    plan: MethodPlan,
    inputs: MethodInputs,
    scope: Mapping[str, Any],
    own_query: Mapping[str, Any],
    *,
    later_page: bool,
) -> UnpagedRequest:
    """Returns query and body without what a page adds, the call's query put into one of them. `own_query`:
    the definition's."""
    query = inputs.query
    if inputs.raw is not None:
        return UnpagedRequest({**own_query, **query}, NO_BODY, has_query_in_body=False)
    body = choose_body(plan.definition, inputs.body, scope, later_page=later_page)
    if not moves_query_to_body(plan.definition, body, later_page=later_page):
        return UnpagedRequest({**own_query, **query}, body, has_query_in_body=False)
    return UnpagedRequest(own_query, {**query, **({} if body is NO_BODY else body)}, has_query_in_body=True)


def _build_url(
    plan: MethodPlan,
    inputs: MethodInputs,
    scope: Mapping[str, Any],
    page: PageRequest,
    query: Mapping[str, Any],
) -> str:
    """Returns the URL of the request: the page's own, or the base URL with the mapped or defined path, and
    the query. Raises BadRequest for one that leads to another origin."""
    base = plan.base_url.render(scope)
    if page.url is not None:
        # The token is the caller's to send, so it must not lead anywhere but to this base's origin.
        target = resolve_on_origin(base, page.url)
        if target is None:
            raise make_bad_cursor_error("must lead to the provider's own address")
        return encode_illegal_characters(target)
    if page.parts is not None and page.parts.address is not None:
        url = _resolve_path(iter((base,)), page.parts.address, "pagination")
        own_query = parse_query(urlsplit(url).query).nested
        query = {name: value for name, value in query.items() if name not in own_query}
    elif inputs.path is not None:
        url = _resolve_path(_render_base_urls(plan, base, scope), inputs.path)
    elif page.cursor is not None and plan.later_path is not None:
        url = _resolve_path(iter((base,)), plan.later_path.render(scope), "pagination_path")
    else:
        url = join_path(base, plan.path.render(scope))
    return encode_illegal_characters(append_query(url, serialize_query(query, plan.array_format)))


def _render_base_urls(plan: MethodPlan, base: str, scope: Mapping[str, Any]) -> Iterator[str]:
    """Yields the method's base URL, then the integration's where that is another one. The second is rendered
    only when it is needed, because an account may have no values for it."""
    yield base
    if plan.definition.base_url is not None and plan.config.base_url is not None:
        yield BaseUrl(plan.config.base_url, "base_url").render(scope)


def _resolve_path(bases: Iterator[str], path: str, field: str = "path_mapping") -> str:
    """Returns the URL that a path or address means: a path below the first base, an address as it is. Raises
    BadRequest for an address that is not on the origin of any base. `field`: where it stands, for
    messages."""
    if not path.startswith(("http://", "https://")):
        return join_path(next(bases), check_path(path, field))
    for base in bases:
        target = resolve_on_origin(base, path)
        if target is not None:
            return target
    raise BadRequest(
        "The path leads to another origin than the integration's base_url, so the call was not sent.",
        failures=[failure(field, "must stay on the origin of base_url", "foreign_origin")],
    )


def render_default_headers(plan: MethodPlan, scope: Mapping[str, Any]) -> dict[str, str]:
    """Returns the headers of the definition, without authorization and content type."""
    headers: dict[str, Any] = {}
    for name, template in plan.headers:
        value = (
            template.source if template.is_static else render_or_undefined(template, scope, f"headers.{name}")
        )
        if value is not UNDEFINED and value is not None:
            headers[name] = value
    if plan.dynamic_headers is not None:
        computed = require_object(evaluate("headers", plan.dynamic_headers, drop_undefined(scope)), "headers")
        names = {name.lower() for name in computed}
        headers = {name: value for name, value in headers.items() if name.lower() not in names}
        headers.update(
            (name, value)
            for name, value in computed.items()
            if value is not None and name.lower() not in plan.removed_headers
        )
    return {name: format_header(value) for name, value in headers.items()}


def _build_headers(
    plan: MethodPlan, inputs: MethodInputs, scope: Mapping[str, Any], content_type: str | None
) -> dict[str, str]:
    """Returns the headers of the request, without authorization. Null at any level removes a header, also the
    content type that follows from the body."""
    removed = plan.removed_headers
    if inputs.headers is None:
        headers = render_default_headers(plan, scope)
    else:
        removed |= {name.lower() for name, value in inputs.headers.items() if value is None}
        headers = {
            name: value
            for name, value in inputs.headers.items()
            if value is not None and name.lower() not in removed
        }
    present = {name.lower() for name in headers}
    headers.update((name, value) for name, value in inputs.forwarded.items() if name.lower() not in present)
    if content_type is not None and (inputs.raw is not None or "content-type" not in present | removed):
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        headers["Content-Type"] = content_type
    return headers
