"""Runs pieces of work a few at a time, and reads a list to its last page, one page ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from isthmus.errors import UnprocessableRequest

__all__ = ["HasNext", "process_queue", "walk_pages"]

T = TypeVar("T")


async def process_queue(
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


class HasNext(Protocol):
    @property
    def next_cursor(self) -> str | None: ...


P = TypeVar("P", bound=HasNext)


async def walk_pages(
    fetch: Callable[[str | None], Awaitable[P]], cursor: str | None, *, most: int
) -> AsyncGenerator[P, None]:
    """The pages from `cursor` on. The next is fetched while one is worked on, and never more than one: who is
    slow holds the list up, and memory holds two pages.

    Close it (`contextlib.aclosing`) to give up the page on its way. Raises what `fetch` raises, behind the
    pages before, and UnprocessableRequest where there are more than `most`.
    """
    coming = asyncio.ensure_future(_fetch(fetch, cursor))
    try:
        for number in range(1, most + 1):
            page = await coming
            following = page.next_cursor
            if following is None:
                yield page
                return
            if number < most:
                coming = asyncio.ensure_future(_fetch(fetch, following))
            yield page
        raise UnprocessableRequest(
            f"The list has more than {most} pages. Narrow it by a query, or ask for larger ones."
        )
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _fetch(fetch: Callable[[str | None], Awaitable[P]], cursor: str | None) -> P:
    return await fetch(cursor)
