"""Chooses the recorded exchanges that fit a request.

The values in a method's path (an id, a parent's id) must be those of an exchange. Any other parameter chooses
among the exchanges if one of them has its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from isthmus.accounts.sandbox.body_places import as_text
from isthmus.definitions.file_models import Exchange, ExchangeResponse
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import DynamicPagination, LinkHeaderPagination, Pagination
from isthmus.engine.pagination.provider_cursors import parse_link_header
from isthmus.engine.upstream import Operation, OutgoingRequest

__all__ = [
    "add_path_values",
    "choose_exchanges",
    "find_not_found_response",
    "get_ignored_parameters",
    "get_pagination_parameters",
    "get_recorded_value",
    "get_sent_value",
    "list_matching",
    "list_path_parameters",
    "list_successes",
]

_PLACEHOLDER: Final = re.compile(r"\{\{.*?\}\}")
_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404


def choose_exchanges(
    exchanges: Sequence[Exchange],
    request: OutgoingRequest,
    method: MethodDefinition,
    pagination: Pagination | None,
) -> list[Exchange]:
    """Return the successful exchanges of the list or record that is asked for, in their order. Empty if the
    request names an id, or another value of the path, that no exchange has. `pagination`: None if the method
    has none."""
    operation = request.operation
    matching = list_matching(exchanges, operation, method)
    if isinstance(pagination, DynamicPagination):
        return _choose_dynamic_page(matching, request)
    ignored = get_ignored_parameters(matching, pagination) | list_path_parameters(method)
    best = max(matching, key=lambda exchange: _score_match(exchange, operation, ignored), default=None)
    if best is None:
        return []
    return [
        exchange for exchange in matching if _get_variant(exchange, ignored) == _get_variant(best, ignored)
    ]


def _choose_dynamic_page(exchanges: Sequence[Exchange], request: OutgoingRequest) -> list[Exchange]:
    """Return the exchange whose query and body resemble the request most, for a list whose paging parameters
    are computed by expressions. Empty if a cursor leads back to the first page."""
    sent = dict(parse_qsl(urlsplit(request.http.url).query))
    body = request.operation.body

    def score(exchange: Exchange) -> int:
        """Count the recorded parameters that were sent with the same value, minus those that were not."""
        asked = [(sent.get(name), value) for name, value in exchange.request.query.items()]
        if isinstance(body, Mapping) and isinstance(exchange.request.body, Mapping):
            asked += [(body.get(name), value) for name, value in exchange.request.body.items()]
        return sum(1 if as_text(sent_value) == as_text(value) else -1 for sent_value, value in asked)

    best = max(exchanges, key=score, default=None)
    if best is None or (request.operation.cursor is not None and best is exchanges[0]):
        return []
    return [best]


def find_not_found_response(candidates: Iterable[Exchange]) -> ExchangeResponse:
    """Return the first response with status 404 among the candidates, else a plain JSON one."""
    for exchange in candidates:
        if exchange.response.status == _NOT_FOUND:
            return exchange.response
    return ExchangeResponse(
        status=_NOT_FOUND,
        headers={"content-type": "application/json"},
        body={"message": "Not Found"},
    )


def list_matching(
    exchanges: Iterable[Exchange], operation: Operation, method: MethodDefinition
) -> list[Exchange]:
    """Return the successful exchanges whose path has the values that the operation sends."""
    sent = {
        name: value
        for name in list_path_parameters(method)
        if (value := get_sent_value(operation, name)) is not None
    }
    return [
        exchange
        for exchange in list_successes(exchanges)
        if all(as_text(get_recorded_value(exchange, name)) in (None, text) for name, text in sent.items())
    ]


def list_successes(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Return the exchanges that the provider did not refuse by their status."""
    return [exchange for exchange in exchanges if exchange.response.status < _BAD_REQUEST]


def get_pagination_parameters(pagination: Pagination | None) -> frozenset[str]:
    """Return the names of the query parameters that choose a page of a list; all others choose which list."""
    names = ("page_param", "limit_param", "cursor_param", "offset_param")
    config = None if pagination is None else pagination.config
    parameters = {getattr(config, name, None) for name in names}
    return frozenset(name for name in parameters if isinstance(name, str)) | {"page", "limit"}


