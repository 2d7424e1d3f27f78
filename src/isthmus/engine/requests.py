"""From a method's plan and what a call brings to the request that goes out (`definitions.md` §1.5, §4.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from isthmus.engine.bodies import chosen_body, encode_body
from isthmus.engine.calls import NO_BODY
from isthmus.engine.messages import Operation, OperationKind, OutgoingRequest
from isthmus.engine.pagination import Draft, Start, Step, shown_cursor
from isthmus.engine.pagination.contract import bad_cursor
from isthmus.engine.plans import MethodPlan
from isthmus.engine.queries import header_text, parse, serialize
from isthmus.engine.scopes import evaluate, template_scope, unresolved, without_undefined
from isthmus.engine.urls import join, legal, plain_path, same_origin, with_query
from isthmus.errors import BadRequest, failure
from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import PlaceholderError, Template
from isthmus.http.messages import HttpRequest

__all__ = ["Inputs", "RawBody", "build", "default_headers", "with_cursor"]


@dataclass(frozen=True, slots=True)
class RawBody:
    """Bytes that go out as they came in, with their content type. `length`: of a stream, where it is known;
    many providers take no body of unknown length."""

    data: bytes | AsyncIterator[bytes]
    content_type: str | None
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What one call puts into a method's request, on every page alike.

    `query`: outbound, over the definition's own. `fixed`: names in it that a mapping or `remote_query` set.
    `scope_query`: what templates see as `query`, where that is not `query`. `body`: outbound, before the
    rules of §1.8; `raw` skips them. `headers`: replaces the definition's (a mapping's), None to keep them.
    `forwarded`: headers of the caller that go out too. `path`: replaces the method's (a mapping's).
    `asks_for_list`: whether pages, limits and cursors apply. `names`: further names that templates see.
    `scopes`: OAuth scopes beside those of the method. `reads_whole`: bytes are read into a blob instead of
    being handed on as they arrive.
    """

    kind: OperationKind
    id: str | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    scope_query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = NO_BODY
    raw: RawBody | None = None
    headers: Mapping[str, str] | None = None
    forwarded: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    limit: int | None = None
    asks_for_list: bool = False
    names: Mapping[str, Any] | None = None
    scopes: tuple[str, ...] = ()
    reads_whole: bool = False


_NO_STEP: Final = Step()


def build(
    plan: MethodPlan,
    inputs: Inputs,
    context: Mapping[str, Any],
    credential_format: str | None,
    cursor: str | None,
    *,
    cursor_key: bytes = b"",
) -> tuple[OutgoingRequest, Step]:
    """The request of one page. `cursor_key`: of the account, as in `AccountFacts`.

    Raises BadRequest where the call lacks something, and MappingFailed.
    """
    seen = with_cursor(inputs.scope_query, shown_cursor(plan.paginator, cursor))
    scope = template_scope(context, id=inputs.id, query=seen, body=inputs.body)
    if inputs.names:
        scope.update(inputs.names)
    own_query = _own_query(plan, scope)
    step = _step(plan, inputs, scope, own_query, cursor, cursor_key)
    http, body = _request(plan, inputs, scope, own_query, step)
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
        rate_limit=plan.config.rate_limit,
        scopes=tuple(dict.fromkeys((*plan.definition.scopes, *inputs.scopes))),
        drop_credentials_on_redirect=plan.definition.ignore_credentials_on_redirect,
    )
    return outgoing, step


def _request(
    plan: MethodPlan, inputs: Inputs, scope: Mapping[str, Any], own_query: Mapping[str, Any], step: Step
) -> tuple[HttpRequest, Any]:
    """The request with what `step` adds to it, and its body before encoding."""
    definition = plan.definition
    in_url = {**own_query, **({} if _query_in_body(plan) else inputs.query)}
    body = _body(plan, inputs, scope, step)
    if not definition.paginate_in_body:
        in_url.update(step.params)
        if step.parts is not None and not _query_in_body(plan):
            in_url.update(step.parts.query)
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


def _as_draft(http: HttpRequest, body: Any, query: Mapping[str, Any]) -> Draft:
    parts = urlsplit(http.url)
    options: dict[str, Any] = {
        "method": http.method,
        "headers": dict(http.headers),
        "query": dict(parse(parts.query).nested),
    }
    if body is not NO_BODY:
        options["body"] = body
    return Draft(urlunsplit(parts._replace(query="")), options, query)


def with_cursor(query: Mapping[str, Any], cursor: str | None) -> Mapping[str, Any]:
    """The query as expressions and templates see it: the cursor under both of its names."""
    return {**query, "cursor": cursor, "next_cursor": cursor} if cursor is not None else query


