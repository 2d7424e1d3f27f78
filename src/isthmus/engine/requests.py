"""From a method's plan and what a call brings to the request that goes out (`definitions.md` §1.5, §4.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from isthmus.engine.bodies import Unpaged, chosen_body, dotted, encode_body, not_paged, takes_query
from isthmus.engine.calls import NO_BODY, OperationKind, RawBody
from isthmus.engine.evaluation import evaluate, template_scope, unresolved, without_undefined, wrong_result
from isthmus.engine.method_plans import MethodPlan
from isthmus.engine.pagination import PageRequest, PageStart, RequestDraft
from isthmus.engine.pagination.paginator import bad_cursor, visible_cursor
from isthmus.engine.provider_errors import Throttling
from isthmus.engine.queries import header_text, parse, serialize
from isthmus.engine.upstream import Operation, OutgoingRequest
from isthmus.engine.urls import BaseUrl, encode_illegal_characters, join, plain_path, same_origin, with_query
from isthmus.errors import BadRequest, failure
from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import PlaceholderError, Template
from isthmus.http.messages import HttpRequest

__all__ = ["Inputs", "build", "default_headers", "with_cursor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What one call puts into a method's request, on every page alike.

    `query`: outbound, over the definition's own. `fixed`: names in it that a mapping or `remote_query` set.
    `scope_query`: what templates see as `query`, where that is not `query`. `body`: outbound, before the
    rules of §1.8; `raw` skips them; `body_is_mapped`: a mapping made it, and no page overwrites the limit in
    it, nor, with `body_has_cursor`, anything else that it set. `headers`: replaces the definition's (a
    mapping's), null removing one; None to keep the definition's. `forwarded`: headers of the caller that go
    out too. `path`: replaces the method's (a mapping's). `asks_for_list`: whether pages, limits and cursors
    apply. `names_cursors`: the answer's mapping gives cursors of its own, which the method's pagination need
    not know. `names`: further names that templates see. `scopes`: OAuth scopes beside those of the method.
    `reads_whole`: bytes are read into a blob instead of being handed on as they arrive.
    """

    kind: OperationKind
    id: str | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
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


_NO_STEP: Final = PageRequest()


def build(
    plan: MethodPlan,
    inputs: Inputs,
    context: Mapping[str, Any],
    credential_format: str | None,
    cursor: str | None,
    *,
    cursor_key: bytes = b"",
) -> tuple[OutgoingRequest, PageRequest]:
    """The request of one page. `cursor_key`: of the account, as in `AccountFacts`.

    Raises BadRequest where the call lacks something, and MappingFailed.
    """
    seen = with_cursor(inputs.scope_query, visible_cursor(plan.paginator, cursor))
    scope = template_scope(context, id=inputs.id, query=seen, body=inputs.body)
    if inputs.names:
        scope.update(inputs.names)
    own_query = _own_query(plan, scope)
    later = cursor is not None and inputs.asks_for_list
    unpaged = _unpaged(plan, inputs, scope, own_query, later_page=later)
    step = _step(plan, inputs, scope, unpaged, {**own_query, **inputs.query}, cursor, cursor_key)
    http, body = _request(plan, inputs, scope, unpaged, step)
    if step.parts is not None:
        step = replace(step, parts=replace(step.parts, draft=_as_draft(http, body, step.parts.draft.query)))
    outgoing = OutgoingRequest(
        http=http,
        operation=Operation(
            kind=inputs.kind,
            resource=plan.resource,
            method=plan.name,
            id=inputs.id,
            query=inputs.query,
            cursor=cursor,
            limit=step.size if step.size is not None else inputs.limit,
            body=None if body is NO_BODY else body,
        ),
        authorization=plan.authorization(credential_format),
        throttling=Throttling(plan.config.rate_limit),
        scopes=tuple(dict.fromkeys((*plan.definition.scopes, *inputs.scopes))),
        drop_credentials_on_redirect=plan.definition.ignore_credentials_on_redirect,
    )
    return outgoing, step


