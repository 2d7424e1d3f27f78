"""Walking a list: one page ahead of who takes them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from isthmus.engine.graph.concurrency import process_queue, walk_pages
from isthmus.errors import UnprocessableRequest


@dataclass(frozen=True)
class Numbered:
    number: int
    next_cursor: str | None


class Pages:
    """`count` pages; `begun` and `ended` are how many fetches did."""

    def __init__(self, count: int, *, fails_at: int | None = None) -> None:
        self.count = count
        self.fails_at = fails_at
        self.begun = 0
        self.ended = 0

    async def fetch(self, cursor: str | None) -> Numbered:
        number = int(cursor or 1)
        self.begun += 1
        await asyncio.sleep(0)
        if number == self.fails_at:
            raise ValueError(number)
        self.ended += 1
        return Numbered(number, str(number + 1) if number < self.count else None)


async def gather(pages: Pages, seen: list[int], *, max_pages: int) -> None:
    async for page in walk_pages(pages.fetch, None, max_pages=max_pages):
        seen.append(page.number)
        await turns()


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_next_page_is_fetched_while_one_is_worked_on_and_no_further_one() -> None:
    pages = Pages(9)
    async with aclosing(walk_pages(pages.fetch, None, max_pages=100)) as walk:
        first = await anext(walk)
        await turns()
        assert (first.number, pages.begun, pages.ended) == (1, 2, 2)
        await anext(walk)
        await turns()
        assert pages.ended == 3


async def test_every_page_comes_once_from_the_cursor_on() -> None:
    pages = Pages(5)
    assert [page.number async for page in walk_pages(pages.fetch, "3", max_pages=100)] == [3, 4, 5]
    assert pages.begun == 3


async def test_a_walk_that_is_given_up_gives_up_the_page_on_its_way() -> None:
    pages = Pages(9)
    async with aclosing(walk_pages(pages.fetch, None, max_pages=100)) as walk:
        await anext(walk)
    await turns()
    assert (pages.begun, pages.ended) == (1, 1)


async def test_a_failure_comes_behind_the_pages_before_it() -> None:
    seen: list[int] = []
    with pytest.raises(ValueError):
        await gather(Pages(9, fails_at=3), seen, max_pages=100)
    assert seen == [1, 2]


async def test_a_page_too_many_is_not_even_fetched() -> None:
    pages = Pages(9)
    seen: list[int] = []
    with pytest.raises(UnprocessableRequest):
        await gather(pages, seen, max_pages=2)
    assert (seen, pages.begun) == ([1, 2], 2)


async def test_the_first_failure_ends_the_rest_of_the_work() -> None:
    ended: list[int] = []

    async def work(piece: int) -> list[int]:
        try:
            await asyncio.sleep(0)
            if piece == 2:
                raise ValueError
            await asyncio.Event().wait()
        finally:
            ended.append(piece)
        return []

    with pytest.raises(ValueError):
        await process_queue([1, 2, 3, 4], work, at_once=3)
    assert sorted(ended) == [1, 2, 3]
