"""What is done to one thing is done to no other: neither to one with the same key of another kind, nor to one
of the same kind with another key."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, literal, select, update

from isthmus.db import Database, current_time
from isthmus.db.tables import job, job_schedule, job_timer
from isthmus.jobs import (
    cancel,
    cancel_all,
    defer,
    defer_missing,
    drop_schedule,
    drop_schedules,
    get_schedule,
    has_no_job,
    put_schedule,
    read_job_status,
)
from isthmus.jobs.queue import defer_retry, list_due_timers, move_due_timers
from isthmus.jobs.schedules import fire_due_schedules
from tests.contract.jobs.recorder import counted, put
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.both_databases

THINGS = [("one", "a"), ("one", "b"), ("two", "a"), ("two", "b")]
"""Of each the key stands in another kind too, and the kind has another key."""

HOUR = timedelta(hours=1)


async def waiting(database: Database) -> list[tuple[str, str]]:
    """(kind, key) of the jobs that wait."""
    async with database.read() as conn:
        rows = await conn.execute(select(job.c.task_name, job.c.args).where(job.c.status == "todo"))
        return sorted((row.task_name, row.args["key"]) for row in rows)


async def timers(database: Database) -> list[tuple[str, str]]:
    """(kind, key) of the timers."""
    async with database.read() as conn:
        return sorted((row.what, row.key) for row in await conn.execute(select(job_timer)))


async def put_jobs(database: Database) -> None:
    async with database.write() as conn:
        for what, key in THINGS:
            await defer(conn, what, key)


async def put_timers(database: Database, *, failures: int = 0) -> None:
    """A timer for each thing; with `failures`, to retry it."""
    async with database.write() as conn:
        for what, key in THINGS:
            if failures:
                at = current_time(conn) + HOUR
                await defer_retry(conn, what, key, at, 0, failures=failures, error=f"{what} {key}")
            else:
                await defer(conn, what, key, current_time(conn) + HOUR)


async def run_jobs(database: Database, *things: tuple[str, str]) -> None:
    """Has jobs of these things run, as a worker's look at the queue would."""
    async with database.write() as conn:
        for what, key in things:
            runs = update(job).where(job.c.lock == f"{what}:{key}")
            await conn.execute(runs.values(status="doing"))


async def test_a_job_for_now_clears_the_timer_of_its_thing_alone(database: Database) -> None:
    await put_timers(database, failures=3)
    async with database.write() as conn:
        await defer(conn, "one", "a")
        assert (await read_job_status(conn, "one", "a")).failures == 3
    assert await waiting(database) == [("one", "a")]
    assert await timers(database) == [("one", "b"), ("two", "a"), ("two", "b")]


async def test_a_timer_is_set_for_its_thing_alone(database: Database, clock: VirtualClock) -> None:
    await put_timers(database)
    sooner = clock.now() + timedelta(minutes=1)
    async with database.write() as conn:
        await defer(conn, "one", "a", sooner)
        found = [(await read_job_status(conn, *each)).run_at for each in THINGS]
    assert found == [sooner, *[clock.now() + HOUR] * 3]


async def test_a_cancellation_is_of_one_thing(database: Database) -> None:
    await put_jobs(database)
    await run_jobs(database, ("one", "b"), ("two", "a"))
    await put_timers(database)
    async with database.write() as conn:
        assert await cancel(conn, "one", "a", abort=True)
        assert not await cancel(conn, "one", "c", abort=True)
    assert await waiting(database) == [("two", "b")]
    assert await timers(database) == [("one", "b"), ("two", "a"), ("two", "b")]
    async with database.read() as conn:
        assert (await conn.execute(select(job.c.id).where(job.c.abort_requested))).all() == []


async def test_a_running_job_is_asked_to_end_only_by_its_own_cancellation(database: Database) -> None:
    await put_jobs(database)
    await run_jobs(database, *THINGS)
    async with database.write() as conn:
        assert not await cancel(conn, "one", "a"), "without `abort` one that runs goes on"
        assert await cancel(conn, "one", "a", abort=True)
    async with database.read() as conn:
        asked = await conn.execute(select(job.c.lock).where(job.c.abort_requested))
        assert list(asked.scalars()) == ["one:a"]


