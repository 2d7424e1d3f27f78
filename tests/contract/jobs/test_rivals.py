"""A transaction that meets rows which another one has changed and not committed: it waits and sees what
became of them, or passes them over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import Database
from isthmus.db.tables import job
from isthmus.jobs import Run, defer, get_schedule, put_schedule, read_job_status
from isthmus.jobs.clock_changes import restart_schedules, restart_timers
from isthmus.jobs.lock_timeout import write_with_lock_timeout
from isthmus.jobs.procrastinate_adapter.worker import open_procrastinate_worker
from isthmus.jobs.queue import defer_retry, move_due_timers
from isthmus.jobs.queue_maintenance import requeue_stalled_jobs
from isthmus.jobs.schedules import fire_due_schedules
from tests.background import QUICK, until
from tests.contract.jobs.recorder import Recorder, put, somebody_waits
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

Write = Callable[[AsyncConnection], Awaitable[object]]


async def meet(database: Database, first: Write, second: Write) -> None:
    """Has `second` meet what `first` wrote, which is committed once `second` waits for it."""

    async def run_second() -> None:
        async with database.write() as conn:
            await second(conn)

    async with database.write() as conn:
        await first(conn)
        meeting = asyncio.create_task(run_second())
        await until(lambda: somebody_waits(database))
    await meeting


async def move_with_lock_timeout(
    database: Database, move: Callable[[AsyncConnection], Awaitable[int]]
) -> int:
    """Moves what is due, as the worker does; returns how many."""
    async with write_with_lock_timeout(database) as conn:
        return await move(conn)


async def put_minutely(conn: AsyncConnection, name: str = "a") -> None:
    await put_schedule(conn, name, job_name="work", key=name, cron="* * * * *")


async def test_a_timer_that_was_just_brought_forward_is_not_put_off_again(
    database: Database, clock: VirtualClock
) -> None:
    await put(database, "a", run_at=clock.now() + timedelta(hours=2))
    clock.set_forward(-3600)
    sooner = clock.now() + timedelta(seconds=5)
    await meet(
        database,
        lambda conn: defer(conn, "work", "a", sooner),
        lambda conn: restart_timers(conn, ("", "")),
    )
    async with database.read() as conn:
        assert (await read_job_status(conn, "work", "a")).run_at == sooner


async def test_a_schedule_that_was_just_changed_keeps_its_next_firing(
    database: Database, clock: VirtualClock
) -> None:
    async with database.write() as conn:
        await put_schedule(conn, "a", job_name="work", key="a", cron="0 0 1 1 *")
    clock.set_forward(-3600)
    await meet(database, put_minutely, restart_schedules)
    async with database.read() as conn:
        stored = await get_schedule(conn, "a")
    assert stored is not None
    assert stored.next_at == clock.now() + timedelta(minutes=1)


async def test_a_schedule_that_is_put_again_while_it_fires_does_not_fire_twice(
    database: Database, clock: VirtualClock
) -> None:
    async with database.write() as conn:
        await put_minutely(conn)
    await clock.advance(60)
    await meet(database, fire_due_schedules, put_minutely)
    async with database.read() as conn:
        stored = await get_schedule(conn, "a")
    assert stored is not None
    assert stored.next_at == clock.now() + timedelta(minutes=1)


async def test_a_job_that_a_worker_just_took_is_no_retry(database: Database, clock: VirtualClock) -> None:
    await put(database, "a")
    later = clock.now() + timedelta(minutes=1)
    await meet(
        database,
        lambda conn: conn.execute(update(job).where(job.c.lock == "work:a").values(status="doing")),
        lambda conn: defer_retry(conn, "work", "a", later, 0, failures=1, error="x"),
    )
    async with database.read() as conn:
        assert (await read_job_status(conn, "work", "a")).run_at == later


async def test_a_timer_that_another_takes_is_passed_over(database: Database, clock: VirtualClock) -> None:
    await put(database, "a", "b", run_at=clock.now() + timedelta(seconds=1))
    await clock.advance(1)
    async with database.write() as conn:
        await defer(conn, "work", "a")
        moving = move_with_lock_timeout(database, move_due_timers)
        assert await asyncio.create_task(moving) == 1


async def test_a_schedule_that_another_fires_is_passed_over(database: Database, clock: VirtualClock) -> None:
    async with database.write() as conn:
        await put_minutely(conn, "a")
        await put_minutely(conn, "b")
    await clock.advance(60)
    async with database.write() as conn:
        assert await fire_due_schedules(conn, only="a") == 1
        moving = move_with_lock_timeout(database, fire_due_schedules)
        assert await asyncio.create_task(moving) == 1


async def test_a_job_whose_run_is_writing_is_not_given_to_another(database: Database) -> None:
    await put(database, "a")
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:
        taken = await worker.manager.fetch_job(None, await worker.manager.register_worker())
    assert taken is not None
    run = Run(
        job_name="work",
        key="a",
        failures=0,
        database=database,
        job_id=taken.id or 0,
        worker_id=taken.worker_id,
        attempts=taken.attempts,
        priority=0,
    )
    async with database.write() as conn:
        silent = text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 day'")
        await conn.execute(silent)
    sweep = partial(requeue_stalled_jobs, database, stalled_seconds=0.001)
    async with run.write():
        assert await asyncio.create_task(sweep()) == 0
    assert await sweep() == 1
