"""Jobs for later: they move into the queue when they are due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from isthmus.db import Database
from isthmus.db.tables import job_timer
from isthmus.jobs import (
    Worker,
    cancel,
    put_schedule,
    read_job_status,
    read_queue_state,
)
from tests.background import QUICK, drain, tick
from tests.contract.jobs.recorder import Recorder, counted, put
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.both_databases


async def test_a_job_for_later_runs_when_its_time_has_come(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    await put(database, "a", run_at=clock.now() + timedelta(minutes=5))
    await tick(database, handlers)
    await clock.advance(299)
    await tick(database, handlers)
    assert handlers.ran == []
    await clock.advance(1)
    await tick(database, handlers)
    assert handlers.ran == ["a"]


async def test_a_time_that_has_passed_means_now(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    await put(database, "a", run_at=clock.now() - timedelta(minutes=5))
    await drain(database, handlers)
    assert handlers.ran == ["a"]


async def test_now_takes_the_place_of_later(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    await put(database, "a", run_at=clock.now() + timedelta(hours=5))
    await put(database, "a")
    await drain(database, handlers)
    assert handlers.ran == ["a"]
    assert await counted(database, job_timer) == 0


async def test_the_earlier_of_two_times_stays(database: Database, clock: VirtualClock) -> None:
    first, second = clock.now() + timedelta(hours=1), clock.now() + timedelta(hours=2)
    for order in ((first, second), (second, first)):
        for moment in order:
            await put(database, "a", run_at=moment)
        async with database.read() as conn:
            assert (await read_job_status(conn, "work", "a")).run_at == first
        async with database.write() as conn:
            assert await cancel(conn, "work", "a")


async def test_jobs_for_later_do_not_hold_back_those_that_are_due(
    database: Database, clock: VirtualClock
) -> None:
    handlers = Recorder()
    await put(database, *map(str, range(300)), run_at=clock.now() + timedelta(days=1), priority=9)
    await put(database, "due")
    await drain(database, handlers)
    assert handlers.ran == ["due"]


async def test_many_timers_move_at_once(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()  # three times at most 200 timers are moved
    async with database.write() as conn:
        due = clock.now() + timedelta(seconds=1)
        row = {"what": "work", "run_at": due, "priority": 0, "failures": 0, "error": None, "failed_at": None}
        await conn.execute(insert(job_timer), [{**row, "key": str(number)} for number in range(450)])
    await put(database, "7")
    await clock.advance(2)
    await tick(database, handlers)
    assert len(handlers.ran) == len(set(handlers.ran)) == 450


async def test_the_oldest_that_is_due_is_told_whoever_was_to_move_it(
    database: Database, clock: VirtualClock
) -> None:
    async def oldest() -> float | None:
        async with database.read() as conn:
            return (await read_queue_state(conn)).oldest_due_seconds

    await put(database, "later", run_at=clock.now() + timedelta(seconds=10))
    assert await oldest() is None
    await clock.advance(60.5)
    assert await oldest() == 50.5  # nobody has moved it
    await put(database, "now")
    await Worker(database, Recorder(), QUICK).move_due()
    assert await oldest() == 50.5  # it stands behind the other one now
    await drain(database, Recorder())
    assert await oldest() is None
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", cron="* * * * *")
    await clock.advance(120)
    assert await oldest() == 60.5
