"""Processes a queue of items a few at a time, and reads a list to its last page, one page ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from isthmus.errors import UnprocessableRequest

__all__ = ["HasNext", "process_queue", "walk_pages"]

T = TypeVar("T")


async def process_queue(
    first: Iterable[T], process: Callable[[T], Awaitable[Iterable[T]]], *, at_once: int
) -> None:
    """Runs `process` for each item, started in order, at most `at_once` at the same time. Items that
    `process` returns are queued behind the others.

    The first exception is raised; it cancels the other runs, as cancelling this call does.
    """
    waiting = deque(first)
    running: set[asyncio.Task[Iterable[T]]] = set()

    async def start(item: T) -> Iterable[T]:
        """Processes one item, as the coroutine that a task needs."""
        return await process(item)

    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.add(asyncio.create_task(start(waiting.popleft())))
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                waiting.extend(task.result())
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class HasNext(Protocol):
    """A page that tells the cursor of the next one, None for the last."""

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the next page; None on the last."""
        ...


P = TypeVar("P", bound=HasNext)


async def walk_pages(
    fetch: Callable[[str | None], Awaitable[P]], cursor: str | None, *, max_pages: int
) -> AsyncGenerator[P, None]:
    """Yields the pages from `cursor` on. While the caller works on a page the next one is fetched, and no
    more than that, so at most two pages are in memory.

    `fetch`: fetches the page at a cursor. Close the generator (`contextlib.aclosing`) to cancel the page
    under way. Raises what `fetch` raises, after the pages before it, and UnprocessableRequest where there are
    more than `max_pages`.
    """
    next_page = asyncio.ensure_future(_fetch(fetch, cursor))
    try:
        for number in range(1, max_pages + 1):
            page = await next_page
            next_cursor = page.next_cursor
            if next_cursor is None:
                yield page
                return
            if number < max_pages:
                next_page = asyncio.ensure_future(_fetch(fetch, next_cursor))
            yield page
        raise UnprocessableRequest(
            f"The list has more than {max_pages} pages. Narrow it by a query, or ask for larger ones."
        )
    finally:
        next_page.cancel()
        await asyncio.gather(next_page, return_exceptions=True)


async def _fetch(fetch: Callable[[str | None], Awaitable[P]], cursor: str | None) -> P:
    """Fetches one page, as the coroutine that a task needs."""
    return await fetch(cursor)
