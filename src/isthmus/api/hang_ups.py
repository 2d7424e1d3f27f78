"""Callers that go away: nobody is there for the answer of a read, so the read ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from isthmus.api.incoming_request import Incoming
from isthmus.errors import BadRequest

__all__ = ["while_connected"]

T = TypeVar("T")
_AFTER_SECONDS: Final = 0.1
"""Most calls are over by then, and pay for a timer and no more."""


async def while_connected(incoming: Incoming, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. It is cancelled, and BadRequest raised, once the caller has hung up.

    For requests whose body was read, or is wanted by nobody. Only for what may end anywhere: a write that is
    cut off has perhaps been done.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    watch: asyncio.Task[None] | None = None
    gone = False

    async def listen() -> None:
        nonlocal gone
        await incoming.until_gone()
        gone = True
        task.cancel()

    def begin() -> None:
        nonlocal watch
        watch = asyncio.ensure_future(listen())

    timer = loop.call_later(_AFTER_SECONDS, begin)
    try:
        return await work
    except asyncio.CancelledError:
        if not gone or task.uncancel() > 0:
            raise
        raise BadRequest("the caller hung up, and the call was ended") from None
    finally:
        timer.cancel()
        if watch is not None:
            watch.cancel()