async def test_cancelling_many_spares_other_kinds_other_keys_and_what_runs(database: Database) -> None:
    await put_jobs(database)
    await put_timers(database)
    async with database.write() as conn:
        await cancel_all(conn, "one", select(literal("a")))
    assert await waiting(database) == await timers(database) == THINGS[1:]
    await run_jobs(database, ("one", "b"))
    async with database.write() as conn:
        await cancel_all(conn, "one", select(literal("b")))
    assert await timers(database) == THINGS[2:]
    assert await counted(database, job) == 3, "one runs, two wait"


async def test_the_status_is_that_of_one_thing(database: Database) -> None:
    await put_jobs(database)
    await run_jobs(database, ("one", "b"))
    await put(database, "b", kind="one")
    async with database.write() as conn:
        at = current_time(conn) + HOUR
        await defer_retry(conn, "two", "a", at, 0, failures=2, error="broken")
        seen = {each: await read_job_status(conn, *each) for each in [*THINGS, ("two", "c")]}
    assert [(each.waiting, each.running) for each in seen.values()] == [
        (True, False),
        (True, True),
        (True, False),
        (True, False),
        (False, False),
    ]
    assert [each.failures for each in seen.values()] == [0, 0, 2, 0, 0]
    assert [each.run_at for each in seen.values()] == [None] * 5, "what waits already is the retry"


async def test_the_error_told_is_that_of_the_thing(database: Database) -> None:
    await put_timers(database, failures=2)
    async with database.read() as conn:
        assert [(await read_job_status(conn, *each)).error for each in THINGS] == [
            "one a",
            "one b",
            "two a",
            "two b",
        ]


async def test_a_job_that_has_ended_counts_for_nothing(database: Database) -> None:
    """The engine's own tools may leave such rows."""
    async with database.write() as conn:
        row = {"queue_name": "q", "task_name": "one", "args": {"key": "a"}, "abort_requested": False}
        locks = {"lock": "one:a", "queueing_lock": "one:a"}
        await conn.execute(insert(job), [{**row, **locks, "status": "cancelled"}])
        found = await read_job_status(conn, "one", "a")
        assert (found.waiting, found.running) == (False, False)
        assert not await cancel(conn, "one", "a", abort=True)
        await cancel_all(conn, "one", select(literal("a")))
        await defer_missing(conn, [("one", "a")])
        await defer_retry(conn, "one", "b", current_time(conn) + HOUR, 0, failures=1, error="x")
    assert await counted(database, job) == 2
    assert await waiting(database) == [("one", "a")]


async def test_a_retry_waits_beside_the_jobs_of_other_things(database: Database) -> None:
    await put_jobs(database)
    async with database.write() as conn:
        assert await cancel(conn, "one", "a")
        await defer_retry(conn, "one", "a", current_time(conn) + HOUR, 0, failures=4, error="broken")
    assert await timers(database) == [("one", "a")]
    async with database.read() as conn:
        counts = [(await read_job_status(conn, *each)).failures for each in THINGS]
    assert counts == [4, 0, 0, 0]


@pytest.mark.parametrize("obstacle", ["waits", "runs", "is retried"])
async def test_a_lost_thing_gets_a_job_whatever_other_things_have(database: Database, obstacle: str) -> None:
    if obstacle == "is retried":
        await put_timers(database, failures=1)
    else:
        await put_jobs(database)
    async with database.write() as conn:
        await cancel(conn, "one", "a")
    if obstacle == "runs":
        await run_jobs(database, *THINGS)
    async with database.write() as conn:
        await defer_missing(conn, THINGS)
    assert (("one", "a") in await waiting(database)) is True
    assert await counted(database, job) == {"is retried": 1}.get(obstacle, 4)


async def test_a_timer_that_retries_nothing_is_no_reason_to_leave_a_due_thing_alone(
    database: Database,
) -> None:
    await put_timers(database)
    async with database.write() as conn:
        await defer_missing(conn, [("one", "a")])
    assert await waiting(database) == [("one", "a")]