def get_ignored_parameters(exchanges: Sequence[Exchange], pagination: Pagination | None) -> frozenset[str]:
    """Return the names of the query parameters that choose a page, with those of the recorded links."""
    return get_pagination_parameters(pagination) | _list_link_parameters(exchanges, pagination)


def _list_link_parameters(exchanges: Sequence[Exchange], pagination: Pagination | None) -> frozenset[str]:
    """Return the names of query parameters that only occur in recorded `next` links, for link header
    pagination."""
    if not isinstance(pagination, LinkHeaderPagination):
        return frozenset()
    return frozenset(
        name
        for exchange in exchanges
        for name, _ in parse_qsl(
            urlsplit(parse_link_header(exchange.response.headers.get("link", "")).get("next", "")).query
        )
        if name not in exchange.request.query
    )


def list_path_parameters(method: MethodDefinition) -> frozenset[str]:
    """Return the names of the parameters in the method's path: `id`, and `ticket_id` for
    `{{query.ticket_id}}`."""
    roots = (
        alternative.path
        for placeholder in method.path.placeholders
        for alternative in placeholder.alternatives
    )
    return frozenset(path[-1] for path in roots if path[0] in ("id", "query", "body"))


def add_path_values(request: OutgoingRequest, method: MethodDefinition) -> OutgoingRequest:
    """Return the request with the values of its path also in the query of its operation, for a path that a
    mapping made without them."""
    operation = request.operation
    missing = {name for name in list_path_parameters(method) if get_sent_value(operation, name) is None}
    if not missing:
        return request
    parts = _PLACEHOLDER.split(str(method.path.source).partition("?")[0])
    pattern = "([^/]+)".join(re.escape(part) for part in parts)
    found = re.search(f"{pattern}\\Z", urlsplit(request.http.url).path)
    if found is None:
        return request
    names = [placeholder.alternatives[0].path[-1] for placeholder in method.path.placeholders]
    values = {
        name: unquote(value) for name, value in zip(names, found.groups(), strict=False) if name in missing
    }
    return replace(request, operation=replace(operation, query={**operation.query, **values}))


def get_sent_value(operation: Operation, name: str) -> str | None:
    """Return the value of a parameter that the caller sent as id, in the query or in the body; None if it was
    not sent."""
    if name == "id" and operation.id is not None:
        return operation.id
    value = operation.query.get(name)
    if value is None and isinstance(operation.body, Mapping):
        value = operation.body.get(name)
    return as_text(value)


def get_recorded_value(exchange: Exchange, name: str) -> Any:
    """Return the value of a parameter of the recorded path or query, None if it has none."""
    request = exchange.request
    return request.path_params.get(name, request.query.get(name))


def _score_match(exchange: Exchange, operation: Operation, ignored: frozenset[str]) -> int:
    """Count how many query parameters of the exchange the caller sent with the same value; an equal body
    counts one."""
    recorded = [(name, value) for name, value in exchange.request.query.items() if name not in ignored]
    alike = sum(1 for name, value in recorded if as_text(operation.query.get(name)) == as_text(value))
    body = exchange.request.body
    if body is not None and _drop_parameters(body, ignored) == _drop_parameters(operation.body, ignored):
        alike += 1
    return alike


def _get_variant(exchange: Exchange, ignored: frozenset[str]) -> tuple[Any, Any]:
    """Return (query, body) of an exchange without paging parameters. The pages of one list have the same."""
    query = {name: value for name, value in exchange.request.query.items() if name not in ignored}
    return query, _drop_parameters(exchange.request.body, ignored)


def _drop_parameters(body: Any, ignored: frozenset[str], path: str = "") -> Any:
    """Return a copy of a body without the parameters of the dotted names `ignored`, and without objects that
    held nothing else."""
    if not isinstance(body, Mapping):
        return body
    remaining = {}
    for name, value in body.items():
        if f"{path}{name}" in ignored:
            continue
        rest = _drop_parameters(value, ignored, f"{path}{name}.")
        if rest or rest == value:
            remaining[name] = rest
    return remaining