def _request(
    plan: MethodPlan, inputs: Inputs, scope: Mapping[str, Any], unpaged: Unpaged, step: PageRequest
) -> tuple[HttpRequest, Any]:
    """The request with what `step` adds to it, and its body before encoding."""
    definition = plan.definition
    in_url, body = unpaged.with_page(step, in_body=definition.paginate_in_body)
    if inputs.raw is not None and body is not NO_BODY:
        if step.cursor is not None:
            raise not_paged()
        body = NO_BODY
    url = _url(plan, inputs, scope, step, in_url)
    data, content_type = (
        (inputs.raw.data, inputs.raw.content_type)
        if inputs.raw is not None
        else encode_body(definition, body, plan.array_format)
    )
    headers = _headers(plan, inputs, scope, content_type)
    if step.headers:
        names = {name.lower() for name in step.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in names}
        headers.update(step.headers)
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


def _as_draft(http: HttpRequest, body: Any, query: Mapping[str, Any]) -> RequestDraft:
    parts = urlsplit(http.url)
    options: dict[str, Any] = {
        "method": http.method,
        "headers": dict(http.headers),
        "query": dict(parse(parts.query).nested),
    }
    if body is not NO_BODY:
        options["body"] = body
    return RequestDraft(urlunsplit(parts._replace(query="")), options, query)


def with_cursor(query: Mapping[str, Any], cursor: str | None) -> Mapping[str, Any]:
    """The query as expressions and templates see it: the cursor under both of its names."""
    return {**query, "cursor": cursor, "next_cursor": cursor} if cursor is not None else query


def _step(
    plan: MethodPlan,
    inputs: Inputs,
    scope: Mapping[str, Any],
    unpaged: Unpaged,
    query: Mapping[str, Any],
    cursor: str | None,
    cursor_key: bytes,
) -> PageRequest:
    """`query`: the whole of it without pagination, wherever it goes."""
    if plan.paginator is None or not inputs.asks_for_list:
        if cursor is None or not inputs.asks_for_list:
            return _NO_STEP
        if not inputs.names_cursors:
            raise bad_cursor("was sent to a list that has only one page")
        return PageRequest(cursor)

    def draft() -> RequestDraft:
        http, body = _request(plan, inputs, scope, unpaged, _NO_STEP)
        asked = scope["query"]
        return _as_draft(http, body, asked if inputs.limit is None else {"limit": inputs.limit, **asked})

    given, fixed = query, inputs.fixed
    if plan.definition.paginate_in_body:
        given = dotted(unpaged.body)
        kept = _mapped_names(inputs, plan.paginator.limit_param)
        fixed = frozenset(given.keys() & (kept | (inputs.fixed if unpaged.takes_query else frozenset())))
    start = PageStart(cursor, inputs.limit, given, fixed, draft, cursor_key)
    try:
        step = plan.paginator.start(start)
    except BadRequest:
        if not inputs.names_cursors:
            raise
        step = replace(plan.paginator.start(replace(start, cursor=None)), cursor=cursor)
    return replace(step, key=cursor_key)


def _mapped_names(inputs: Inputs, limit_param: str | None) -> frozenset[str]:
    """What of a mapped body no page overwrites. A position is that of the first page, where the mapping does
    not read the cursor: kept, it would be the only page there is."""
    names = frozenset(dotted(inputs.body)) if inputs.body_is_mapped else frozenset[str]()
    return names if inputs.body_has_cursor else names & {limit_param}


