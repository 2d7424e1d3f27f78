"""The way out of a sandbox account: it leads to the catalogue's exchanges, never to a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from isthmus.accounts.replay import choose, not_found
from isthmus.accounts.replayed_list import recorded_list
from isthmus.definitions.files import Exchange, ExchangeRequest, ExchangeResponse
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import DynamicPagination
from isthmus.engine.messages import OutgoingRequest
from isthmus.engine.ports import AccountFacts
from isthmus.errors import NotFound
from isthmus.http.messages import HttpResponse
from isthmus.integrations.catalog.exchanges import ExchangeSource

__all__ = ["SandboxUpstream"]

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
        recorded = self._exchanges.of(self._integration, resource, name)
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
        yield from self._exchanges.of(self._integration, resource, "get")
        yield from self._exchanges.everything(self._integration)


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
