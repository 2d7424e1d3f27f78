"""A stop lets running jobs end, for a while."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select

from isthmus.db import Database
from isthmus.db.tables import job_worker
from isthmus.jobs import (
    Handlers,
    Run,
    Superseded,
    Worker,
    read_job_status,
)
from tests.background import QUICK, drain, until, worker_running
from tests.contract.jobs.recorder import Recorder, counted, put

pytestmark = pytest.mark.both_databases


async def test_a_stop_lets_running_jobs_end(database: Database) -> None:
    handlers, began, ended = Handlers(), asyncio.Event(), list[str]()

    async def work(run: Run) -> None:
        began.set()
        await asyncio.sleep(0.05)
        ended.append(run.key)

    handlers.register("work", work)
    async with worker_running(database, handlers, replace(QUICK, graceful_seconds=20)):
        await put(database, "a")
        await began.wait()
    assert ended == ["a"]
    assert await counted(database) == 0


async def test_between_two_lives_a_worker_has_nothing_to_stop(database: Database) -> None:
    async with worker_running(database, Recorder(), replace(QUICK, restart_seconds=60.0)) as worker:
        assert worker._procrastinate_worker is not None
        worker._procrastinate_worker.stop()
        await until(lambda: worker._procrastinate_worker is None)
        assert not worker.started.is_set()


async def test_a_job_that_does_not_end_in_time_goes_back_to_the_queue(database: Database) -> None:
    handlers, began = Handlers(), asyncio.Event()

    async def work(run: Run) -> None:
        began.set()
        await asyncio.Event().wait()

    handlers.register("work", work)
    async with worker_running(database, handlers, replace(QUICK, graceful_seconds=0.05)):
        await put(database, "a")
        await began.wait()
    async with database.read() as conn:
        assert (await read_job_status(conn, "work", "a")).waiting
    assert await counted(database, job_worker) == 0
    later = Recorder()
    await drain(database, later)
    assert later.ran == ["a"]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # on SQLite nobody is there to judge it
async def test_a_worker_that_stops_beats_until_its_last_job_has_ended(database: Database) -> None:
    handlers, began, let_go = Handlers(), asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> None:
        began.set()
        await let_go.wait()

    async def last_beat() -> datetime:
        async with database.read() as conn:
            moment: datetime = (await conn.execute(select(job_worker.c.last_heartbeat))).scalar_one()
            return moment

    async def beats() -> bool:
        return await last_beat() > at_stop

    handlers.register("work", work)
    pace = replace(QUICK, graceful_seconds=20, heartbeat_seconds=0.05)
    worker = Worker(database, handlers, pace)
    await worker.start()
    await put(database, "a")
    await began.wait()
    stopping = asyncio.create_task(worker.stop())
    for _ in range(3):
        at_stop = await last_beat()
        await until(beats)
    let_go.set()
    await stopping
    assert await counted(database) == await counted(database, job_worker) == 0


async def test_a_job_that_does_not_end_even_when_interrupted_holds_up_no_stop(database: Database) -> None:
    handlers, began, let_go = Handlers(), asyncio.Event(), asyncio.Event()
    refused = list[str]()

    async def work(run: Run) -> None:
        began.set()
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        try:
            async with run.write():
                pass
        except Superseded:
            refused.append(run.key)

    handlers.register("work", work)
    async with worker_running(database, handlers, replace(QUICK, graceful_seconds=0.05)):
        await put(database, "a")
        await began.wait()
    async with database.read() as conn:
        assert (await read_job_status(conn, "work", "a")).waiting
    let_go.set()
    await until(lambda: refused == ["a"])
