"""Drives a flow that yields requests, with whoever sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, TypeVar

from isthmus.engine.authorization import authorize
from isthmus.engine.messages import OutgoingRequest
from isthmus.expressions import run_in_turns
from isthmus.http.messages import HttpRequest, HttpResponse

__all__ = ["authorized", "drive"]

T = TypeVar("T")
Send = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def drive(flow: Generator[HttpRequest, HttpResponse, T], send: Send) -> T:
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


async def authorized(outgoing: OutgoingRequest, context: Mapping[str, Any], send: Send) -> HttpRequest:
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
    return await drive(authorize(outgoing, context), send) if ready is None else ready