def _own_query(plan: MethodPlan, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the definition; one with a placeholder that has no value is dropped."""
    query: dict[str, Any] = {}
    for name, template in plan.query:
        value = _rendered(template, scope, f"query.{name}")
        if value is not UNDEFINED and value is not None:
            query[name] = value
    if plan.dynamic_query is not None:
        value = evaluate("query", plan.dynamic_query, without_undefined(scope))
        query.update(_object(value, "query"))
    return query


def _unpaged(
    plan: MethodPlan,
    inputs: Inputs,
    scope: Mapping[str, Any],
    own_query: Mapping[str, Any],
    *,
    later_page: bool,
) -> Unpaged:
    query = inputs.query
    if inputs.raw is not None:
        return Unpaged({**own_query, **query}, NO_BODY, takes_query=False)
    body = chosen_body(plan.definition, inputs.body, scope, later_page=later_page)
    if not takes_query(plan.definition, body, later_page=later_page):
        return Unpaged({**own_query, **query}, body, takes_query=False)
    return Unpaged(own_query, {**query, **({} if body is NO_BODY else body)}, takes_query=True)


def _url(
    plan: MethodPlan, inputs: Inputs, scope: Mapping[str, Any], step: PageRequest, query: Mapping[str, Any]
) -> str:
    base = plan.base_url.render(scope)
    if step.url is not None:
        # The token is the caller's to send, so it must not lead anywhere but to this base's origin.
        target = same_origin(base, step.url)
        if target is None:
            raise bad_cursor("must lead to the provider's own address")
        return encode_illegal_characters(target)
    if step.parts is not None and step.parts.address is not None:
        url = _mapped_url(iter((base,)), step.parts.address, "pagination")
        own = parse(urlsplit(url).query).nested
        query = {name: value for name, value in query.items() if name not in own}
    elif inputs.path is not None:
        url = _mapped_url(_bases(plan, base, scope), inputs.path)
    elif step.cursor is not None and plan.later_path is not None:
        url = _mapped_url(iter((base,)), plan.later_path.render(scope), "pagination_path")
    else:
        url = join(base, plan.path.render(scope))
    return encode_illegal_characters(with_query(url, serialize(query, plan.array_format)))


def _bases(plan: MethodPlan, base: str, scope: Mapping[str, Any]) -> Iterator[str]:
    """The method's base URL, and the integration's own where that is another: rendered only if it is asked
    for, since an account may have no values for it."""
    yield base
    if plan.definition.base_url is not None and plan.config.base_url is not None:
        yield BaseUrl(plan.config.base_url, "base_url").render(scope)


def _mapped_url(bases: Iterator[str], path: str, field: str = "path_mapping") -> str:
    """A path under the first base; an address on the origin of one of them."""
    if not path.startswith(("http://", "https://")):
        return join(next(bases), plain_path(path, field))
    for base in bases:
        target = same_origin(base, path)
        if target is not None:
            return target
    raise BadRequest(
        "The path leads to another origin than the integration's base_url, so the call was not sent.",
        failures=[failure(field, "must stay on the origin of base_url", "foreign_origin")],
    )


def default_headers(plan: MethodPlan, scope: Mapping[str, Any]) -> dict[str, str]:
    """The definition's own headers, without authorization and content type."""
    headers: dict[str, Any] = {}
    for name, template in plan.headers:
        value = template.source if template.is_static else _rendered(template, scope, f"headers.{name}")
        if value is not UNDEFINED and value is not None:
            headers[name] = value
    if plan.dynamic_headers is not None:
        computed = _object(evaluate("headers", plan.dynamic_headers, without_undefined(scope)), "headers")
        names = {name.lower() for name in computed}
        headers = {name: value for name, value in headers.items() if name.lower() not in names}
        headers.update(
            (name, value)
            for name, value in computed.items()
            if value is not None and name.lower() not in plan.removed_headers
        )
    return {name: header_text(value) for name, value in headers.items()}


def _headers(
    plan: MethodPlan, inputs: Inputs, scope: Mapping[str, Any], content_type: str | None
) -> dict[str, str]:
    """Null at any level takes a header away, also one that would follow from the body."""
    removed = plan.removed_headers
    if inputs.headers is None:
        headers = default_headers(plan, scope)
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


def _rendered(template: Template, scope: Mapping[str, Any], field: str) -> Any:
    try:
        return template.render_or_undefined(scope)
    except PlaceholderError as error:
        raise unresolved(field, error) from error


def _object(value: Any, field: str) -> dict[str, Any]:
    if value is UNDEFINED or value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise wrong_result(field, "an object")
