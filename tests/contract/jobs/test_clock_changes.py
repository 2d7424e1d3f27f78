"""A clock that is set back or forward while jobs and schedules wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.db.tables import job_timer
from isthmus.jobs import Worker, get_schedule, put_schedule, read_job_status
from isthmus.jobs.clock_changes import restart_timers
from tests.background import QUICK, drain, until, worker_running
from tests.contract.jobs.recorder import Recorder, put
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.both_databases


async def move(worker: Worker, database: Database, handlers: Recorder) -> list[str]:
    """Moves what is due, runs it, and returns the keys of all jobs that ran so far."""
    await worker.move_due()
    await drain(database, handlers)
    return handlers.ran


async def test_a_wait_begins_anew_when_the_clock_is_set_back(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    worker = Worker(database, handlers, QUICK)
    await worker.move_due()
    await put(database, "short", run_at=clock.now() + timedelta(seconds=1))
    clock.set_forward(-3600)
    assert await move(worker, database, handlers) == []
    await clock.advance(1)
    assert await move(worker, database, handlers) == ["short"]


async def test_a_process_that_starts_after_the_clock_was_set_back_begins_waits_anew(
    settings: Settings, database: Database, clock: VirtualClock
) -> None:
    await put(database, *map(str, range(450)), run_at=clock.now() + timedelta(seconds=30))
    clock.set_forward(-3600)
    worker = Worker(database, Recorder(), QUICK)
    left = []
    for _ in range(3):
        await worker.move_due()
        async with database.read() as conn:
            is_wrong = job_timer.c.set_at > clock.now()
            left.append((await conn.execute(select(func.count()).where(is_wrong))).scalar_one())
    assert left == [250, 50, 0], "each look puts one batch right"
    assert worker._clock_watch.unchecked_after is None
    await clock.advance(30)
    handlers = Recorder()
    assert len(await move(worker, database, handlers)) == 450


async def test_a_worker_puts_all_waits_right_without_a_pause(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus.jobs.clock_changes.MAX_RESTARTED_AT_ONCE", 2)
    await put(database, *"abcde", run_at=clock.now() + timedelta(hours=9))
    clock.set_forward(-3600)

    async def are_right() -> bool:
        async with database.read() as conn:
            is_wrong = job_timer.c.set_at > clock.now()
            return (await conn.execute(select(func.count()).where(is_wrong))).scalar_one() == 0

    async with worker_running(database, Recorder(), replace(QUICK, poll_seconds=60.0)):
        await until(are_right)


async def test_each_timer_is_looked_at_once(database: Database, clock: VirtualClock) -> None:
    await put(database, *(f"{number:03}" for number in range(450)), run_at=clock.now() + timedelta(hours=9))
    clock.set_forward(-3600)
    async with database.write() as conn:
        last = await restart_timers(conn, ("work", "099"))
        assert last == ("work", "299"), "those before the given one are left alone"
        assert await restart_timers(conn, last) is None


async def test_a_wait_that_began_before_the_time_to_which_the_clock_is_set_keeps_its_end(
    database: Database, clock: VirtualClock
) -> None:
    end = clock.now() + timedelta(hours=3)
    worker = Worker(database, Recorder(), QUICK)
    await worker.move_due()
    await put(database, "long", run_at=end)
    await clock.advance(3600)
    clock.set_forward(-1800)
    await worker.move_due()
    async with database.read() as conn:
        assert (await read_job_status(conn, "work", "long")).run_at == end


async def test_of_two_times_the_one_that_stays_keeps_its_beginning(
    database: Database, clock: VirtualClock
) -> None:
    """A later time that was asked for after the clock was set back does not make the earlier one look new."""
    handlers = Recorder()
    worker = Worker(database, handlers, QUICK)
    await worker.move_due()
    await put(database, "a", run_at=clock.now() + timedelta(seconds=5))
    clock.set_forward(-3600)
    await put(database, "a", run_at=clock.now() + timedelta(hours=2))
    await worker.move_due()
    await clock.advance(5)
    assert await move(worker, database, handlers) == ["a"]


@pytest.mark.parametrize("has_fired", [True, False])
async def test_a_schedule_goes_on_when_the_clock_is_set_back(
    database: Database, clock: VirtualClock, has_fired: bool
) -> None:
    handlers = Recorder()
    worker = Worker(database, handlers, QUICK)
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", key="k", cron="* * * * *")
    await clock.advance(60 if has_fired else 0)
    before = len(await move(worker, database, handlers))
    clock.set_forward(-3600)
    await worker.move_due()
    await clock.advance(60)
    assert len(await move(worker, database, handlers)) == before + 1
    await clock.advance(60)
    assert len(await move(worker, database, handlers)) == before + 2


async def test_a_daily_schedule_keeps_its_hour_when_the_clock_is_set_back(
    database: Database, clock: VirtualClock
) -> None:
    worker = Worker(database, Recorder(), QUICK)
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", cron="30 10 * * *")
    clock.set_forward(-3600)
    await worker.move_due()
    async with database.read() as conn:
        stored = await get_schedule(conn, "mine")
    assert stored is not None
    assert stored.next_at == datetime(2030, 1, 2, 10, 30, tzinfo=UTC)


async def test_a_process_whose_clock_is_behind_does_not_fire_again_what_another_has_fired(
    settings: Settings, database: Database, clock: VirtualClock
) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", key="k", cron="* * * * *")
    await clock.advance(60)
    assert await move(Worker(database, handlers, QUICK), database, handlers) == ["k"]
    behind = VirtualClock(clock.now() - timedelta(seconds=30))
    other = await open_database(settings, clock=behind) if not database.is_sqlite else database
    if database.is_sqlite:
        clock.set_forward(-30)
    worker = Worker(other, handlers, QUICK)
    await worker.move_due()
    for moving in {behind, clock}:
        await moving.advance(30)
    assert await move(worker, other, handlers) == ["k"]
    if other is not database:
        await other.close()


async def test_a_clock_that_goes_forward_lets_what_is_due_then_run_once(
    database: Database, clock: VirtualClock
) -> None:
    handlers = Recorder()
    worker = Worker(database, handlers, QUICK)
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", key="k", cron="* * * * *")
    await put(database, "later", run_at=clock.now() + timedelta(minutes=5))
    clock.set_forward(1800)
    assert sorted(await move(worker, database, handlers)) == ["k", "later"]
    await clock.advance(60)
    assert sorted(await move(worker, database, handlers)) == ["k", "k", "later"]
