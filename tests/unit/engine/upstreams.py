"""An `Upstream` that answers from a function: the port's simplest implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from isthmus.definitions import IntegrationConfig, load_integration
from isthmus.engine.authorization.flows import add_authorization
from isthmus.engine.upstream import AccountFacts, OutgoingRequest
from isthmus.http.messages import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


def answer(
    body: Any = None, status: int = 200, content_type: str = "application/json", **headers: str
) -> HttpResponse:
    """Builds a response. Bytes and text are sent as they are, anything else as JSON; names of headers have
    `_` for `-`."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else orjson.dumps(body)
    named_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(
        status=status,
        headers={"content-type": content_type, **named_headers},
        body=b"" if status == 204 else data,
        url="",
    )


class MemoryUpstream:
    """Keeps what was sent. `answers`: a function, or the answers in order."""

    def __init__(
        self,
        answers: Answer | list[HttpResponse],
        context: Mapping[str, Any] | None = None,
        method: str | None = "api_key",
    ) -> None:
        self.context: dict[str, Any] = {"api_key": "k", **(context or {})}
        self.account = AccountFacts("a", "t", "e", authentication_method=method, product="Acme")
        self.sent: list[OutgoingRequest] = []
        self.requests: list[HttpRequest] = []
        self._answers = answers

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Keeps the request with its authorization, and returns its answer."""
        http = await add_authorization(request, self.context, self._unasked)
        self.sent.append(request)
        self.requests.append(http)
        response = self._answers(http) if callable(self._answers) else self._answers[len(self.sent) - 1]
        return replace(response, url=http.url)

    async def _unasked(self, request: HttpRequest) -> HttpResponse:
        """Fails, if the authorization makes a request."""
        raise AssertionError(f"no authorization asks for anything: {request.url}")

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Merges the patch into the context."""
        self.context.update(patch)

    @property
    def request(self) -> HttpRequest:
        """The last request that was sent."""
        return self.requests[-1]

    @property
    def query(self) -> list[tuple[str, str]]:
        """Of the last request, decoded, in order."""
        return parse_qsl(urlsplit(self.request.url).query, keep_blank_values=True)

    @property
    def body(self) -> Any:
        """The JSON value of the last request's body."""
        assert isinstance(self.request.body, bytes)
        return orjson.loads(self.request.body)


def integration(methods: Mapping[str, Any], **config: Any) -> IntegrationConfig:
    """Returns a definition with one resource, `things`."""
    return load_integration(
        {"label": "Acme", "base_url": "https://api.acme.test/v1", "resources": {"things": methods}, **config}
    )
