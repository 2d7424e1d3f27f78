"""Counts that processes share: each knows those of the others after two exchanges."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from tests.fakes.clock import VirtualClock

from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.db.window_counts import SHARE_SECONDS, WindowSharing
from isthmus.kit.fixed_window import FixedWindowCounter
from isthmus.kit.ids import new_id

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

KEY = new_id()


class Counting:
    """One process: its counter, and how it shares."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        self.counter = FixedWindowCounter(10, clock)
        self.sharing = WindowSharing(self.counter, database, clock)

    def count(self, times: int, *, limit: int = 100, key: str = KEY) -> int:
        """Returns how many of so many events were within the limit."""
        return sum(not self.counter.count(key, limit).is_exceeded for _ in range(times))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def elsewhere(settings: Settings) -> AsyncIterator[Database]:
    """The database as another process has it open."""
    opened = await open_database(settings)
    yield opened
    await opened.close()


@pytest.fixture
def here(database: Database, clock: VirtualClock) -> Counting:
    return Counting(database, clock)


@pytest.fixture
def there(elsewhere: Database, clock: VirtualClock) -> Counting:
    return Counting(elsewhere, clock)


async def read_row_count(database: Database, table: str = "window_count") -> int:
    async with database.read() as conn:
        return int((await conn.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_what_one_process_counted_is_gone_for_the_other(here: Counting, there: Counting) -> None:
    assert here.count(80) == 80
    await here.sharing.share()
    assert there.count(5) == 5
    await there.sharing.share()
    assert there.count(30) == 15
    await there.sharing.share()
    await here.sharing.share()
    assert here.count(1) == 0


async def test_a_limit_that_one_process_used_up_is_given_again_to_all_at_the_same_time(
    here: Counting, there: Counting, clock: VirtualClock
) -> None:
    here.count(100)
    await here.sharing.share()
    await clock.advance(4)
    await there.sharing.share()
    assert there.count(1) == 0
    await clock.advance(5.999)
    assert (here.count(1), there.count(1)) == (0, 0)
    await clock.advance(0.001)
    assert (here.count(60), there.count(1)) == (60, 1)
    await there.sharing.share()
    await here.sharing.share()
    await there.sharing.share()
    assert here.count(100) + there.count(100, limit=99) == 39 + 38


async def test_rows_of_windows_that_are_over_are_deleted(
    here: Counting, there: Counting, database: Database, clock: VirtualClock
) -> None:
    for number in range(3):
        there.count(1, key=f"{number}")
    await there.sharing.share()
    await clock.advance(10)
    here.count(1)
    await here.sharing.share()
    assert await read_row_count(database) == 1


async def test_rows_of_a_clock_that_was_set_back_are_neither_counted_nor_kept(
    here: Counting, there: Counting, database: Database, clock: VirtualClock
) -> None:
    there.count(90)
    await there.sharing.share()
    clock.set_forward(-3_600)
    elsewhere = Counting(database, clock)
    elsewhere.count(1)
    await elsewhere.sharing.share()
    assert await read_row_count(database) == 1
    await here.sharing.share()
    assert here.count(100) == 99


async def test_nothing_is_written_while_nothing_is_counted(here: Counting, database: Database) -> None:
    here.count(1)
    await here.sharing.share()
    async with database.write() as conn:
        await conn.execute(text("DELETE FROM window_count"))
    await here.sharing.share()
    assert await read_row_count(database) == 0


async def test_counts_are_exchanged_in_the_background_also_after_a_failure(
    here: Counting,
    there: Counting,
    database: Database,
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await here.sharing.start()
    here.count(100)
    async with database.write() as conn:
        await conn.execute(text("ALTER TABLE window_count RENAME TO away"))
    with caplog.at_level(logging.WARNING, "isthmus.db.window_counts"):
        await clock.advance(SHARE_SECONDS)
        async with asyncio.timeout(5):
            while not caplog.records:
                await read_row_count(database, "away")
    async with database.write() as conn:
        await conn.execute(text("ALTER TABLE away RENAME TO window_count"))
    await clock.advance(SHARE_SECONDS)
    async with asyncio.timeout(5):
        while not await read_row_count(database):
            pass
    await there.sharing.share()
    assert there.count(1) == 0
    await here.sharing.stop()
    assert [record.message for record in caplog.records] == [
        "requests are limited by each process alone: ProgrammingError"
    ]
