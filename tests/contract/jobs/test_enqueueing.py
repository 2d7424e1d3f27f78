"""What is deferred is there with its transaction, once; what is cancelled, or lost, or finished."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import Database, current_time
from isthmus.db.outages import is_database_unavailable
from isthmus.db.tables import job, job_timer
from isthmus.jobs import (
    Handlers,
    Run,
    Worker,
    cancel,
    defer,
    defer_missing,
    read_job_status,
    read_queue_state,
)
from isthmus.jobs.queue import cancel_all, defer_retry
from isthmus.jobs.queue_maintenance import delete_finished_jobs
from tests.background import QUICK, drain, engine_running, tick
from tests.contract.jobs.recorder import Recorder, counted, put
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.both_databases


async def test_a_job_runs_once_and_is_not_kept(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a")
    await drain(database, handlers)
    await drain(database, handlers)
    assert handlers.ran == ["a"]
    assert await counted(database) == 0


async def test_a_job_exists_only_if_its_transaction_commits(database: Database) -> None:
    handlers = Recorder()
    with pytest.raises(RuntimeError, match="regret"):  # noqa: PT012 - the transaction must end so
        async with database.write() as conn:
            await defer(conn, "work", "a")
            await defer(conn, "work", "later", current_time(conn) + timedelta(hours=1))
            raise RuntimeError("regret")
    await drain(database, handlers)
    assert handlers.ran == []
    assert await counted(database) == await counted(database, job_timer) == 0


async def test_a_thing_waits_once_however_often_it_is_deferred(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a", "b", "a", "a")
    await put(database, "a")
    await drain(database, handlers)
    assert sorted(handlers.ran) == ["a", "b"]


async def test_a_twin_that_joins_a_waiting_job_raises_its_priority(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a", "b")
    await put(database, "b", priority=3)
    await drain(database, handlers, concurrency=1)
    assert handlers.ran == ["b", "a"]


async def test_kinds_with_the_same_key_are_different_things(database: Database) -> None:
    handlers = Recorder("one", "two")
    await put(database, "a", kind="one")
    await put(database, "a", kind="two")
    await drain(database, handlers)
    assert handlers.ran == ["a", "a"]


async def test_a_cancelled_job_does_not_run(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    await put(database, "a", "b")
    await put(database, "c", run_at=clock.now() + timedelta(seconds=1))
    async with database.write() as conn:
        assert await cancel(conn, "work", "a")
        assert await cancel(conn, "work", "c")
        assert not await cancel(conn, "work", "nobody")
    await clock.advance(5)
    await tick(database, handlers)
    assert handlers.ran == ["b"]


async def test_a_cancellation_that_is_rolled_back_cancels_nothing(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a")
    with pytest.raises(RuntimeError, match="regret"):  # noqa: PT012 - the transaction must end so
        async with database.write() as conn:
            await cancel(conn, "work", "a")
            raise RuntimeError("regret")
    await drain(database, handlers)
    assert handlers.ran == ["a"]


async def test_the_state_tells_depth_age_and_failures(database: Database, clock: VirtualClock) -> None:
    await put(database, "a", "b")
    await put(database, "c", run_at=clock.now() + timedelta(hours=1))
    await clock.advance(90)
    async with database.read() as conn:
        state = await read_queue_state(conn)
    assert (state.waiting, state.running, state.later, state.failing) == (2, 0, 1, 0)
    assert state.oldest_due_seconds == 90


async def test_things_that_are_due_without_a_job_get_one(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()

    async def due(conn: object) -> list[tuple[str, str]]:
        return [("work", "lost"), ("work", "waiting"), ("work", "failed")]

    handlers.add_finder(due)
    await put(database, "waiting")
    async with database.write() as conn:
        row = {"what": "work", "key": "failed", "priority": 0, "failures": 1, "error": "x"}
        later = clock.now() + timedelta(hours=1)
        await conn.execute(insert(job_timer), [{**row, "run_at": later, "failed_at": clock.now()}])
    await Worker(database, handlers, QUICK).defer_lost_jobs()
    await drain(database, handlers)
    assert sorted(handlers.ran) == ["lost", "waiting"]


async def test_a_search_for_lost_things_that_fails_keeps_no_other_from_its_turn(database: Database) -> None:
    handlers = Recorder()

    async def broken(conn: AsyncConnection) -> list[tuple[str, str]]:
        await conn.execute(text("SELECT nothing FROM nowhere"))
        raise AssertionError

    async def due(conn: AsyncConnection) -> list[tuple[str, str]]:
        return [("work", "lost")]

    handlers.add_finder(broken)
    handlers.add_finder(due)
    with pytest.raises(DBAPIError) as caught:
        await Worker(database, handlers, QUICK).defer_lost_jobs()
    assert not is_database_unavailable(caught.value), "a fault is no outage: it must not put off taking over"
    await drain(database, handlers)
    assert handlers.ran == ["lost"]


async def test_jobs_are_found_by_the_indexes_of_those_that_wait_and_run(database: Database) -> None:
    """Both are partial: a status that is a parameter keeps them from being used."""
    asked: list[tuple[str, str]] = []

    def noted(_: Any, __: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if "procrastinate_jobs" in statement and not statement.startswith("INSERT"):
            asked.append((statement, repr(parameters)))

    async with database.write() as conn:
        event.listen(conn.sync_connection, "before_cursor_execute", noted)
        await defer_missing(conn, [("work", "a")])
        await read_job_status(conn, "work", "a")
        await defer_retry(conn, "work", "a", current_time(conn), 0, failures=1, error="x")
        await cancel(conn, "work", "a", abort=True)
        await cancel_all(conn, "work", select(job_timer.c.key))
    assert len(asked) >= 6
    assert [each for each in asked if "todo" in each[1] or "doing" in each[1]] == []


async def test_a_thing_that_runs_needs_no_other_job(database: Database) -> None:
    handlers, began, let_go = Handlers(), asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> None:
        began.set()
        await let_go.wait()

    handlers.register("work", work)
    async with engine_running(database, handlers, replace(QUICK, graceful_seconds=5)):
        await put(database, "a")
        await began.wait()
        async with database.write() as conn:
            await defer_missing(conn, [("work", "a")])
        async with database.read() as conn:
            assert not (await read_job_status(conn, "work", "a")).waiting
        let_go.set()


async def test_finished_jobs_of_the_engines_own_tools_are_pruned(database: Database) -> None:
    async with database.write() as conn:
        row = {
            "queue_name": "q",
            "task_name": "t",
            "args": {},
            "status": "cancelled",
            "abort_requested": False,
        }
        await conn.execute(insert(job), [row])
    await delete_finished_jobs(database)
    assert await counted(database) == 0
