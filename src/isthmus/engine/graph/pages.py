"""A list to its last page, for walkers: who takes a page has the next one on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol, TypeVar

from isthmus.errors import UnprocessableRequest

__all__ = ["HasNext", "walked"]


class HasNext(Protocol):
    @property
    def next_cursor(self) -> str | None: ...


P = TypeVar("P", bound=HasNext)


async def walked(
    fetch: Callable[[str | None], Awaitable[P]], cursor: str | None, *, most: int
) -> AsyncGenerator[P, None]:
    """The pages from `cursor` on. The next is fetched while one is worked on, and never more than one: who is
    slow holds the list up, and memory holds two pages.

    Close it (`contextlib.aclosing`) to give up the page on its way. Raises what `fetch` raises, behind the
    pages before, and UnprocessableRequest where there are more than `most`.
    """
    coming = asyncio.ensure_future(_fetched(fetch, cursor))
    try:
        for number in range(1, most + 1):
            page = await coming
            following = page.next_cursor
            if following is None:
                yield page
                return
            if number < most:
                coming = asyncio.ensure_future(_fetched(fetch, following))
            yield page
        raise UnprocessableRequest(
            f"The list has more than {most} pages. Narrow it by a query, or ask for larger ones."
        )
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _fetched(fetch: Callable[[str | None], Awaitable[P]], cursor: str | None) -> P:
    return await fetch(cursor)
