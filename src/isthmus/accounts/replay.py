"""Which of the recorded exchanges answers a request (`definitions.md` §1.10).

Names in a method's path (an id, a parent's id) must be those of an exchange, or the answer is "not found".
Any other parameter picks among the exchanges where one knows its value, and changes nothing where none does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from isthmus.definitions.files import Exchange, ExchangeResponse
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import DynamicPagination, LinkHeaderPagination, Pagination
from isthmus.engine.messages import Operation, OutgoingRequest
from isthmus.engine.pagination.link_header import link_targets

__all__ = ["choose", "not_found", "pagination_names"]

_ERROR: Final = 400
_NOT_FOUND: Final = 404


def choose(
    exchanges: Sequence[Exchange],
    request: OutgoingRequest,
    method: MethodDefinition,
    pages: Pagination | None,
) -> list[Exchange]:
    """The successful exchanges of the list or record that is asked for, in order; none: not found."""
    operation = request.operation
    names = _path_names(method)
    wanted = {name: value for name in names if (value := _sent(operation, name)) is not None}
    here = [
        each
        for each in exchanges
        if each.response.status < _ERROR
        and all(_text(_recorded(each, name)) in (None, text) for name, text in wanted.items())
    ]
    if isinstance(pages, DynamicPagination):
        return _computed_page(here, request)
    ignored = pagination_names(pages) | _linked_names(here, pages) | names
    best = max(here, key=lambda each: _likeness(each, operation, ignored), default=None)
    if best is None:
        return []
    return [each for each in here if _variant(each, ignored) == _variant(best, ignored)]


def _computed_page(exchanges: Sequence[Exchange], request: OutgoingRequest) -> list[Exchange]:
    """Where expressions compute what asks for a page, only the request tells which page it asks for."""
    sent = dict(parse_qsl(urlsplit(request.http.url).query))
    body = request.operation.body

    def likeness(exchange: Exchange) -> int:
        asked = [(sent.get(name), value) for name, value in exchange.request.query.items()]
        if isinstance(body, Mapping) and isinstance(exchange.request.body, Mapping):
            asked += [(body.get(name), value) for name, value in exchange.request.body.items()]
        return sum(1 if _text(found) == _text(value) else -1 for found, value in asked)

    best = max(exchanges, key=likeness, default=None)
    if best is None or (request.operation.cursor is not None and best is exchanges[0]):
        return []
    return [best]


def not_found(nearest: Iterable[Exchange]) -> ExchangeResponse:
    """The first recorded 404, nearest first; else one that any product could have given."""
    for each in nearest:
        if each.response.status == _NOT_FOUND:
            return each.response
    return ExchangeResponse(
        status=_NOT_FOUND,
        headers={"content-type": "application/json"},
        body={"message": "Not Found"},
    )


def pagination_names(pages: Pagination | None) -> frozenset[str]:
    """Parameters that say which page, not which list."""
    names = ("page_param", "limit_param", "cursor_param", "offset_param")
    config = None if pages is None else pages.config
    found = {getattr(config, name, None) for name in names}
    return frozenset(name for name in found if isinstance(name, str)) | {"page", "limit"}


def _linked_names(exchanges: Sequence[Exchange], pages: Pagination | None) -> frozenset[str]:
    """Parameters that recorded links add to reach the next page: a definition does not name them."""
    if not isinstance(pages, LinkHeaderPagination):
        return frozenset()
    return frozenset(
        name
        for each in exchanges
        for name, _ in parse_qsl(
            urlsplit(link_targets(each.response.headers.get("link", "")).get("next", "")).query
        )
        if name not in each.request.query
    )


def _path_names(method: MethodDefinition) -> frozenset[str]:
    """What the path takes from the call: `id`, and the last name of `query.ticket_id`."""
    roots = (
        alternative.path
        for placeholder in method.path.placeholders
        for alternative in placeholder.alternatives
    )
    return frozenset(path[-1] for path in roots if path[0] in ("id", "query", "body"))


def _sent(operation: Operation, name: str) -> str | None:
    if name == "id" and operation.id is not None:
        return operation.id
    value = operation.query.get(name)
    if value is None and isinstance(operation.body, Mapping):
        value = operation.body.get(name)
    return _text(value)


def _recorded(exchange: Exchange, name: str) -> Any:
    request = exchange.request
    return request.path_params.get(name, request.query.get(name))


def _text(value: Any) -> str | None:
    return None if value is None or isinstance(value, (Mapping, list)) else str(value)


def _likeness(exchange: Exchange, operation: Operation, ignored: frozenset[str]) -> int:
    """How many of the exchange's own parameters the caller sent alike; less for each it did not send."""
    own = [(name, value) for name, value in exchange.request.query.items() if name not in ignored]
    alike = sum(1 for name, value in own if _text(operation.query.get(name)) == _text(value))
    body = exchange.request.body
    if body is not None and _without(body, ignored) == _without(operation.body, ignored):
        alike += 1
    return alike


def _variant(exchange: Exchange, ignored: frozenset[str]) -> tuple[Any, Any]:
    """What tells two lists in one file apart; the pages of one list have it in common."""
    query = {name: value for name, value in exchange.request.query.items() if name not in ignored}
    return query, _without(exchange.request.body, ignored)


def _without(body: Any, ignored: frozenset[str], path: str = "") -> Any:
    """A body without the parameters of those dotted names, and the objects that held nothing else."""
    if not isinstance(body, Mapping):
        return body
    kept = {}
    for name, value in body.items():
        if f"{path}{name}" in ignored:
            continue
        rest = _without(value, ignored, f"{path}{name}.")
        if rest or rest == value:
            kept[name] = rest
    return kept
