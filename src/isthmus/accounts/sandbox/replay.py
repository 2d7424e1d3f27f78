"""Answers the calls of sandbox accounts with the recorded exchanges of the catalogue.

The values in a method's path (an id, a parent's id) must be those of an exchange, or the answer is "not
found". Any other parameter chooses among the exchanges if one of them has its value, else it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from isthmus.accounts.sandbox.recorded_list import build_recorded_list
from isthmus.definitions.file_models import Exchange, ExchangeRequest, ExchangeResponse
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import DynamicPagination, LinkHeaderPagination, Pagination
from isthmus.engine.pagination.provider_cursors import parse_link_header
from isthmus.engine.upstream import AccountFacts, Operation, OutgoingRequest
from isthmus.errors import NotFound
from isthmus.http.messages import HttpResponse
from isthmus.integrations.catalog.exchanges import ExchangeSource

__all__ = ["SandboxUpstream", "choose_exchanges", "find_not_found_response", "get_pagination_parameters"]

_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_TRANSPORT_HEADERS: Final = frozenset(
    {"content-length", "content-encoding", "transfer-encoding", "connection"}
)


class SandboxUpstream:
    """An `engine.upstream.Upstream` that answers with recorded exchanges, and sends nothing. Writes do not
    reach it, because `Connection.require_writable` refuses them."""

    __slots__ = ("_definition", "_exchanges", "_integration", "_methods", "account", "context")

    def __init__(
        self,
        account: AccountFacts,
        context: Mapping[str, Any],
        integration: str,
        definition: IntegrationConfig,
        exchanges: ExchangeSource,
    ) -> None:
        self.account = account
        self.context = context
        self._integration = integration
        self._definition = definition
        self._exchanges = exchanges
        self._methods: dict[tuple[str, str], tuple[MethodDefinition, Pagination | None]] = {}

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Return the recorded response that fits the request best, or a 404. Raises NotFound for a method
        without recorded exchanges."""
        operation = request.operation
        method, pagination = self._find_method(operation.resource, operation.method)
        recorded = self._find_exchanges(operation.resource, operation.method, method)
        chosen = choose_exchanges(recorded, request, method, pagination)
        answer = self._build_answer(request, method, pagination, chosen) if chosen else None
        if answer is None:
            answer = find_not_found_response(self._iterate_candidates(recorded, operation.resource))
        return _to_http_response(request, answer)

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Does nothing: a sandbox account is the same for every call."""

    def _find_method(self, resource: str, name: str) -> tuple[MethodDefinition, Pagination | None]:
        """Return the definition of a method and its pagination, None without pagination. Raises NotFound."""
        plan = self._methods.get((resource, name))
        if plan is None:
            method = self._definition.find_method(resource, name)
            if method is None:
                raise NotFound(
                    f"raw paths and inline methods have no recorded answer for {self._integration}. "
                    "Connect a real account to call them."
                )
            plan = self._methods[(resource, name)] = (method, self._definition.choose_pagination(method))
        return plan

    def _build_answer(
        self,
        request: OutgoingRequest,
        method: MethodDefinition,
        pagination: Pagination | None,
        chosen: Sequence[Exchange],
    ) -> ExchangeResponse | None:
        """Return the recorded response with the page or the record that is asked for; None for a cursor that
        leads nowhere. `chosen`: as `choose_exchanges` returns them."""
        if isinstance(pagination, DynamicPagination):
            return chosen[0].response
        if request.operation.kind == "list" or len(chosen) > 1:
            recorded_list = build_recorded_list(chosen, method, pagination)
            if recorded_list is not None:
                return recorded_list.build_page(request)
        return chosen[0].response

    def _find_exchanges(self, resource: str, name: str, method: MethodDefinition) -> Sequence[Exchange]:
        """Return the recorded exchanges of a method or, without one, the example of its definition. Raises
        NotFound."""
        recorded = self._exchanges.find_exchanges(self._integration, resource, name)
        if recorded:
            return recorded
        sample = None if method.examples is None else method.examples.response
        if sample is None:
            raise NotFound(
                f"no answer of {resource}.{name} is recorded for the sandbox of {self._integration}. "
                "Connect a real account to call it."
            )
        return [_make_sample_exchange(sample)]

    def _iterate_candidates(self, recorded: Sequence[Exchange], resource: str) -> Iterator[Exchange]:
        """Yield the exchanges of the method first, then those of `get` of the resource, then all of the
        integration."""
        yield from recorded
        yield from self._exchanges.find_exchanges(self._integration, resource, "get")
        yield from self._exchanges.iter_all(self._integration)


def _make_sample_exchange(text: str) -> Exchange:
    """Return an exchange made from `examples.response` of a method: JSON, or plain text if it is no JSON."""
    try:
        body, content_type = orjson.loads(text), "application/json"
    except orjson.JSONDecodeError:
        body, content_type = text, "text/plain"
    response = ExchangeResponse(status=200, headers={"content-type": content_type}, body=body)
    return Exchange(provenance="documented", request=ExchangeRequest(), response=response, note=None)


def _to_http_response(request: OutgoingRequest, answer: ExchangeResponse) -> HttpResponse:
    """Return the recorded response as the response of an HTTP request."""
    headers = {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower() not in _TRANSPORT_HEADERS
    }
    body = b""
    if isinstance(answer.body, str) and "json" not in headers.get("content-type", ""):
        body = answer.body.encode()
    elif answer.body is not None:
        body = orjson.dumps(answer.body)
        headers.setdefault("content-type", "application/json")
    return HttpResponse(status=answer.status, headers=headers, body=body, url=request.http.url)


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
    path_names = _list_path_parameters(method)
    required = {name: value for name in path_names if (value := _get_sent_value(operation, name)) is not None}
    matching = [
        exchange
        for exchange in exchanges
        if exchange.response.status < _BAD_REQUEST
        and all(
            _as_text(_get_recorded_value(exchange, name)) in (None, text) for name, text in required.items()
        )
    ]
    if isinstance(pagination, DynamicPagination):
        return _choose_dynamic_page(matching, request)
    ignored = get_pagination_parameters(pagination) | _list_link_parameters(matching, pagination) | path_names
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
        return sum(1 if _as_text(sent_value) == _as_text(value) else -1 for sent_value, value in asked)

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


def get_pagination_parameters(pagination: Pagination | None) -> frozenset[str]:
    """Return the names of the query parameters that choose a page of a list; all others choose which list."""
    names = ("page_param", "limit_param", "cursor_param", "offset_param")
    config = None if pagination is None else pagination.config
    parameters = {getattr(config, name, None) for name in names}
    return frozenset(name for name in parameters if isinstance(name, str)) | {"page", "limit"}


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


def _list_path_parameters(method: MethodDefinition) -> frozenset[str]:
    """Return the names of the parameters in the method's path: `id`, and `ticket_id` for
    `{{query.ticket_id}}`."""
    roots = (
        alternative.path
        for placeholder in method.path.placeholders
        for alternative in placeholder.alternatives
    )
    return frozenset(path[-1] for path in roots if path[0] in ("id", "query", "body"))


def _get_sent_value(operation: Operation, name: str) -> str | None:
    """Return the value of a parameter that the caller sent as id, in the query or in the body; None if it was
    not sent."""
    if name == "id" and operation.id is not None:
        return operation.id
    value = operation.query.get(name)
    if value is None and isinstance(operation.body, Mapping):
        value = operation.body.get(name)
    return _as_text(value)


def _get_recorded_value(exchange: Exchange, name: str) -> Any:
    """Return the value of a parameter of the recorded path or query, None if it has none."""
    request = exchange.request
    return request.path_params.get(name, request.query.get(name))


def _as_text(value: Any) -> str | None:
    """Return a scalar as text; None for None, objects and arrays."""
    return None if value is None or isinstance(value, (Mapping, list)) else str(value)


def _score_match(exchange: Exchange, operation: Operation, ignored: frozenset[str]) -> int:
    """Count how many query parameters of the exchange the caller sent with the same value; an equal body
    counts one."""
    recorded = [(name, value) for name, value in exchange.request.query.items() if name not in ignored]
    alike = sum(1 for name, value in recorded if _as_text(operation.query.get(name)) == _as_text(value))
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
