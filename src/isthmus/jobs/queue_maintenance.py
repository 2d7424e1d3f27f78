"""What keeps the queue whole: giving back the jobs of dead workers, finding things that lost their job."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, savepoint
from isthmus.jobs.handlers import Handlers
from isthmus.jobs.lock_timeout import is_held, write_giving_way
from isthmus.jobs.queue import announce_ready, defer_missing
from isthmus.kit.unexpected_cancellation import convert_unexpected_cancellation

__all__ = ["reconcile", "sweep"]

_log = logging.getLogger("isthmus.jobs")

_SERVER_IS_SETTLED: Final = text(
    "SELECT now() - pg_postmaster_start_time() > make_interval(secs => :seconds)"
)
_STALLED: Final = text(
    """
    SELECT j.id FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => :seconds))
    ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
    """
)
_GIVE_BACK: Final = text(
    """
    UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL, abort_requested = false,
    attempts = attempts + 1 WHERE id = :id AND NOT abort_requested RETURNING id
    """
)
_DROP: Final = text("DELETE FROM procrastinate_jobs WHERE id = :id")
_FORGET: Final = text(
    """
    DELETE FROM procrastinate_workers w WHERE w.last_heartbeat < now() - make_interval(secs => :seconds)
    AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j WHERE j.worker_id = w.id AND j.status = 'doing')
    """
)
_FINISHED: Final = text("DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')")


async def sweep(database: Database, *, stalled_seconds: float) -> int:
    """PostgreSQL: gives the jobs of silent workers back to the queue; how many. Nobody is judged by a server
    that has only just started: no worker had the time to reach it.

    A job whose twin waits is dropped: the twin goes on. So is one whose end was asked for. One that is held
    at this moment, or beside which another transaction defers, is passed over: the next sweep comes soon.
    """
    if database.is_sqlite:
        return 0
    given = 0
    async with write_giving_way(database) as conn:
        if not (await conn.execute(_SERVER_IS_SETTLED, {"seconds": stalled_seconds})).scalar_one():
            return 0
        for identity in (await conn.execute(_STALLED, {"seconds": stalled_seconds})).scalars().all():
            if not await _give_back(conn, identity):
                break
            given += 1
        await conn.execute(_FORGET, {"seconds": stalled_seconds})
        if given:
            await announce_ready(conn)
    if given:
        _log.warning("%d jobs of workers that fell silent were given back to the queue", given)
    return given


async def prune(database: Database) -> None:
    """Removes finished jobs. Ours go when they end; what is cancelled with the engine's own tools stays."""
    async with database.write() as conn:
        await conn.execute(_FINISHED)


async def reconcile(database: Database, handlers: Handlers) -> None:
    """Things that are due and have no job get one. Raises what the first finder raised, or had to give way
    to, when all have had their turn."""
    failed: Exception | None = None
    for finder in handlers.finders:
        try:
            async with database.read() as conn:
                with convert_unexpected_cancellation():
                    things = sorted(set(await finder(conn)))
            if things:
                async with write_giving_way(database) as conn:
                    await defer_missing(conn, things)
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise failed


async def _give_back(conn: AsyncConnection, identity: int) -> bool:
    """False, and nothing done, where a transaction that is still open defers the same thing."""
    try:
        async with savepoint(conn):
            given = (await conn.execute(_GIVE_BACK, {"id": identity})).scalar_one_or_none()
    except IntegrityError:
        given = None
    except DBAPIError as error:
        if is_held(error):
            return False
        raise
    if given is None:
        await conn.execute(_DROP, {"id": identity})
    return True
