"""How fast no-op jobs drain, beside bare procrastinate in the same run; what 100,000 jobs for later cost; how
soon a job starts."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

import procrastinate
from procrastinate.types import JSONDict
from sqlalchemy import insert, make_url, text
from tests.postgres import PostgreSQL, running_postgresql

from bench.figures import Figure, check_at_least, check_at_most, print_and_exit
from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.db.tables import job_timer
from isthmus.jobs import Handlers, Run, WorkerOptions, defer
from isthmus.jobs.procrastinate_adapter.worker import open_procrastinate_worker
from isthmus.kit.secret import Secret

JOBS = 400
ROUNDS = 5
FUTURE_JOBS = 100_000
STARTS = 50
KEY = "a-key-for-benches-only-0123456789-abcdefghij"


async def _measure_bare_procrastinate(server: PostgreSQL) -> float:
    """Jobs per second that procrastinate drains by itself, with its own connector, schema and worker."""
    name = server.create()
    url = make_url(server.url_of(name)).set(drivername="postgresql").render_as_string(hide_password=False)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    @app.task(name="nothing")
    async def nothing(key: str) -> None:
        pass

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        jobs: list[JSONDict] = [{"key": str(number)} for number in range(JOBS)]
        await nothing.batch_defer_async(*jobs)
        gc.collect()
        began = time.perf_counter()
        await app.run_worker_async(wait=False, concurrency=1, install_signal_handlers=False)
        taken = time.perf_counter() - began
    server.drop(name)
    return JOBS / taken


@asynccontextmanager
async def _open_database(url: str, folder: Path) -> AsyncIterator[Database]:
    settings = Settings(data_dir=folder, database_url=Secret(url), secret_key=Secret((KEY,)))
    database = await open_database(settings)
    try:
        yield database
    finally:
        await database.close()


async def _measure_drain_rate(database: Database) -> float:
    """Jobs per second: deferred in one transaction and drained by one worker, one at a time."""
    handlers = Handlers()

    async def nothing(run: Run) -> None:
        pass

    handlers.register("nothing", nothing)
    async with database.write() as conn:
        for number in range(JOBS):
            await defer(conn, "nothing", str(number))
    gc.collect()
    began = time.perf_counter()
    async with open_procrastinate_worker(
        database, handlers, WorkerOptions(concurrency=1), wait=False
    ) as worker:
        await worker.run()
    return JOBS / (time.perf_counter() - began)


async def _add_future_jobs(database: Database) -> None:
    due = database.clock.now() + timedelta(days=1)
    row = {"what": "nothing", "run_at": due, "priority": 0, "failures": 0, "error": None, "failed_at": None}
    for start in range(0, FUTURE_JOBS, 10_000):
        async with database.write() as conn:
            rows = [{**row, "key": f"later {number}"} for number in range(start, start + 10_000)]
            await conn.execute(insert(job_timer), rows)
    if not database.is_sqlite:
        async with database.write() as conn:
            await conn.execute(text("ANALYZE job_timer"))


async def _measure_start_latencies(database: Database, deferring: Database) -> list[float]:
    """Seconds from commit to handler, for each job. `deferring`: the database that jobs are deferred by; on
    PostgreSQL not that of the worker, as in another process."""
    handlers, started = Handlers(), asyncio.Event()

    async def note(run: Run) -> None:
        started.set()

    handlers.register("note", note)
    seconds = []
    async with open_procrastinate_worker(database, handlers, WorkerOptions()) as worker:
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(1.0)
        for number in range(STARTS):
            started.clear()
            async with deferring.write() as conn:
                await defer(conn, "note", str(number))
            began = time.perf_counter()
            await started.wait()
            seconds.append(time.perf_counter() - began)
            await asyncio.sleep(0.02)
        worker.stop()
        await running
    return seconds


async def _measure(server: PostgreSQL, folder: Path) -> list[Figure]:
    names = [server.create(), server.create()]
    urls = [server.url_of(name) for name in names]
    files = [f"sqlite:///{folder / name}" for name in ("jobs.sqlite3", "later.sqlite3")]
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(_open_database(url, folder)) for url in (*urls, *files)]
        elsewhere = await stack.enter_async_context(_open_database(urls[0], folder))
        postgresql, postgresql_later, sqlite, sqlite_later = opened
        await _add_future_jobs(postgresql_later)
        await _add_future_jobs(sqlite_later)
        bare: list[float] = []
        rates: dict[Database, list[float]] = {each: [] for each in opened}
        for _ in range(ROUNDS):  # in turn, so that other load on the machine affects all of them
            bare.append(await _measure_bare_procrastinate(server))
            for each in opened:
                rates[each].append(await _measure_drain_rate(each))
        starts = await _measure_start_latencies(postgresql, elsewhere)
        sqlite_starts = await _measure_start_latencies(sqlite, sqlite)
    for name in names:
        server.drop(name)
    drained = {each: median(values) for each, values in rates.items()}
    peer = median(bare)
    return [
        check_at_least("PostgreSQL, drained", drained[postgresql], "1/s", peer, "procrastinate", 0.9),
        check_at_least("SQLite, drained", drained[sqlite], "1/s", peer, "procrastinate", 2.5),
        check_at_least(
            "PostgreSQL, 100,000 for later",
            drained[postgresql_later],
            "1/s",
            drained[postgresql],
            "without",
            0.8,
        ),
        check_at_least(
            "SQLite, 100,000 for later", drained[sqlite_later], "1/s", drained[sqlite], "without", 0.8
        ),
        check_at_most("PostgreSQL, start p50", median(starts) * 1000, "ms", 20.0, "bound", 1.0),
        check_at_most("SQLite, start p50", median(sqlite_starts) * 1000, "ms", 20.0, "bound", 1.0),
    ]


def main() -> None:
    with running_postgresql(f"bench-{uuid.uuid4().hex[:8]}") as server, tempfile.TemporaryDirectory() as name:
        print_and_exit(asyncio.run(_measure(server, Path(name))))


if __name__ == "__main__":
    main()
