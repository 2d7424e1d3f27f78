"""The way out of a sandbox account: it leads to the catalogue's exchanges, never to a network.
Names in a method's path (an id, a parent's id) must be those of an exchange, or the answer is "not found".
Any other parameter picks among the exchanges where one knows its value, and changes nothing where none does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from isthmus.accounts.sandbox.recorded_list import recorded_list
from isthmus.definitions.files import Exchange, ExchangeRequest, ExchangeResponse
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import DynamicPagination, LinkHeaderPagination, Pagination
from isthmus.engine.pagination.provider_cursors import parse_link_header
from isthmus.engine.upstream import AccountFacts, Operation, OutgoingRequest
from isthmus.errors import NotFound
from isthmus.http.messages import HttpResponse
from isthmus.integrations.catalog.exchanges import ExchangeSource

__all__ = ["SandboxUpstream", "choose", "not_found", "pagination_names"]

_TRANSPORT: Final = frozenset({"content-length", "content-encoding", "transfer-encoding", "connection"})


class SandboxUpstream:
    """An `engine.ports.Upstream` that replays; read-only, as `Connection.require_writable` sees to."""

    __slots__ = ("_account", "_context", "_definition", "_exchanges", "_integration")

    def __init__(
        self,
        account: AccountFacts,
        context: Mapping[str, Any],
        integration: str,
        definition: IntegrationConfig,
        exchanges: ExchangeSource,
    ) -> None:
        self._account = account
        self._context = context
        self._integration = integration
        self._definition = definition
        self._exchanges = exchanges

    @property
    def context(self) -> Mapping[str, Any]:
        return self._context

    @property
    def account(self) -> AccountFacts:
        return self._account

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Raises NotFound for a method that the catalogue has no answer of."""
        operation = request.operation
        method = self._definition.method(operation.resource, operation.method)
        if method is None:
            raise NotFound(
                f"raw paths and inline methods have no recorded answer for {self._integration}. "
                "Connect a real account to call them."
            )
        recorded = self._recorded(operation.resource, operation.method, method)
        pages = self._definition.pagination_of(method)
        chosen = choose(recorded, request, method, pages)
        answer = self._answer(request, method, chosen) if chosen else None
        return _response(request, answer or not_found(self._nearest(recorded, operation.resource)))

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Nothing is kept: a sandbox is the same for every call."""

    def _answer(
        self, request: OutgoingRequest, method: MethodDefinition, chosen: Sequence[Exchange]
    ) -> ExchangeResponse | None:
        pages = self._definition.pagination_of(method)
        if isinstance(pages, DynamicPagination):
            return chosen[0].response
        if request.operation.kind == "list" or len(chosen) > 1:
            found = recorded_list(chosen, method, pages)
            if found is not None:
                return found.answer(request)
        return chosen[0].response

    def _recorded(self, resource: str, name: str, method: MethodDefinition) -> Sequence[Exchange]:
        recorded = self._exchanges.find_exchanges(self._integration, resource, name)
        if recorded:
            return recorded
        sample = None if method.examples is None else method.examples.response
        if sample is None:
            raise NotFound(
                f"no answer of {resource}.{name} is recorded for the sandbox of {self._integration}. "
                "Connect a real account to call it."
            )
        return [_sampled(sample)]

    def _nearest(self, recorded: Sequence[Exchange], resource: str) -> Iterator[Exchange]:
        yield from recorded
        yield from self._exchanges.find_exchanges(self._integration, resource, "get")
        yield from self._exchanges.iter_all(self._integration)


def _sampled(text: str) -> Exchange:
    """The answer that a method's `examples.response` shows."""
    try:
        body, content_type = orjson.loads(text), "application/json"
    except orjson.JSONDecodeError:
        body, content_type = text, "text/plain"
    response = ExchangeResponse(status=200, headers={"content-type": content_type}, body=body)
    return Exchange(provenance="documented", request=ExchangeRequest(), response=response, note=None)


def _response(request: OutgoingRequest, answer: ExchangeResponse) -> HttpResponse:
    headers = {
        name.lower(): value for name, value in answer.headers.items() if name.lower() not in _TRANSPORT
    }
    body = b""
    if isinstance(answer.body, str) and "json" not in headers.get("content-type", ""):
        body = answer.body.encode()
    elif answer.body is not None:
        body = orjson.dumps(answer.body)
        headers.setdefault("content-type", "application/json")
    return HttpResponse(status=answer.status, headers=headers, body=body, url=request.http.url)


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
            urlsplit(parse_link_header(each.response.headers.get("link", "")).get("next", "")).query
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
