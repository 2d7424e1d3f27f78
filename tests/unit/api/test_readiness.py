"""Whether a server is ready: found out within two seconds, and with few writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event, text
from tests.background import until
from tests.fakes.clock import VirtualClock

from isthmus.api.readiness import Readiness
from isthmus.db import Database, EpochWatcher

pytestmark = pytest.mark.both_databases


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def readiness(database: Database, clock: VirtualClock) -> AsyncIterator[Readiness]:
    database.clock = clock
    watcher = EpochWatcher(database, clock)
    await watcher.poll()
    yield Readiness(database, watcher)
    await watcher.stop()


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[None]:
    """Keeps everybody else from writing, as another process does."""
    async with database.write_schema() as conn:  # of a connection of its own
        if not database.is_sqlite:
            await conn.execute(text("LOCK TABLE epoch IN EXCLUSIVE MODE"))
        yield


async def test_a_server_whose_database_is_locked_is_not_ready_and_says_so_within_two_seconds(
    readiness: Readiness, database: Database
) -> None:
    async with locked(database):
        began = time.monotonic()
        reports = await asyncio.gather(*(readiness.check() for _ in range(3)))
        assert time.monotonic() - began < 2
    for report in reports:
        assert not report.is_ready
        assert report.checks == {"database": "ok", "database_writes": "no answer within 0.8 s"}
    await until(lambda: _is_ready(readiness))


async def _is_ready(readiness: Readiness) -> bool:
    return (await readiness.check()).is_ready


async def test_however_often_it_is_asked_it_writes_once_in_five_seconds(
    readiness: Readiness, database: Database, clock: VirtualClock
) -> None:
    commits: list[object] = []
    event.listen(database._engines.writer.sync_engine, "commit", commits.append)
    for seconds, expected in ((0, 1), (4.9, 1), (0.1, 2), (4.8, 2)):
        await clock.advance(seconds)
        reports = await asyncio.gather(*(readiness._check_writes() for _ in range(20)))
        assert set(reports) == {"ok"}
        assert len(commits) == expected


@pytest.mark.parametrize(
    ("seconds", "state"), [(4.9, "ok"), (5.0, "no answer for 5 s"), (6.0, "no answer for 6 s")]
)
async def test_a_database_that_was_not_heard_of_for_five_seconds_is_named(
    readiness: Readiness, clock: VirtualClock, seconds: float, state: str
) -> None:
    await clock.advance(seconds)
    report = await readiness.check()
    assert report.checks == {"database": state, "database_writes": "ok"}
    assert report.is_ready == bool(report.backlog) == (state == "ok")


async def test_the_check_of_writes_leaves_no_row(readiness: Readiness, database: Database) -> None:
    before = await _count_epochs(database)
    assert (await readiness.check()).is_ready
    assert await _count_epochs(database) == before


async def _count_epochs(database: Database) -> int:
    async with database.read() as conn:
        number: int = (await conn.execute(text("SELECT count(*) FROM epoch"))).scalar_one()
    return number


async def test_numbers_that_take_long_are_left_out_of_a_ready_answer(
    readiness: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_READ_SECONDS", "_BACKLOG_SECONDS"):
        monkeypatch.setattr(f"isthmus.api.readiness.{name}", 30.0)
    assert set((await readiness.check()).backlog) == {"queue", "events"}
    counted = asyncio.Event()
    monkeypatch.setattr("isthmus.api.readiness._BACKLOG_SECONDS", 0.1)
    monkeypatch.setattr("isthmus.api.readiness.read_queue_state", lambda _: counted.wait())
    report = await readiness.check()
    assert (report.is_ready, report.backlog) == (True, {})
    counted.set()