def _step(
    plan: MethodPlan,
    inputs: Inputs,
    scope: Mapping[str, Any],
    own_query: Mapping[str, Any],
    cursor: str | None,
    cursor_key: bytes,
) -> Step:
    if plan.paginator is None or not inputs.asks_for_list:
        if cursor is not None and inputs.asks_for_list:
            raise bad_cursor("was sent to a list that has only one page")
        return _NO_STEP

    def draft() -> Draft:
        http, body = _request(plan, inputs, scope, own_query, _NO_STEP)
        asked = scope["query"]
        return _as_draft(http, body, asked if inputs.limit is None else {"limit": inputs.limit, **asked})

    given = {**own_query, **inputs.query}
    step = plan.paginator.start(Start(cursor, inputs.limit, given, inputs.fixed, draft, cursor_key))
    return replace(step, key=cursor_key)


def _query_in_body(plan: MethodPlan) -> bool:
    return plan.definition.add_query_to_body and plan.definition.method in {"post", "put", "patch"}


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


def _body(plan: MethodPlan, inputs: Inputs, scope: Mapping[str, Any], step: Step) -> Any:
    if inputs.raw is not None:
        return NO_BODY
    definition = plan.definition
    body = chosen_body(definition, inputs.body, scope, later_page=step.cursor is not None)
    if _query_in_body(plan):
        body = _over(inputs.query, body)
    if definition.paginate_in_body and step.params:
        body = _placed(body, step.params)
    if step.parts is not None:
        if definition.paginate_in_body and step.parts.query:
            body = _placed(body, step.parts.query)
        elif _query_in_body(plan):
            body = _under(body, step.parts.query)
        if step.parts.body:
            body = _under(body, step.parts.body)
    return body


def _over(low: Mapping[str, Any], body: Any) -> Any:
    """`body` over `low`; a body that is no object has no place for it."""
    if body is NO_BODY:
        return dict(low)
    return {**low, **body} if isinstance(body, dict) else body


def _under(body: Any, high: Mapping[str, Any]) -> Any:
    if not high:
        return body
    if body is NO_BODY:
        return dict(high)
    return {**body, **high} if isinstance(body, dict) else body


def _placed(body: Any, params: Mapping[str, Any]) -> Any:
    """`params` in the body; a dotted name leads into objects (`variables.after`), made where none are."""
    if body is not NO_BODY and not isinstance(body, dict):
        return body
    placed: dict[str, Any] = dict(body) if isinstance(body, dict) else {}
    for name, value in params.items():
        *above, last = name.split(".")
        place = placed
        for key in above:
            inner = place.get(key)
            place[key] = place = dict(inner) if isinstance(inner, dict) else {}
        place[last] = value
    return placed


def _url(
    plan: MethodPlan, inputs: Inputs, scope: Mapping[str, Any], step: Step, query: Mapping[str, Any]
) -> str:
    base = plan.base_url.render(scope)
    if step.url is not None:
        # The token is the caller's to send, so it must not lead anywhere but to this base's origin.
        target = same_origin(base, step.url)
        if target is None:
            raise bad_cursor("must lead to the provider's own address")
        return legal(target)
    if step.parts is not None and step.parts.address is not None:
        url = _mapped_url(base, step.parts.address, "pagination")
        own = parse(urlsplit(url).query).nested
        query = {name: value for name, value in query.items() if name not in own}
    elif inputs.path is not None:
        url = _mapped_url(base, inputs.path)
    elif step.cursor is not None and plan.later_path is not None:
        url = _mapped_url(base, plan.later_path.render(scope))
    else:
        url = join(base, plan.path.render(scope))
    return legal(with_query(url, serialize(query, plan.array_format)))


def _mapped_url(base: str, path: str, field: str = "path_mapping") -> str:
    if not path.startswith(("http://", "https://")):
        return join(base, plain_path(path, field))
    target = same_origin(base, path)
    if target is None:
        raise BadRequest(
            "The path leads to another origin than the integration's base_url, so the call was not sent.",
            failures=[failure(field, "must stay on the origin of base_url", "foreign_origin")],
        )
    return target


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
    headers = default_headers(plan, scope) if inputs.headers is None else dict(inputs.headers)
    present = {name.lower() for name in headers}
    headers.update((name, value) for name, value in inputs.forwarded.items() if name.lower() not in present)
    if content_type is not None and (inputs.raw is not None or "content-type" not in present):
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
    raise BadRequest(
        f"The expression of {field} must return an object.",
        failures=[failure(field, "must return an object", "bad_expression_result")],
    )
