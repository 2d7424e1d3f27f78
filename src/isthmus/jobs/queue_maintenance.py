"""Repairs the queue: queues jobs of dead workers again, gives things that lost their job a new one, and
deletes finished jobs.

The thing of a job is what it is about, such as an account.
"""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, savepoint
from isthmus.db.outages import is_lock_conflict
from isthmus.jobs.handlers import Handlers
from isthmus.jobs.lock_timeout import write_with_lock_timeout
from isthmus.jobs.queue import defer_missing, wake_workers
from isthmus.kit.unexpected_cancellation import convert_unexpected_cancellation

__all__ = ["defer_lost_jobs", "delete_finished_jobs", "requeue_stalled_jobs"]

_log = logging.getLogger("isthmus.jobs")

_SELECT_IS_SERVER_STABLE: Final = text(
    "SELECT now() - pg_postmaster_start_time() > make_interval(secs => :seconds)"
)
_SELECT_STALLED: Final = text(
    """
    SELECT j.id FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => :seconds))
    ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
    """
)
_REQUEUE: Final = text(
    """
    UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL, abort_requested = false,
    attempts = attempts + 1 WHERE id = :id AND NOT abort_requested RETURNING id
    """
)
_DELETE_JOB: Final = text("DELETE FROM procrastinate_jobs WHERE id = :id")
_DELETE_STALLED_WORKERS: Final = text(
    """
    DELETE FROM procrastinate_workers w WHERE w.last_heartbeat < now() - make_interval(secs => :seconds)
    AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j WHERE j.worker_id = w.id AND j.status = 'doing')
    """
)
_DELETE_FINISHED: Final = text("DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')")


async def requeue_stalled_jobs(database: Database, *, stalled_seconds: float) -> int:
    """Queues the jobs again whose worker had no heartbeat for `stalled_seconds`; returns how many, those
    deleted included. 0 on SQLite, and while the server of PostgreSQL runs for less than `stalled_seconds`: no
    worker had time to reach it.

    A stalled job is deleted instead if another job of the same thing is waiting, or if its end was requested.
    One that another transaction has locked is skipped. At the first one of whose thing another transaction
    is deferring a job, the call stops; that one and all after it wait for the next call. Raises
    LockNotAvailable.
    """
    if database.is_sqlite:
        return 0
    requeued = 0
    async with write_with_lock_timeout(database) as conn:
        if not (await conn.execute(_SELECT_IS_SERVER_STABLE, {"seconds": stalled_seconds})).scalar_one():
            return 0
        for identity in (await conn.execute(_SELECT_STALLED, {"seconds": stalled_seconds})).scalars().all():
            if not await _requeue_job(conn, identity):
                break
            requeued += 1
        await conn.execute(_DELETE_STALLED_WORKERS, {"seconds": stalled_seconds})
        if requeued:
            await wake_workers(conn)
    if requeued:
        _log.warning("%d jobs of workers that fell silent were given back to the queue", requeued)
    return requeued


async def delete_finished_jobs(database: Database) -> None:
    """Deletes jobs that are neither waiting nor running: those cancelled with procrastinate's own tools. Jobs
    that a worker of this program ran are deleted when they end."""
    async with database.write() as conn:
        await conn.execute(_DELETE_FINISHED)


async def defer_lost_jobs(database: Database, handlers: Handlers) -> None:
    """Defers a job for each thing that a finder of `handlers` returns and that has none.

    Every finder is called; then the first exception of one is raised, or LockNotAvailable."""
    first_error: Exception | None = None
    for finder in handlers.finders:
        try:
            async with database.read() as conn:
                with convert_unexpected_cancellation():
                    things = sorted(set(await finder(conn)))
            if things:
                async with write_with_lock_timeout(database) as conn:
                    await defer_missing(conn, things)
        except Exception as error:
            first_error = first_error or error
    if first_error is not None:
        raise first_error


async def _requeue_job(conn: AsyncConnection, identity: int) -> bool:
    """Queues the job again, or deletes it if that is refused. Returns True also for a deleted one; False,
    with nothing done, if an open transaction is deferring a job of the same thing."""
    try:
        async with savepoint(conn):
            requeued = (await conn.execute(_REQUEUE, {"id": identity})).scalar_one_or_none()
    except IntegrityError:
        requeued = None
    except DBAPIError as error:
        if is_lock_conflict(error):
            return False
        raise
    if requeued is None:
        await conn.execute(_DELETE_JOB, {"id": identity})
    return True
