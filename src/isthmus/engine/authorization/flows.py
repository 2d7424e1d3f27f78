"""Adds the credentials of an account to a request, and drives flows that yield requests.

A flow is a generator without I/O: it yields each request that has to be answered, is sent the answer, and
returns its result. Grants of token endpoints (`grants`) are flows too.

    flow = authorize(outgoing, context)
    try:
        request = next(flow)  # a request that must be answered first
        while True:
            request = flow.send(await http.send(request))
    except StopIteration as done:
        ready: HttpRequest = done.value
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, TypeVar

from isthmus.engine.authorization.credential_headers import make_credential_headers
from isthmus.engine.upstream import OutgoingRequest
from isthmus.expressions import run_in_turns
from isthmus.http.messages import HttpRequest, HttpResponse

__all__ = ["add_authorization", "authorize", "drive_flow"]

T = TypeVar("T")
Send = Callable[[HttpRequest], Awaitable[HttpResponse]]


def authorize(
    outgoing: OutgoingRequest, context: Mapping[str, Any]
) -> Generator[HttpRequest, HttpResponse, HttpRequest]:
    """Makes a flow that returns the request with its credentials. They are added last, and replace headers of
    the same name. It yields each request that must be answered first: none for bearer, basic and header.

    Raises BadRequest, before anything is sent, where a credential has no value.
    """
    yield from ()
    return _add_headers(outgoing, make_credential_headers(outgoing, context))


def _add_headers(outgoing: OutgoingRequest, credentials: Mapping[str, str]) -> HttpRequest:
    """Returns the request with these headers in place of its own of the same names."""
    if not credentials:
        return outgoing.http
    names = frozenset(name.lower() for name in credentials)
    http = outgoing.http
    other_headers = {name: value for name, value in http.headers.items() if name.lower() not in names}
    dropped = names if outgoing.drop_credentials_on_redirect else frozenset()
    return HttpRequest(
        method=http.method,
        url=http.url,
        headers={**other_headers, **credentials},
        body=http.body,
        timeout_seconds=http.timeout_seconds,
        max_redirects=http.max_redirects,
        credential_headers=http.credential_headers | dropped,
        stream=http.stream,
        body_length=http.body_length,
    )


async def drive_flow(flow: Generator[HttpRequest, HttpResponse, T], send: Send) -> T:
    """Sends the requests that a flow yields, and returns what it returns. Raises what the flow or `send`
    raises; an error of `send` is not thrown into the flow."""
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
    """Returns the request with its credentials. `send`: sends the requests that must be answered first.
    Raises what `authorize` and `send` raise."""

    def start() -> HttpRequest | None:
        """Returns the finished request; None if others must be answered first."""
        try:
            next(authorize(outgoing, context))
        except StopIteration as ready:
            request: HttpRequest = ready.value
            return request
        return None

    ready = await run_in_turns(start)
    return await drive_flow(authorize(outgoing, context), send) if ready is None else ready
