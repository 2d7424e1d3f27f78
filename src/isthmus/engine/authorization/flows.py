"""x"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, TypeVar

from isthmus.engine.authorization.credential_headers import make_credential_headers
from isthmus.engine.upstream import OutgoingRequest
from isthmus.expressions import run_in_turns
from isthmus.http.messages import HttpRequest, HttpResponse

__all__ = ["add_authorization", "authorize", "drive_flow"]


def authorize(
    outgoing: OutgoingRequest, context: Mapping[str, Any]
) -> Generator[HttpRequest, HttpResponse, HttpRequest]:
    """Yields each request that must be answered first (none, for bearer, basic and header), and returns the
    request with its credentials. They are written last and win over headers of the same name.

    Raises BadRequest, before anything is sent, where a credential has no value.
    """
    yield from ()
    return _add_headers(outgoing, make_credential_headers(outgoing, context))


def _add_headers(outgoing: OutgoingRequest, credentials: Mapping[str, str]) -> HttpRequest:
    if not credentials:
        return outgoing.http
    names = frozenset(name.lower() for name in credentials)
    http = outgoing.http
    kept = {name: value for name, value in http.headers.items() if name.lower() not in names}
    dropped = names if outgoing.drop_credentials_on_redirect else frozenset()
    return HttpRequest(
        method=http.method,
        url=http.url,
        headers={**kept, **credentials},
        body=http.body,
        timeout_seconds=http.timeout_seconds,
        max_redirects=http.max_redirects,
        credential_headers=http.credential_headers | dropped,
        stream=http.stream,
        body_length=http.body_length,
    )


T = TypeVar("T")
Send = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def drive_flow(flow: Generator[HttpRequest, HttpResponse, T], send: Send) -> T:
    """What the flow returns. Raises what it or `send` raises; the flow never sees a failure to send."""
    try:
        request = next(flow)
        while True:
            request = flow.send(await send(request))
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        flow.close()


async def add_authorization(outgoing: OutgoingRequest, context: Mapping[str, Any], send: Send) -> HttpRequest:
    """The request with its credentials; `send`: for what must be answered first. Raises what `authorize` and
    `send` raise."""

    def begun() -> HttpRequest | None:
        try:
            next(authorize(outgoing, context))
        except StopIteration as ready:
            request: HttpRequest = ready.value
            return request
        return None

    ready = await run_in_turns(begun)
    return await drive_flow(authorize(outgoing, context), send) if ready is None else ready
