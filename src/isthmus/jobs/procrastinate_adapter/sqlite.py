"""Stores, takes and requeues jobs on SQLite, for procrastinate's worker: there is one process with one
worker, so no heartbeats are needed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from procrastinate import jobs
from procrastinate.connector import BaseAsyncConnector
from procrastinate.manager import NotificationCallback
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from isthmus.db.database import Database
from isthmus.db.outages import find_outage
from isthmus.jobs.procrastinate_adapter.manager import OutageTolerantJobManager

__all__ = ["SqliteJobManager"]

_TAKE_JOB: Final = """
UPDATE procrastinate_jobs SET status = 'doing', worker_id = ? WHERE id = (
    SELECT id FROM procrastinate_jobs next
    WHERE status = 'todo' AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs other WHERE other.lock = next.lock AND other.status = 'doing'
    )
    ORDER BY priority DESC, id ASC LIMIT 1
)
RETURNING id, task_name, priority, lock, queueing_lock, args, attempts, worker_id, queue_name
"""
# Takes the id, the worker's id and the attempts of a job, in this order.
_IS_OWN_JOB: Final = "id = ? AND status = 'doing' AND worker_id = ? AND attempts = ?"
_DELETE_JOB: Final = f"DELETE FROM procrastinate_jobs WHERE {_IS_OWN_JOB} RETURNING id"  # noqa: S608 - constants
_HAS_QUEUED_DUPLICATE: Final = (
    "EXISTS (SELECT 1 FROM procrastinate_jobs duplicate WHERE duplicate.status = 'todo' "
    "AND duplicate.queueing_lock = procrastinate_jobs.queueing_lock)"
)
_DELETE_UNNEEDED: Final = (
    "DELETE FROM procrastinate_jobs WHERE {condition} "  # noqa: S608 - constants
    "AND (abort_requested OR " + _HAS_QUEUED_DUPLICATE + ")"
)
_REQUEUE: Final = (
    "UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL, abort_requested = 0, "  # noqa: S608 - constants
    "attempts = attempts + 1 WHERE {condition} AND NOT " + _HAS_QUEUED_DUPLICATE
)


class SqliteJobManager(OutageTolerantJobManager):
    """The job manager on SQLite. Each query is a transaction of one statement, except for requeueing and
    `prune_stalled_workers`."""

    def __init__(self, database: Database) -> None:
        super().__init__(BaseAsyncConnector(), database.outages)
        self._database = database

    @asynccontextmanager
    async def open_connections(self) -> AsyncIterator[None]:
        """Opens nothing: it uses the connections of the database."""
        yield

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """Queues the jobs of all registered workers again and returns no ids: they are dead, since this
        worker is the only one."""
        await self._requeue("status = 'doing'", ())
        await self._execute("DELETE FROM procrastinate_workers")
        return []

    async def register_worker(self) -> int:
        """Registers the worker and returns its id."""
        rows = await self._execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        return int(rows[0][0])

    async def query_next_job(self, worker_id: int) -> jobs.Job | None:
        """Marks the next job as `doing` and returns it; None if there is none."""
        rows = await self._execute(_TAKE_JOB, worker_id)
        if not rows:
            return None
        identity, task_name, priority, lock, queueing_lock, args, attempts, worker, queue = rows[0]
        return jobs.Job(
            id=identity,
            status="doing",
            queue=queue,
            priority=priority,
            lock=lock,
            queueing_lock=queueing_lock,
            task_name=task_name,
            task_kwargs=orjson.loads(args),
            attempts=attempts,
            worker_id=worker,
        )

    async def query_delete_own_job(self, job: jobs.Job) -> bool:
        """Deletes the job if this worker still holds it. Returns True if it did."""
        return bool(await self._execute(_DELETE_JOB, job.id, job.worker_id, job.attempts))

    async def query_requeue_own_job(self, job: jobs.Job) -> None:
        """Queues the job again, or deletes it if it was requested to abort or has a queued duplicate; does
        nothing if this worker no longer holds it."""
        await self._requeue(_IS_OWN_JOB, (job.id, job.worker_id, job.attempts))
        self.wake.set()

    async def query_requeue_all_except(self, worker_id: int, ids: Collection[int]) -> None:
        """Queues the jobs of the worker again that are not in `ids`."""
        condition = f"status = 'doing' AND worker_id = ? AND id NOT IN ({','.join('?' * len(ids))})"
        await self._requeue(condition, (worker_id, *ids))

    async def query_heartbeat(self, worker_id: int) -> bool:
        """Returns True: the only worker needs no heartbeats."""
        return True

    async def query_delete_worker(self, worker_id: int) -> None:
        """Removes the worker's registration."""
        await self._execute("DELETE FROM procrastinate_workers WHERE id = ?", worker_id)

    async def query_abort_requests(self) -> Iterable[int]:
        """Returns the ids of running jobs that were requested to abort."""
        statement = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND abort_requested"
        return [row[0] for row in await self._execute(statement)]

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Waits until it is cancelled: jobs of this process are announced by the database, those of others
        found by polling."""
        await asyncio.Event().wait()

    async def _requeue(self, condition: str, arguments: Sequence[Any]) -> None:
        """Deletes those of the jobs that meet `condition` that were requested to abort or have a queued
        duplicate, and queues the others again. In one transaction: a duplicate that is added between the two
        statements would keep both from doing anything."""
        try:
            async with self._database.write() as conn:
                for statement in (_DELETE_UNNEEDED, _REQUEUE):
                    await conn.exec_driver_sql(statement.format(condition=condition), tuple(arguments))
        except (DBAPIError, PoolTimeout) as error:
            outage = find_outage(error)
            if outage is None:
                raise
            raise outage from error

    async def _execute(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Executes the statement as a transaction; returns its rows. Raises DatabaseUnavailable."""
        try:
            return await self._database.execute_write(statement, arguments)
        except (sqlite3.Error, PoolTimeout) as error:  # the file, or its writers' turn
            outage = find_outage(error)
            if outage is None:
                raise
            raise outage from error
