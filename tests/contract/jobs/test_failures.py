"""A job that fails comes again, later and later."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from isthmus.db import Database
from isthmus.db.tables import job_timer
from isthmus.jobs import (
    Handlers,
    Run,
    Worker,
    read_job_status,
    read_queue_state,
)
from isthmus.kit.unexpected_cancellation import UnexpectedCancellation
from tests.background import QUICK, drain, tick, until
from tests.contract.jobs.recorder import Recorder, counted, put
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.both_databases


async def test_a_failure_is_tried_again_later_and_later(database: Database, clock: VirtualClock) -> None:
    handlers, seen, counts = Handlers(), list[int](), list[tuple[int, int]]()

    async def work(run: Run) -> None:
        seen.append(run.failures)
        async with database.read() as conn:
            state = await read_queue_state(conn)
        counts.append((state.waiting, state.running))
        if len(seen) < 4:
            raise ValueError("not yet")

    handlers.register("work", work)
    await put(database, "a")
    await drain(database, handlers)
    for seconds in (2, 4, 8):
        async with database.read() as conn:
            stands = await read_job_status(conn, "work", "a")
            state = await read_queue_state(conn)
        assert stands.run_at == clock.now() + timedelta(seconds=seconds)
        assert (stands.error, state.failing) == ("ValueError: not yet", 1)
        await clock.advance(seconds)
        await tick(database, handlers)
    assert (seen, counts) == ([0, 1, 2, 3], [(0, 1)] * 4)
    async with database.read() as conn:
        assert (await read_queue_state(conn)).failing == 0
        assert await read_job_status(conn, "work", "a") == await read_job_status(
            conn, "work", "never heard of"
        )


async def test_a_failure_is_recorded_in_the_transaction_that_defers_the_next_try(
    database: Database, clock: VirtualClock
) -> None:
    handlers, recorded = Handlers(), list[str]()
    retry_at = clock.now() + timedelta(minutes=1)

    async def work(run: Run) -> None:
        raise ValueError("no")

    async def record(conn: object, run: Run, error: Exception) -> datetime | None:
        recorded.append(f"{run.key}: {error}")
        return retry_at if len(recorded) == 1 else None

    handlers.register("work", work, on_failure=record)
    await put(database, "a")
    await drain(database, handlers)
    async with database.read() as conn:
        assert (await read_job_status(conn, "work", "a")).run_at == retry_at
    await clock.advance(60)
    await tick(database, handlers)
    assert recorded == ["a: no", "a: no"]
    assert await counted(database, job_timer) == 0  # the second time it gave up


async def test_the_next_try_keeps_the_priority(database: Database, clock: VirtualClock) -> None:
    handlers, ran = Handlers(), list[str]()

    async def work(run: Run) -> None:
        ran.append(run.key)
        if not run.failures:
            raise ValueError("not yet")

    handlers.register("work", work)
    await put(database, "low", priority=-5)
    await put(database, "high", priority=5)
    await drain(database, handlers, concurrency=1)
    await clock.advance(2)
    await put(database, "middle")
    await Worker(database, handlers, QUICK).move_due()
    await drain(database, handlers, concurrency=1)
    assert ran == ["high", "low", "high", "middle", "low"]


async def wait_for_what_is_cancelled() -> None:
    waited_for = asyncio.create_task(asyncio.Event().wait())
    waited_for.cancel()
    await waited_for


async def test_a_run_that_ends_with_what_it_waited_for_is_a_failure(database: Database) -> None:
    handlers, runs = Handlers(), list[int]()

    async def work(run: Run) -> None:
        runs.append(run.failures)
        await wait_for_what_is_cancelled()

    handlers.register("work", work)
    await put(database, "a")
    await drain(database, handlers)
    assert runs == [0]
    async with database.read() as conn:
        found = await read_job_status(conn, "work", "a")
    assert (found.waiting, found.failures) == (False, 1)
    assert found.error == "UnexpectedCancellation: cancelled, by nobody's order"


@pytest.mark.parametrize(
    "loop", ["move_due", "requeue_stalled_jobs", "defer_lost_jobs", "_report", "_declare_schedules"]
)
async def test_no_loop_of_the_worker_ends_with_what_it_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    monkeypatch.setattr("isthmus.jobs.worker.HEARTBEAT_SECONDS", 0.02)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        await wait_for_what_is_cancelled()

    pace = replace(
        QUICK, poll_seconds=0.02, requeue_seconds=0.02, reconcile_seconds=0.02, report_seconds=0.02
    )
    worker = Worker(database, Handlers(), pace)
    monkeypatch.setattr(worker, loop, turn)
    await worker.start()
    await until(lambda: turns >= 3)
    await worker.stop()


async def test_a_finder_that_ends_with_what_it_waited_for_keeps_no_other_from_its_turn(
    database: Database,
) -> None:
    handlers = Recorder()

    async def ends(conn: object) -> list[tuple[str, str]]:
        await wait_for_what_is_cancelled()
        raise AssertionError

    async def finds(conn: object) -> list[tuple[str, str]]:
        return [("work", "a")]

    handlers.add_finder(ends)
    handlers.add_finder(finds)
    with pytest.raises(UnexpectedCancellation):
        await Worker(database, handlers, QUICK).defer_lost_jobs()
    await drain(database, handlers)
    assert handlers.ran == ["a"]


async def test_a_recorder_that_fails_does_not_lose_the_job(database: Database) -> None:
    handlers = Handlers()

    async def work(run: Run) -> None:
        raise ValueError("no")

    async def record(conn: object, run: Run, error: Exception) -> datetime | None:
        raise RuntimeError("nor this")

    handlers.register("work", work, on_failure=record)
    await put(database, "a")
    await drain(database, handlers)
    assert await counted(database, job_timer) == 1


async def test_a_kind_that_nobody_knows_waits_for_a_version_that_does(
    database: Database, clock: VirtualClock
) -> None:
    await put(database, "a", kind="of the future")
    for _ in range(3):
        await tick(database, Recorder())
        async with database.read() as conn:
            assert (await read_job_status(conn, "of the future", "a")).error == "no handler knows it"
        await clock.advance(60)
    handlers = Recorder("of the future")
    await tick(database, handlers)
    assert handlers.ran == ["a"]
    assert handlers.runs[0].failures == 1  # however long it waited: its back-off begins where it should


async def test_a_twin_that_waits_already_is_the_next_try(database: Database, clock: VirtualClock) -> None:
    handlers, seen = Handlers(), list[int]()

    async def work(run: Run) -> None:
        seen.append(run.failures)
        if len(seen) == 1:
            await put(database, "a")  # the twin
            raise ValueError("not yet")

    handlers.register("work", work)
    await put(database, "a")
    await drain(database, handlers)
    assert seen == [0, 1]
    assert await counted(database, job_timer) == 0
    await clock.advance(600)
    await tick(database, handlers)
    assert seen == [0, 1]
