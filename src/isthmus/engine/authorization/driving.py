"""Drives a flow that yields requests, with whoever sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

from isthmus.http.messages import HttpRequest, HttpResponse

__all__ = ["drive"]

T = TypeVar("T")


async def drive(
    flow: Generator[HttpRequest, HttpResponse, T], send: Callable[[HttpRequest], Awaitable[HttpResponse]]
) -> T:
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
