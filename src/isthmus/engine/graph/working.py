"""So many at a time: pieces of work of which each may bring more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

__all__ = ["work_through"]

T = TypeVar("T")


async def work_through(
    first: Iterable[T], work: Callable[[T], Awaitable[Iterable[T]]], *, at_once: int
) -> None:
    """Begins the pieces in order, at most `at_once` under way; what `work` returns comes behind the others.

    The first exception ends the rest, as cancelling does: nothing of it goes on afterwards.
    """
    waiting = deque(first)
    running: set[asyncio.Task[Iterable[T]]] = set()

    async def begun(piece: T) -> Iterable[T]:
        return await work(piece)

    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.add(asyncio.create_task(begun(waiting.popleft())))
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                waiting.extend(task.result())
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
