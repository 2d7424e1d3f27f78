"""A worker for tests: runs the queue empty, on virtual time, without waiting for anything real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from isthmus.db import Database
from isthmus.jobs import Handlers, Worker, WorkerOptions, read_queue_state
from isthmus.jobs.procrastinate_adapter.worker import ProcrastinateWorker, open_procrastinate_worker

__all__ = ["QUICK", "drain", "engine_running", "tick", "until", "worker_running"]

QUICK = WorkerOptions(
    concurrency=4,
    heartbeat_seconds=0.2,
    stalled_seconds=1.0,
    stable_seconds=0.5,
    requeue_seconds=0.2,
    graceful_seconds=0.3,
    restart_seconds=0.05,
)
_MOST_SECONDS = 20.0
_MOST_SECONDS_OF_A_ROUND = 60.0
_MOST_ROUNDS = 20


async def drain(database: Database, handlers: Handlers, *, concurrency: int = 4) -> None:
    """Runs jobs until none waits."""
    for _ in range(_MOST_ROUNDS):
        async with open_procrastinate_worker(
            database, handlers, replace(QUICK, concurrency=concurrency, graceful_seconds=10), wait=False
        ) as worker:
            async with asyncio.timeout(_MOST_SECONDS_OF_A_ROUND):
                await worker.run()
        async with database.read() as conn:
            if (await read_queue_state(conn)).waiting == 0:
                return
    raise AssertionError("the queue does not run empty")


async def tick(database: Database, handlers: Handlers) -> None:
    """Moves what is due by now into the queue, and runs the queue empty."""
    await Worker(database, handlers, QUICK).move_due()
    await drain(database, handlers)


@asynccontextmanager
async def engine_running(
    database: Database, handlers: Handlers, options: WorkerOptions = QUICK
) -> AsyncIterator[ProcrastinateWorker]:
    """Runs the engine's worker alone, in this process."""
    async with open_procrastinate_worker(database, handlers, options) as worker:
        running = asyncio.create_task(worker.run())
        await until(lambda: worker.worker_id is not None)
        try:
            yield worker
        finally:
            worker.stop()
            await running


@asynccontextmanager
async def worker_running(
    database: Database, handlers: Handlers, options: WorkerOptions = QUICK
) -> AsyncIterator[Worker]:
    """Runs a whole worker, as `isthmus worker` has it."""
    worker = Worker(database, handlers, options)
    await worker.start()
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            await worker.started.wait()
        yield worker
    finally:
        await worker.stop()


async def until(condition: object, *, seconds: float = _MOST_SECONDS) -> None:
    """Lets the loop run until `condition()`, a plain or an async callable, holds."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            await asyncio.sleep(0.005)
