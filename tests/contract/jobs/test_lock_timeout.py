"""The engine's own transactions give way to those of the application: these are never a deadlock's victim."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from isthmus.db import Database
from isthmus.jobs import Worker, defer, put_schedule
from isthmus.jobs.lock_timeout import LockNotAvailable
from isthmus.jobs.queue_maintenance import requeue_stalled_jobs
from tests.background import QUICK, drain, tick, until
from tests.contract.jobs.recorder import Recorder, put, somebody_waits
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

# With it this one would find out first, and be the one that is ended.
FINDS_OUT_FIRST = text("SET LOCAL deadlock_timeout = '300ms'")

DEAD = text(
    "INSERT INTO procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE "
    "VALUES (1, now() - interval '1 day')"
)


async def swept_one(database: Database) -> bool:
    return await requeue_stalled_jobs(database, stalled_seconds=1.0) == 1


async def test_who_moves_timers_gives_way_to_a_transaction_that_defers_twice(
    database: Database, clock: VirtualClock
) -> None:
    handlers = Recorder()

    async def move() -> None:
        while True:
            try:
                await Worker(database, handlers, QUICK).move_due()
                return
            except LockNotAvailable:
                await asyncio.sleep(0.01)

    async with database.write() as conn:
        await conn.execute(FINDS_OUT_FIRST)
        await defer(conn, "work", "a")
        due = clock.now() + timedelta(seconds=1)
        await asyncio.create_task(put(database, "a", "b", run_at=due))
        await clock.advance(2)
        moving = asyncio.create_task(move())
        await until(lambda: somebody_waits(database))
        await defer(conn, "work", "b")  # whose timer the mover has taken, while it waits for job a
    await moving
    await drain(database, handlers)
    assert sorted(handlers.ran) == ["a", "b"]


async def test_a_timer_that_somebody_holds_does_not_hold_up_the_others(
    database: Database, clock: VirtualClock
) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        await defer(conn, "work", "a")
        due = clock.now() + timedelta(seconds=1)
        await asyncio.create_task(put(database, *"abcde", run_at=due))
        await clock.advance(2)
        with pytest.raises(LockNotAvailable):
            await asyncio.create_task(Worker(database, handlers, QUICK).move_due())
        await asyncio.create_task(drain(database, handlers))
        assert sorted(handlers.ran) == [*"bcde"]
    await tick(database, handlers)
    assert sorted(handlers.ran) == [*"abcde"]


async def test_a_schedule_whose_job_somebody_holds_does_not_hold_up_the_others(
    database: Database, clock: VirtualClock
) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        for key in "abc":
            await put_schedule(conn, key, job_name="work", key=key, cron="* * * * *")
    await put(database, "d", run_at=clock.now() + timedelta(seconds=1))
    await clock.advance(60)
    async with database.write() as conn:
        await defer(conn, "work", "a")
        with pytest.raises(LockNotAvailable):
            await asyncio.create_task(Worker(database, handlers, QUICK).move_due())
        await asyncio.create_task(drain(database, handlers))
        assert sorted(handlers.ran) == [*"bcd"]
    await tick(database, handlers)
    assert sorted(handlers.ran) == [*"abcd"]


async def test_a_timer_whose_row_somebody_has_is_waited_for_not_looked_at_without_end(
    database: Database, clock: VirtualClock
) -> None:
    handlers = Recorder()
    await put(database, "a", run_at=clock.now() + timedelta(seconds=1))
    await clock.advance(2)
    async with database.write() as conn:
        await defer(conn, "work", "a")  # takes the timer away
        with pytest.raises(LockNotAvailable):
            await asyncio.create_task(Worker(database, handlers, QUICK).move_due())
    await tick(database, handlers)
    assert handlers.ran == ["a"]


async def test_the_sweep_gives_way_to_a_transaction_that_defers_twice(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a", "b")
    async with database.write() as conn:
        await conn.execute(DEAD)
        await conn.execute(text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = 1"))
    async with database.write() as conn:
        await conn.execute(FINDS_OUT_FIRST)
        await defer(conn, "work", "b")

        async def swept() -> bool:
            return await asyncio.create_task(swept_one(database))

        await until(swept)  # a is given back, b is passed over
        await defer(conn, "work", "a")
    await until(lambda: swept_one(database))
    await drain(database, handlers)
    assert sorted(handlers.ran) == ["a", "b"]
