"""What the engine does while the database is away or held: it says so, and tries again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import psycopg
import pytest

from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.db.engines import _SQLITE_ARGUMENTS
from isthmus.errors import DatabaseUnavailable
from isthmus.jobs.procrastinate_adapter.postgresql import PostgresqlJobManager
from isthmus.jobs.procrastinate_adapter.worker import open_procrastinate_worker
from tests.background import QUICK, until
from tests.contract.jobs.recorder import Recorder, put


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "error", [psycopg.OperationalError("the connection is lost"), ConnectionResetError()]
)
async def test_a_worker_that_cannot_listen_for_jobs_tries_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("isthmus.jobs.procrastinate_adapter.postgresql._RECONNECT_SECONDS", 0.0)
    connect, errors, heard = psycopg.AsyncConnection.connect, [error], list[str]()

    async def fail_once(conninfo: str, **options: Any) -> psycopg.AsyncConnection:  # as psycopg types them
        # Servers that other tests share listen in this process too, each to a database of its own.
        if str(database.url.database) in conninfo and errors:
            raise errors.pop()
        return await connect(conninfo, **options)

    async def hear(*, channel: str, notification: object) -> None:
        heard.append(channel)

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", fail_once)
    manager = PostgresqlJobManager(database)
    listening = asyncio.create_task(manager.listen_for_jobs(on_notification=hear))
    await until(lambda: manager.wake.is_set() or listening.done())
    assert not listening.done()
    assert database.outages.last is not None
    await put(database, "a")
    await until(lambda: heard)
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


@pytest.fixture
async def hurried(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database on a file whose writers wait for a hundredth of a second."""
    monkeypatch.setattr("isthmus.db.sqlite_writer.BUSY_SECONDS", 0.01)
    monkeypatch.setitem(_SQLITE_ARGUMENTS, "timeout", 0.01)
    database = await open_database(settings)
    yield database
    await database.close()


@asynccontextmanager
async def held(database: Database, *, by: str) -> AsyncIterator[None]:
    """Holds the write lock of the file until the block ends."""
    if by == "a write of this process":
        async with database.write():
            yield
        return
    assert database.url.database is not None
    with closing(sqlite3.connect(database.url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("holder", ["a write of this process", "another process"])
@pytest.mark.parametrize("query", ["query_delete_own_job", "query_requeue_own_job"])
async def test_a_file_that_somebody_holds_for_long_is_an_outage_at_the_end_of_a_job(
    hurried: Database, holder: str, query: str
) -> None:
    await put(hurried, "a")
    async with open_procrastinate_worker(hurried, Recorder(), QUICK) as worker:
        taken = await worker.manager.fetch_job(None, await worker.manager.register_worker())
        assert taken is not None
        end = getattr(worker.manager, query)
        async with held(hurried, by=holder):
            with pytest.raises(DatabaseUnavailable):
                await asyncio.create_task(end(taken))
        await end(taken)
