"""Who lost a job writes nothing and ends nothing; what is given back is not doubled."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from isthmus.db import Database
from isthmus.db.outages import is_database_unavailable
from isthmus.db.tables import job
from isthmus.errors import DatabaseUnavailable
from isthmus.jobs import (
    Handlers,
    Run,
    Superseded,
    Worker,
    cancel,
    defer,
)
from isthmus.jobs.procrastinate_adapter.worker import ProcrastinateWorker, open_procrastinate_worker
from isthmus.jobs.queue_maintenance import requeue_stalled_jobs
from tests.background import QUICK, drain, engine_running, until
from tests.contract.jobs.recorder import Recorder, counted, put

pytestmark = pytest.mark.both_databases


async def take_job(worker: ProcrastinateWorker) -> Job:
    """The next job, run by a worker that is registered for it."""
    taken = await worker.manager.fetch_job(None, await worker.manager.register_worker())
    assert taken is not None
    return taken


async def test_a_run_that_was_given_to_another_writes_nothing(database: Database) -> None:
    handlers, refused = Handlers(), list[str]()

    async def work(run: Run) -> None:
        if run.key == "a" and run.attempts == 0:
            async with database.write() as conn:  # as a sweeper would
                again = {"status": "todo", "worker_id": None, "attempts": job.c.attempts + 1}
                await conn.execute(update(job).where(job.c.id == run.job_id).values(again))
            try:
                async with run.write() as conn:
                    await defer(conn, "work", "never")
            except Superseded:
                refused.append(run.key)
                raise
        else:
            refused.append("second run")

    handlers.register("work", work)
    await put(database, "a")
    await drain(database, handlers)
    assert sorted(refused) == ["a", "second run"]
    assert await counted(database) == 0


async def test_finishing_a_job_that_was_given_to_another_leaves_it_alone(database: Database) -> None:
    await put(database, "a")
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:
        await worker.manager.prune_stalled_workers(0)
        mine, other = [await worker.manager.register_worker() for _ in range(2)]
        taken = await worker.manager.fetch_job(None, mine)
        assert taken is not None
        await worker.manager.query_requeue_own_job(taken)
        again = await worker.manager.fetch_job(None, other)
        assert again is not None
        assert (again.id, again.attempts) == (taken.id, 1)
        assert not await worker.manager.query_delete_own_job(taken)
        await worker.manager.query_requeue_own_job(taken)
        async with database.read() as conn:
            row = (await conn.execute(select(job.c.status, job.c.worker_id, job.c.attempts))).one()
        assert tuple(row) == ("doing", other, 1)


FENCE = {
    "another worker": {"worker_id": None},
    "another attempt": {"attempts": 7},
    "waiting again": {"status": "todo"},
}
"""How a job may differ from that of a run which it is no longer; each alone is enough."""


@pytest.mark.parametrize("change", FENCE.values(), ids=FENCE)
async def test_a_run_whose_job_differs_in_anything_is_superseded(
    database: Database, change: dict[str, Any]
) -> None:
    await put(database, "a", "b")
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:
        taken = [await take_job(worker), await take_job(worker)]
    runs = [
        Run(
            job_name="work",
            key="ab"[number],
            failures=0,
            database=database,
            job_id=each.id or 0,
            worker_id=each.worker_id,
            attempts=each.attempts,
            priority=0,
        )
        for number, each in enumerate(taken)
    ]
    async with database.write() as conn:
        await conn.execute(update(job).where(job.c.id == taken[0].id).values(change))
    with pytest.raises(Superseded):
        async with runs[0].write():
            pass
    async with runs[1].write():  # the other job is still its own
        pass


@pytest.mark.parametrize("change", FENCE.values(), ids=FENCE)
async def test_a_job_that_differs_in_anything_is_not_ended(
    database: Database, change: dict[str, Any]
) -> None:
    await put(database, "a", "b")
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:
        taken, other = await take_job(worker), await take_job(worker)
        async with database.write() as conn:
            await conn.execute(update(job).where(job.c.id == taken.id).values(change))
        await worker.manager.query_requeue_own_job(taken)
        assert not await worker.manager.query_delete_own_job(taken)
        async with database.read() as conn:
            left = (await conn.execute(select(job).order_by(job.c.id))).mappings().all()
    was = {"status": "doing", "worker_id": taken.worker_id, "attempts": taken.attempts}
    assert {name: left[0][name] for name in was} == {**was, **change}
    assert (left[1]["status"], left[1]["worker_id"]) == ("doing", other.worker_id)
    assert len(left) == 2


async def test_what_a_worker_left_behind_is_queued_again_and_nothing_else(database: Database) -> None:
    await put(database, *"abcd")
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:
        await worker.manager.prune_stalled_workers(0)
        mine, other = [await worker.manager.register_worker() for _ in range(2)]
        jobs = [await worker.manager.fetch_job(None, each) for each in (mine, mine, other)]
        kept, left, others = [each.id for each in jobs if each is not None]
        await worker.manager.query_requeue_all_except(mine, [kept or 0])
        async with database.read() as conn:
            rows = (await conn.execute(select(job.c.id, job.c.status, job.c.attempts))).all()
    found = {row.id: (row.status, row.attempts) for row in rows}
    waiting = {("todo", 0)} & set(found.values())
    assert waiting, "d, which nobody took"
    assert (found[kept], found[left], found[others]) == (("doing", 0), ("todo", 1), ("doing", 0))


async def test_only_jobs_whose_end_was_asked_for_are_looked_for_to_be_ended(database: Database) -> None:
    await put(database, *"abc")
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:
        taken = [await take_job(worker), await take_job(worker)]
        async with database.write() as conn:
            asked = update(job).where(job.c.id == taken[0].id)
            await conn.execute(asked.values(abort_requested=True))
        assert list(await worker.manager.list_jobs_to_abort_async()) == [taken[0].id]


async def test_a_job_that_is_given_back_beside_its_waiting_twin_is_dropped(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a")
    async with open_procrastinate_worker(database, handlers, QUICK) as worker:
        taken = await take_job(worker)
        await put(database, "a")  # the twin
        await worker.manager.query_requeue_own_job(taken)
    assert await counted(database) == 1
    await drain(database, handlers)
    assert handlers.ran == ["a"]


async def test_a_job_that_is_given_back_while_its_twin_is_deferred_does_not_stay_running(
    database: Database,
) -> None:
    handlers = Recorder()
    await put(database, "a")
    async with open_procrastinate_worker(database, handlers, QUICK) as worker:
        taken = await take_job(worker)
        await asyncio.gather(worker.manager.query_requeue_own_job(taken), put(database, "a"))
        async with database.read() as conn:
            assert (await conn.execute(select(job.c.status))).scalars().all() == ["todo"]
    await drain(database, handlers)
    assert handlers.ran == ["a"]
    assert await counted(database) == 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_job_that_ends_behind_a_long_write_does_not_stay_running(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus.db.sqlite_writer.BUSY_SECONDS", 0.02)
    handlers = Recorder()
    await put(database, "a")
    async with open_procrastinate_worker(database, handlers, QUICK) as worker:
        taken = await take_job(worker)
        async with database.write():
            ending = asyncio.create_task(worker.manager.finish_job(taken, Status.SUCCEEDED, False))
            await until(lambda: ending.done() or worker.manager.outages.last is not None)
        await ending
    assert await counted(database) == 0


async def test_a_job_that_is_given_back_after_its_end_was_asked_for_is_gone(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a")
    async with open_procrastinate_worker(database, handlers, QUICK) as worker:
        taken = await take_job(worker)
        async with database.write() as conn:
            assert await cancel(conn, "work", "a", abort=True)
        await worker.manager.query_requeue_own_job(taken)
    await drain(database, handlers)
    assert handlers.ran == []
    assert await counted(database) == 0


async def test_a_job_whose_end_the_database_refused_goes_back_to_the_queue(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("isthmus.jobs.procrastinate_adapter.manager._MAX_PAUSE_SECONDS", 0.01)
    handlers = Recorder()
    async with engine_running(database, handlers) as worker:
        drop, refusals = worker.manager.query_delete_own_job, ["a fault of the database"]

        async def refuse_once(ended: Job) -> bool:
            if refusals:
                raise ConnectorException(refusals.pop())
            return await drop(ended)

        monkeypatch.setattr(worker.manager, "query_delete_own_job", refuse_once)
        await put(database, "a")
        await until(lambda: handlers.ran == ["a", "a"])

        async def gone() -> bool:
            return await counted(database) == 0

        await until(gone)
    assert [run.attempts for run in handlers.runs] == [0, 1]
    assert "was not written down" in caplog.text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE])
async def test_a_job_that_ends_while_the_disk_is_full_or_fails_does_not_run_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    monkeypatch.setattr("isthmus.jobs.procrastinate_adapter.manager._MAX_PAUSE_SECONDS", 0.01)
    handlers, refusals = Recorder(), [code, code]
    execute_write = database.execute_write

    async def full(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if statement.startswith("DELETE FROM procrastinate_jobs") and refusals:
            error = sqlite3.OperationalError("of the disk")
            error.sqlite_errorcode = refusals.pop()
            raise error
        return await execute_write(statement, parameters)

    monkeypatch.setattr(database, "execute_write", full)
    async with engine_running(database, handlers):
        await put(database, "a")

        async def gone() -> bool:
            return await counted(database) == 0

        await until(gone)
    assert handlers.ran == ["a"]
    assert refusals == []
    assert "was not written down" not in caplog.text


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_job_beside_which_twins_come_and_go_is_left_to_the_sweep(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = Recorder()
    await put(database, "a")
    async with open_procrastinate_worker(database, handlers, QUICK) as worker:
        manager = worker.manager
        taken = await manager.fetch_job(None, await manager.register_worker())
        assert taken is not None
        ask = manager._execute  # type: ignore[attr-defined]  # of this database

        async def raced(statement: str, **arguments: Any) -> Any:
            if "SET status = 'todo'" in statement:
                await put(database, "a")
            elif statement.startswith("DELETE"):
                async with database.write() as conn:
                    await cancel(conn, "work", "a")
            return await ask(statement, **arguments)

        manager._execute = raced  # type: ignore[attr-defined]  # of this database
        await manager.query_requeue_own_job(taken)
    assert "the sweep does it" in caplog.text
    async with database.write() as conn:
        await cancel(conn, "work", "a")

    async def swept() -> bool:
        return await requeue_stalled_jobs(database, stalled_seconds=1.0) == 1

    await until(swept)
    await drain(database, handlers)
    assert handlers.ran == ["a"]


@pytest.mark.parametrize("statement", ["SELECT nothing FROM nowhere", "SELECT 1 FROM job_timer WHERE"])
async def test_a_statement_of_the_engines_that_is_refused_is_a_fault(
    database: Database, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    handlers = Recorder()
    async with open_procrastinate_worker(database, handlers, QUICK) as worker:
        with pytest.raises(Exception, match=r"nowhere|syntax|incomplete|Database error") as caught:
            await worker.manager._execute(statement)  # type: ignore[attr-defined]  # of this database
    assert not is_database_unavailable(caught.value)
    assert caught.value.__cause__ is not caught.value
    watched = Worker(database, handlers, QUICK)
    watched._log_failure("the worker ended and begins anew", caught.value)
    assert database.outages.last is None
    assert [record.levelname for record in caplog.records if record.name == "isthmus.jobs"] == ["ERROR"]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_connection_that_the_server_ended_is_an_outage_however_it_is_told(database: Database) -> None:
    ended = text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DBAPIError) as caught:
        async with database.read() as conn:
            await conn.execute(ended)
    assert is_database_unavailable(caught.value)
    assert is_database_unavailable(caught.value.orig)
    told = ConnectorException("an error of the database")
    told.__cause__ = caught.value.orig
    assert is_database_unavailable(told)


@pytest.mark.parametrize("error", [psycopg.errors.DiskFull(), psycopg.errors.IoError()])
def test_a_servers_disk_that_is_full_or_fails_is_an_outage(error: psycopg.Error) -> None:
    assert is_database_unavailable(error)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_file_that_somebody_else_has_locked_is_an_outage(database: Database) -> None:
    assert database.url.database is not None
    with (
        closing(sqlite3.connect(database.url.database, isolation_level=None)) as one,
        closing(sqlite3.connect(database.url.database, isolation_level=None, timeout=0)) as other,
    ):
        one.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("BEGIN IMMEDIATE")
    assert is_database_unavailable(caught.value)
    with pytest.raises(sqlite3.OperationalError) as missing:
        sqlite3.connect("/nowhere/at/all.sqlite3")
    assert is_database_unavailable(missing.value)


async def test_an_outage_while_looking_for_jobs_to_end_is_told_once_and_not_as_an_error(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_procrastinate_worker(database, Recorder(), QUICK) as worker:

        async def away() -> list[int]:
            raise DatabaseUnavailable("no answer")

        monkeypatch.setattr(worker.manager, "query_abort_requests", away)
        for _ in range(5):
            assert list(await worker.manager.list_jobs_to_abort_async()) == []
    assert [record.levelname for record in caplog.records if record.name == "isthmus.db"] == ["WARNING"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_worker_that_cannot_begin_tells_so_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("isthmus.db.sqlite_writer.BUSY_SECONDS", 0.01)
    lives = 0
    handlers = Recorder()
    worker = Worker(database, handlers, QUICK)
    declare = worker._declare_schedules

    async def count() -> None:
        nonlocal lives
        lives += 1
        await declare()

    monkeypatch.setattr(worker, "_declare_schedules", count)
    await put(database, "a")
    async with database.write():
        starting = asyncio.create_task(worker.start())
        await until(lambda: lives >= 3)
    await starting
    await until(lambda: handlers.ran == ["a"])
    await worker.stop()
    mine = [record for record in caplog.records if record.name == "isthmus.db"]
    assert [record.levelname for record in mine] == ["WARNING"]
