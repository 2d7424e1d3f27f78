"""Jobs of workers that died go on; those of workers that live are left alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from isthmus.db import Database
from isthmus.db.tables import job, job_worker
from isthmus.errors import DatabaseUnavailable
from isthmus.jobs import (
    Handlers,
    Run,
    WorkerOptions,
    cancel,
)
from isthmus.jobs.procrastinate_adapter.worker import open_procrastinate_worker
from isthmus.jobs.queue_maintenance import requeue_stalled_jobs
from tests.background import QUICK, drain, engine_running, until, worker_running
from tests.contract.jobs.recorder import Recorder, counted, put

pytestmark = pytest.mark.both_databases


async def take_by_a_dead_worker(database: Database, *keys: str) -> None:
    """Jobs of these keys, run by a worker that is registered and does not live."""
    await put(database, *keys)
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:
        await worker.manager.prune_stalled_workers(0)
        dead = await worker.manager.register_worker()
        for _ in keys:
            assert await worker.manager.fetch_job(None, dead) is not None


async def test_what_a_dead_worker_ran_is_taken_over(database: Database) -> None:
    handlers = Recorder()
    await take_by_a_dead_worker(database, "a", "b")
    await put(database, "b")  # of which a twin waits now
    if not database.is_sqlite:
        async with database.write() as conn:
            old = text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '300 days'")
            await conn.execute(old)
        assert await requeue_stalled_jobs(database, stalled_seconds=250 * 86_400) == 0, (
            "the server was not up for so long"
        )
        await until(lambda: _swept(database))
    await drain(database, handlers)
    assert sorted(handlers.ran) == ["a", "b"]
    assert {run.key: run.attempts for run in handlers.runs} == {"a": 1, "b": 0}


async def test_a_job_whose_end_was_asked_for_is_not_taken_over(database: Database) -> None:
    handlers = Recorder()
    await take_by_a_dead_worker(database, "a", "b")
    async with database.write() as conn:
        assert await cancel(conn, "work", "a", abort=True)  # which nobody hears any more
    if not database.is_sqlite:
        await until(lambda: _swept(database))
    await drain(database, handlers)
    assert handlers.ran == ["b"]
    assert await counted(database) == 0


async def _swept(database: Database) -> bool:
    return await requeue_stalled_jobs(database, stalled_seconds=1.0) == 2


async def test_a_worker_that_beats_is_left_alone(database: Database) -> None:
    handlers, began, let_go = Handlers(), asyncio.Event(), asyncio.Event()
    ran = list[int]()

    async def work(run: Run) -> None:
        began.set()
        await let_go.wait()
        ran.append(run.attempts)

    handlers.register("work", work)
    async with engine_running(database, handlers, replace(QUICK, graceful_seconds=5)):
        await put(database, "a")
        await began.wait()
        for _ in range(3):
            assert await requeue_stalled_jobs(database, stalled_seconds=10) == 0
        let_go.set()
        await until(lambda: ran == [0])


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_who_beats_stays_registered_and_what_waits_is_not_taken_over(database: Database) -> None:
    await put(database, "waits")
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:
        alive, silent = [await worker.manager.register_worker() for _ in range(2)]
        await silence(database, silent)
        await until(lambda: _is_gone(database, silent))
        async with database.read() as conn:
            workers = await conn.execute(select(job_worker.c.id))
            assert list(workers.scalars()) == [alive]
            assert (await conn.execute(select(job.c.status, job.c.attempts))).all() == [("todo", 0)]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_silent_worker_whose_job_is_locked_is_not_forgotten(database: Database) -> None:
    """It would leave a running job that belongs to nobody, which the next look could not tell from others."""
    await put(database, "a")
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:
        silent = await worker.manager.register_worker()
        assert await worker.manager.fetch_job(None, silent) is not None
        await silence(database, silent)
        async with database.write() as conn:
            await conn.execute(select(job).with_for_update())
            swept = asyncio.create_task(requeue_stalled_jobs(database, stalled_seconds=1.0))
            assert await swept == 0
            assert (await conn.execute(select(job_worker.c.id))).scalars().all() == [silent]


async def silence(database: Database, worker_id: int) -> None:
    """The worker was not heard of for a day."""
    async with database.write() as conn:
        old = text(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 day' WHERE id = :id"
        )
        await conn.execute(old, {"id": worker_id})


async def _is_gone(database: Database, worker_id: int) -> bool:
    assert await requeue_stalled_jobs(database, stalled_seconds=1.0) == 0
    async with database.read() as conn:
        found = await conn.execute(select(job_worker.c.id).where(job_worker.c.id == worker_id))
        return found.scalar_one_or_none() is None


@pytest.mark.parametrize(
    "backend", ["postgresql"], indirect=True
)  # with one process, nobody takes it for dead
async def test_a_worker_that_was_taken_for_dead_begins_anew(database: Database) -> None:
    handlers = Recorder()
    async with worker_running(database, handlers, replace(QUICK, heartbeat_seconds=0.05)):
        async with database.write() as conn:
            await conn.execute(text("DELETE FROM procrastinate_workers"))
        await put(database, "a")
        await until(lambda: handlers.ran == ["a"])


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_only_failed_heartbeats_of_its_own_keep_a_worker_from_taking_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = Recorder()
    async with worker_running(database, handlers, replace(QUICK, requeue_seconds=3600)) as worker:
        monkeypatch.setattr(worker, "_options", replace(QUICK, stable_seconds=0.0, stalled_seconds=0.0))
        asked: list[float] = []

        async def note(of: Database, *, stalled_seconds: float) -> None:
            if of is database:  # servers that other tests share have workers of their own in this process
                asked.append(stalled_seconds)

        monkeypatch.setattr("isthmus.jobs.worker.requeue_stalled_jobs", note)
        worker._note_heartbeat()
        database.outages.report("requests are answered 503", DatabaseUnavailable("no connection"))
        await worker.requeue_stalled_jobs()
        assert asked == [0.0]
        assert worker._procrastinate_worker is not None

        async def fail(worker_id: int) -> bool:
            raise DatabaseUnavailable("no connection")

        monkeypatch.setattr(worker._procrastinate_worker.manager, "query_heartbeat", fail)
        await until(lambda: not worker._is_heard())
        await worker.requeue_stalled_jobs()
        assert asked == [0.0]
        worker._note_heartbeat()
        assert worker._steady_since == worker._heard_at


def test_the_pace_of_production_judges_no_worker_before_half_a_minute() -> None:
    pace = WorkerOptions()
    assert pace.stalled_seconds >= 30
    assert pace.stable_seconds > 2 * pace.heartbeat_seconds
    assert pace.poll_seconds <= 1
