"""The job manager on PostgreSQL: procrastinate's own connector and statements, but only the worker
that holds a job ends it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import psycopg
from procrastinate import exceptions, jobs, sql
from procrastinate.manager import NotificationCallback
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from isthmus.db.database import Database
from isthmus.db.engines import LIVENESS_OPTIONS
from isthmus.db.outages import describe_outage
from isthmus.errors import DatabaseUnavailable
from isthmus.jobs.procrastinate_adapter.manager import OutageTolerantJobManager, WorkerPruned
from isthmus.jobs.queue import CHANNEL, TOPIC_CHANNEL

__all__ = ["PostgresqlJobManager"]

T = TypeVar("T")

_log = logging.getLogger("isthmus.jobs")
_REQUEUE_ATTEMPTS: Final = 3
_MAX_CONNECTIONS: Final = 4
_RECONNECT_SECONDS: Final = 1.0
_OPTIONS: Final[dict[str, Any]] = LIVENESS_OPTIONS | {
    "autocommit": True,  # each statement of procrastinate's is a transaction of its own
    "options": "-c timezone=UTC",
}

_IS_OWN_JOB = "id = %(id)s AND status = 'doing' AND worker_id = %(worker_id)s AND attempts = %(attempts)s"
_SELECT_QUEUED_DUPLICATE = (
    "SELECT 1 FROM procrastinate_jobs duplicate WHERE duplicate.status = 'todo' "
    "AND duplicate.queueing_lock = mine.queueing_lock"
)
_DELETE_JOB = (
    f"DELETE FROM procrastinate_jobs mine WHERE {_IS_OWN_JOB} "  # noqa: S608 - constants
    f"RETURNING EXISTS ({_SELECT_QUEUED_DUPLICATE}) AS waits"
)
_REQUEUE = (
    "UPDATE procrastinate_jobs mine SET status = 'todo', worker_id = NULL, abort_requested = false, "
    "attempts = attempts + 1 WHERE {condition} RETURNING id"
)
_DELETE_UNNEEDED = (
    "DELETE FROM procrastinate_jobs mine WHERE {condition} "  # noqa: S608 - constants
    "AND (abort_requested OR EXISTS (" + _SELECT_QUEUED_DUPLICATE + ")) RETURNING id"
)
_CLEAR_WORKER = "UPDATE procrastinate_jobs mine SET worker_id = NULL WHERE {condition} RETURNING id"
"""A running job without a worker counts as stalled at once."""
_IS_LEFT_BEHIND = "status = 'doing' AND worker_id = %(worker_id)s AND NOT id = ANY(%(ids)s::bigint[])"
_NOTIFY = f"""SELECT pg_notify('{CHANNEL}', '{{"type": "job_inserted", "job_id": 0}}')"""
_SELECT_ABORT_REQUESTS = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND abort_requested"
_UPDATE_HEARTBEAT = (
    "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker_id)s RETURNING id"
)


class PostgresqlJobManager(OutageTolerantJobManager):
    """The job manager on PostgreSQL. Uses a few connections of its own, inside `open_connections()`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conninfo = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connector = PsycopgConnector()
        super().__init__(self._connector, database.outages)

    @asynccontextmanager
    async def open_connections(self) -> AsyncIterator[None]:
        """Opens the pool until the block ends. Does not wait until the database is available."""
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # we log an outage ourselves, once
        pool = AsyncConnectionPool(
            self._conninfo,
            kwargs=dict(_OPTIONS),
            min_size=1,
            max_size=_MAX_CONNECTIONS,
            timeout=10,
            open=False,
        )
        await pool.open()
        await self._connector.open_async(pool)
        try:
            yield
        finally:
            await pool.close()

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """Does nothing and returns no ids: after an outage all heartbeats are old. `requeue_stalled_jobs`
        does it later."""
        return []

    async def query_next_job(self, worker_id: int) -> jobs.Job | None:
        """Marks the next job as `doing` by procrastinate's own function; None if there is none."""
        try:
            row = await _convert_errors(
                self._connector.execute_query_one_async(
                    sql.queries["fetch_job"], queues=None, worker_id=worker_id
                )
            )
        except exceptions.UniqueViolation:
            return None  # another worker took a job of the same thing at this moment
        return None if row["id"] is None else jobs.Job.from_row(row)

    async def query_delete_own_job(self, job: jobs.Job) -> bool:
        """Deletes the job if this worker still holds it. Returns True if a job with the same lock waits."""
        rows = await self._execute(_DELETE_JOB, **_make_own_job_parameters(job))
        return bool(rows and rows[0]["waits"])

    async def query_requeue_own_job(self, job: jobs.Job) -> None:
        """Queues the job again, or deletes it, if this worker still holds it."""
        await self._requeue(_IS_OWN_JOB, _make_own_job_parameters(job))

    async def query_requeue_all_except(self, worker_id: int, ids: Collection[int]) -> None:
        """Queues the jobs of the worker again that are not in `ids`."""
        await self._requeue(_IS_LEFT_BEHIND, {"worker_id": worker_id, "ids": list(ids)})

    async def query_abort_requests(self) -> Iterable[int]:
        """Returns the ids of running jobs that were requested to abort."""
        return [row["id"] for row in await self._execute(_SELECT_ABORT_REQUESTS)]

    async def query_heartbeat(self, worker_id: int) -> bool:
        """Records that the worker is alive. Returns False if it is no longer registered."""
        return bool(await self._execute(_UPDATE_HEARTBEAT, worker_id=worker_id))

    async def query_delete_worker(self, worker_id: int) -> None:
        """Removes the worker's registration, and notifies the others of the jobs that it leaves."""
        await self._execute(
            "DELETE FROM procrastinate_workers WHERE id = %(worker_id)s RETURNING id", worker_id=worker_id
        )
        await self._execute(_NOTIFY)

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Receives notifications of new jobs, and reconnects whenever the connection is lost."""
        while True:
            try:
                await self._listen(on_notification)
            except (psycopg.Error, OSError) as error:
                self.report_outage(error)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self, on_notification: NotificationCallback) -> None:
        """Receives notifications until the connection is lost."""
        connection = await psycopg.AsyncConnection.connect(self._conninfo, **_OPTIONS)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            await connection.execute(f"LISTEN {TOPIC_CHANNEL}")
            self.wake.set()
            async for notice in connection.notifies():
                if notice.channel == TOPIC_CHANNEL:
                    self._database.notify_listeners(notice.payload)
                else:
                    await on_notification(channel=CHANNEL, notification=json.loads(notice.payload))

    async def _requeue(self, condition: str, arguments: dict[str, Any]) -> None:
        """Deletes or requeues the jobs that meet `condition`. If duplicates keep coming in between, they are
        left as stalled."""
        for _ in range(_REQUEUE_ATTEMPTS):
            await self._execute(_DELETE_UNNEEDED.format(condition=condition), **arguments)
            try:
                if await self._execute(_REQUEUE.format(condition=condition), **arguments):
                    await self._execute(_NOTIFY)
                return
            except exceptions.UniqueViolation:  # a duplicate came between the two statements
                continue
        _log.warning("a job could not be given back beside its twins, which came and went; the sweep does it")
        await self._execute(_CLEAR_WORKER.format(condition=condition), **arguments)

    async def _execute(self, statement: str, **arguments: Any) -> list[dict[str, Any]]:
        """Executes a statement and returns its rows, each by column name. Raises as `_convert_errors`."""
        return await _convert_errors(self._connector.execute_query_all_async(statement, **arguments))


def _make_own_job_parameters(job: jobs.Job) -> dict[str, Any]:
    """Returns the parameters of `_IS_OWN_JOB`."""
    return {"id": job.id, "worker_id": job.worker_id, "attempts": job.attempts}


async def _convert_errors(query: Awaitable[T]) -> T:
    """Awaits the query and returns its result. Raises WorkerPruned if the worker is no longer registered,
    DatabaseUnavailable if the database is."""
    try:
        return await query
    except exceptions.UniqueViolation:
        raise
    except exceptions.ConnectorException as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.errors.ForeignKeyViolation):
            raise WorkerPruned from error
        if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
            raise DatabaseUnavailable(describe_outage(cause) or type(cause).__name__) from error
        raise