@pytest.mark.parametrize("obstacle", ["waits", "runs", "has a timer"])
async def test_a_search_finds_the_things_without_a_job_of_their_own(
    database: Database, obstacle: str
) -> None:
    """The rows searched are of kind one; `c` has nothing, and others have what would stand in its way."""
    if obstacle == "has a timer":
        await put_timers(database)
    else:
        await put_jobs(database)
    await put(database, "c", kind="two")
    if obstacle == "runs":
        await run_jobs(database, *THINGS)
    async with database.write() as conn:
        for key in "abc":
            await put_schedule(conn, key, job_name="owner", cron="0 0 1 1 *")
        await cancel(conn, "one", "b")
        key_column = job_schedule.c.name
        lost = select(key_column).where(has_no_job("one", key_column)).order_by(key_column)
        found = list((await conn.execute(lost)).scalars())
    assert found == (["c"] if obstacle == "runs" else ["b", "c"])


async def test_one_timer_can_be_moved_by_itself(database: Database, clock: VirtualClock) -> None:
    await put_timers(database)
    await clock.advance(3_600)
    async with database.write() as conn:
        assert await list_due_timers(conn) != []
        assert await move_due_timers(conn, only=("one", "a")) == 1
        assert await move_due_timers(conn, only=("one", "c")) == 0
    assert await waiting(database) == [("one", "a")]
    assert await timers(database) == THINGS[1:]


async def test_a_timer_moves_at_its_moment_and_not_before(database: Database, clock: VirtualClock) -> None:
    await put_timers(database)
    await clock.advance(3_599)
    async with database.write() as conn:
        assert await list_due_timers(conn) == []
        assert await move_due_timers(conn) == 0
        assert await move_due_timers(conn, only=("one", "a")) == 0
    await clock.advance(1)
    async with database.write() as conn:
        assert sorted(await list_due_timers(conn)) == THINGS
        assert await move_due_timers(conn, limit=3) == 3
        assert await move_due_timers(conn, limit=3) == 1
    assert await waiting(database) == THINGS


async def test_this_moment_is_now_and_needs_no_timer(database: Database, clock: VirtualClock) -> None:
    await put(database, "a", run_at=clock.now())
    await put(database, "b", run_at=clock.now() + timedelta(microseconds=1))
    assert await waiting(database) == [("work", "a")]
    assert await timers(database) == [("work", "b")]


async def test_a_schedule_is_dropped_by_its_name_alone(database: Database) -> None:
    async with database.write() as conn:
        for name in ("mine", "other"):
            await put_schedule(conn, name, job_name="work", key=name, cron="* * * * *")
        assert await drop_schedule(conn, "mine")
        assert not await drop_schedule(conn, "mine")
        assert await get_schedule(conn, "mine") is None
        assert await get_schedule(conn, "other") is not None


async def test_schedules_are_dropped_by_kind_and_owner(database: Database) -> None:
    owners = ["5f0a9d5e-4c0b-5d0e-9a57-1e57b3a8c7d1", "5f0a9d5e-4c0b-5d0e-9a57-1e57b3a8c7d2"]
    async with database.write() as conn:
        for what in ("one", "two"):
            for owner in owners:
                for part in "xy":
                    key = f"{owner}:{part}"
                    await put_schedule(conn, f"{what} {key}", job_name=what, key=key, cron="* * * * *")
        await drop_schedules(conn, "one", select(literal(owners[0])))
        left = (await conn.execute(select(job_schedule.c.what, job_schedule.c.key))).all()
    assert sorted((row.what, row.key) for row in left) == [
        ("one", f"{owners[1]}:x"),
        ("one", f"{owners[1]}:y"),
        *[("two", f"{owner}:{part}") for owner in owners for part in "xy"],
    ]


async def test_one_schedule_can_be_fired_by_itself(database: Database, clock: VirtualClock) -> None:
    async with database.write() as conn:
        for name in "ab":
            await put_schedule(conn, name, job_name="work", key=name, cron="* * * * *")
    await clock.advance(60)
    async with database.write() as conn:
        assert await fire_due_schedules(conn, only="a") == 1
        assert await fire_due_schedules(conn, only="c") == 0
    assert await waiting(database) == [("work", "a")]
    async with database.write() as conn:
        assert await fire_due_schedules(conn) == 1
    assert await waiting(database) == [("work", "a"), ("work", "b")]
