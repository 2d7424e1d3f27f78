"""Answers the engine's requests from recorded exchanges, for the contract suite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from isthmus.authoring.contract.catalog_entry import CatalogEntry
from isthmus.authoring.contract.sent_bodies import parse_sent_body
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.upstream import AccountFacts, OutgoingRequest
from isthmus.http.messages import HttpResponse

__all__ = ["NotRecorded", "RefusingUpstream", "ReplayUpstream", "SingleAnswerUpstream"]

_ACCOUNT = AccountFacts(
    id="contract-account", tenant_id="contract", environment_id="contract", authentication_method="api_key"
)

_UNAUTHORIZED: Final = 401


class NotRecorded(Exception):
    """No exchange answers a request that the definition makes."""


class _ContractUpstream:
    """An upstream of one invented account. `sent` collects the requests."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = dict(context)
        self.sent: list[OutgoingRequest] = []

    @property
    def context(self) -> Mapping[str, Any]:
        """The context of the account."""
        return self._context

    @property
    def account(self) -> AccountFacts:
        """The account that all contract checks call."""
        return _ACCOUNT

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Merges `patch` into the context."""
        self._context.update(patch)


class RefusingUpstream(_ContractUpstream):
    """Answers every request like a provider that does not know the credentials: with a 401."""

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Returns the 401."""
        self.sent.append(request)
        headers = {"content-type": "application/json"}
        return HttpResponse(status=_UNAUTHORIZED, headers=headers, body=b"{}", url=request.http.url)


class SingleAnswerUpstream(_ContractUpstream):
    """Answers every request with the response of one exchange, or with that response and another body."""

    def __init__(self, entry: CatalogEntry, exchange: Exchange, body: Any = ...) -> None:
        super().__init__(entry.example_context)
        self._exchange = exchange
        self._body = exchange.response.body if body is ... else body

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Returns the one response."""
        self.sent.append(request)
        return _build_response(self._exchange, self._body, request)


class ReplayUpstream(_ContractUpstream):
    """Answers like the provider did: the exchange is chosen by id and by the parameters that tell exchanges
    apart.

    Such parameters are cursors or ids of parents. Parameters that are the same in all exchanges, such as
    filters, are ignored. Raises NotRecorded if no exchange matches.
    """

    def __init__(self, entry: CatalogEntry) -> None:
        super().__init__(entry.example_context)
        self._entry = entry

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Returns the response of the exchange that matches the request. Raises NotRecorded if none does."""
        self.sent.append(request)
        resource, method = request.operation.resource, request.operation.method
        sizes = _find_page_size_parameters(self._entry, resource, method)
        definition = self._entry.file.config.find_method(resource, method)
        all_sent = _collect_sent_parameters(definition, request)
        sent = {name: value for name, value in all_sent.items() if name not in sizes}
        successes = self._entry.find_exchanges(resource, method, error=False)
        distinguishing = _find_distinguishing_parameters(successes, sizes)
        for exchange in successes:
            if _matches_id(exchange, request) and _has_same_values(
                _collect_recorded_parameters(exchange, sizes), sent, distinguishing
            ):
                return _build_response(exchange, exchange.response.body, request)
        for exchange in self._entry.find_exchanges(resource, method, error=True):
            recorded = _collect_recorded_parameters(exchange, sizes)
            names_it = recorded or request.operation.id is not None
            if names_it and _matches_id(exchange, request) and recorded.items() <= sent.items():
                return _build_response(exchange, exchange.response.body, request)
        raise NotRecorded(f"{request.http.method} {request.http.url}")


def _matches_id(exchange: Exchange, request: OutgoingRequest) -> bool:
    """Returns True if the request has no id, or the id of the exchange."""
    recorded = exchange.request.path_params.get("id")
    return request.operation.id is None or str(recorded) == request.operation.id


def _find_distinguishing_parameters(successes: list[Exchange], sizes: frozenset[str]) -> frozenset[str]:
    """Returns the names of the parameters whose values differ between the exchanges. `sizes`: parameters for
    the page size, which are ignored."""
    recorded = [_collect_recorded_parameters(exchange, sizes) for exchange in successes]
    names = {name for item in recorded for name in item}
    return frozenset(name for name in names if len({item.get(name) for item in recorded}) > 1)


def _has_same_values(
    recorded: Mapping[str, str], sent: Mapping[str, str], distinguishing: frozenset[str]
) -> bool:
    """Returns True if recorded and sent parameters agree in the `distinguishing` ones."""
    return all(recorded.get(name) == sent.get(name) for name in distinguishing)


def _build_response(exchange: Exchange, body: Any, request: OutgoingRequest) -> HttpResponse:
    """Returns the response of an exchange, with `body` as its content."""
    is_text = isinstance(body, str) and "json" not in exchange.response.headers.get("content-type", "json")
    data = b"" if body is None else str(body).encode() if is_text else json.dumps(body).encode()
    return HttpResponse(
        status=exchange.response.status,
        headers=dict(exchange.response.headers),
        body=data,
        url=request.http.url,
    )


def _collect_sent_parameters(method: MethodDefinition | None, request: OutgoingRequest) -> dict[str, str]:
    """Returns the values of the query and of the body, in which cursors can be sent, by their dotted
    names."""
    sent = _flatten_values(request.operation.query)  # a link to a later page replaces what the URL said of it
    sent.update(parse_qsl(urlsplit(request.http.url).query, keep_blank_values=True))
    if request.http.method != "GET":
        sent.update(_flatten_values(parse_sent_body(method, request)))
    return sent


def _collect_recorded_parameters(exchange: Exchange, sizes: frozenset[str]) -> dict[str, str]:
    """Returns the values of a recorded query and body by dotted name, without page sizes."""
    asked = {**_flatten_values(exchange.request.query), **_flatten_values(exchange.request.body)}
    return {name: value for name, value in asked.items() if name not in sizes}


def _flatten_values(value: Any, path: str = "") -> dict[str, str]:
    """Returns texts and numbers in nested objects, as text by dotted name; arrays are left out."""
    texts: dict[str, str] = {}
    for name, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, str | int | float):
            texts[f"{path}{name}"] = str(item)
        texts |= _flatten_values(item, f"{path}{name}.")
    return texts


def _find_page_size_parameters(entry: CatalogEntry, resource: str, method: str) -> frozenset[str]:
    """Returns the name of the parameter for the page size, which does not tell exchanges apart; empty if
    there is none."""
    definition = entry.file.config.find_method(resource, method)
    pagination = entry.file.config.choose_pagination(definition) if definition else None
    size = getattr(pagination.config, "limit_param", None) if pagination else None
    return frozenset({size} if size else ())
