"""Third parties that answer from exchanges: what a contract test runs the engine against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from isthmus.authoring.contract.catalog_entry import Entry
from isthmus.authoring.contract.sent_bodies import sent_body
from isthmus.definitions.files import Exchange
from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.upstream import AccountFacts, OutgoingRequest
from isthmus.http.messages import HttpResponse

__all__ = ["NotRecorded", "OneAnswer", "Replay"]

_ACCOUNT = AccountFacts(
    id="contract-account", tenant_id="contract", environment_id="contract", authentication_method="api_key"
)


class NotRecorded(Exception):
    """A request that no exchange answers: the definition asks for something that was never shown to work."""


class _Upstream:
    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = dict(context)
        self.sent: list[OutgoingRequest] = []

    @property
    def context(self) -> Mapping[str, Any]:
        return self._context

    @property
    def account(self) -> AccountFacts:
        return _ACCOUNT

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        self._context.update(patch)


class OneAnswer(_Upstream):
    """Answers whatever is asked with one exchange, or with another body in it."""

    def __init__(self, entry: Entry, exchange: Exchange, body: Any = ...) -> None:
        super().__init__(entry.context)
        self._exchange = exchange
        self._body = exchange.response.body if body is ... else body

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        self.sent.append(request)
        return _response(self._exchange, self._body, request)


class Replay(_Upstream):
    """Answers as the third party did: by id, and by the parameters in which its answers differ (a cursor, the
    record above); what they don't differ in, as filters, changes nothing."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.context)
        self._entry = entry

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        self.sent.append(request)
        resource, method = request.operation.resource, request.operation.method
        sizes = _size_params(self._entry, resource, method)
        definition = self._entry.file.config.method(resource, method)
        asks = _sent_parameters(definition, request)
        sent = {name: value for name, value in asks.items() if name not in sizes}
        successes = self._entry.answers(resource, method, error=False)
        telling = _telling(successes, sizes)
        for exchange in successes:
            if _has_id(exchange, request) and _agree(_asked(exchange, sizes), sent, telling):
                return _response(exchange, exchange.response.body, request)
        for exchange in self._entry.answers(resource, method, error=True):
            asked = _asked(exchange, sizes)
            names_it = asked or request.operation.id is not None
            if names_it and _has_id(exchange, request) and asked.items() <= sent.items():
                return _response(exchange, exchange.response.body, request)
        raise NotRecorded(f"{request.http.method} {request.http.url}")


def _has_id(exchange: Exchange, request: OutgoingRequest) -> bool:
    recorded = exchange.request.path_params.get("id")
    return request.operation.id is None or str(recorded) == request.operation.id


def _telling(successes: list[Exchange], sizes: frozenset[str]) -> frozenset[str]:
    """Names of the parameters in which the exchanges differ."""
    asked = [_asked(exchange, sizes) for exchange in successes]
    names = {name for item in asked for name in item}
    return frozenset(name for name in names if len({item.get(name) for item in asked}) > 1)


def _agree(asked: Mapping[str, str], sent: Mapping[str, str], telling: frozenset[str]) -> bool:
    return all(asked.get(name) == sent.get(name) for name in telling)


def _response(exchange: Exchange, body: Any, request: OutgoingRequest) -> HttpResponse:
    is_text = isinstance(body, str) and "json" not in exchange.response.headers.get("content-type", "json")
    data = b"" if body is None else str(body).encode() if is_text else json.dumps(body).encode()
    return HttpResponse(
        status=exchange.response.status,
        headers=dict(exchange.response.headers),
        body=data,
        url=request.http.url,
    )


def _sent_parameters(method: MethodDefinition | None, request: OutgoingRequest) -> dict[str, str]:
    """The query, and the plain values of a body (cursors can be sent there), by their dotted names."""
    sent = _plain(request.operation.query)  # a link to a later page replaces what the URL said of it
    sent.update(parse_qsl(urlsplit(request.http.url).query, keep_blank_values=True))
    if request.http.method != "GET":
        sent.update(_plain(sent_body(method, request)))
    return sent


def _asked(exchange: Exchange, sizes: frozenset[str]) -> dict[str, str]:
    asked = {**_plain(exchange.request.query), **_plain(exchange.request.body)}
    return {name: value for name, value in asked.items() if name not in sizes}


def _plain(value: Any, path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, str | int | float):
            found[f"{path}{name}"] = str(item)
        found |= _plain(item, f"{path}{name}.")
    return found


def _size_params(entry: Entry, resource: str, method: str) -> frozenset[str]:
    definition = entry.file.config.method(resource, method)
    pagination = entry.file.config.pagination_of(definition) if definition else None
    size = getattr(pagination.config, "limit_param", None) if pagination else None
    return frozenset({size} if size else ())
