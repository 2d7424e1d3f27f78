"""The engine on SQLite: one process, one worker: no heartbeats, and nobody to take over from but the dead."""

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
from sqlalchemy.exc import TimeoutError as WaitedTooLong

from isthmus.db.database import Database
from isthmus.jobs.database_outages import Outages, is_away
from isthmus.jobs.engine.manager import Away, Manager

__all__ = ["SqliteManager"]

_TAKE: Final = """
UPDATE procrastinate_jobs SET status = 'doing', worker_id = ? WHERE id = (
    SELECT id FROM procrastinate_jobs next
    WHERE status = 'todo' AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs other WHERE other.lock = next.lock AND other.status = 'doing'
    )
    ORDER BY priority DESC, id ASC LIMIT 1
)
RETURNING id, task_name, priority, lock, queueing_lock, args, attempts, worker_id, queue_name
"""
_MINE: Final = "id = ? AND status = 'doing' AND worker_id = ? AND attempts = ?"
_DROP: Final = f"DELETE FROM procrastinate_jobs WHERE {_MINE} RETURNING id"  # noqa: S608 - constants
_TWIN: Final = (
    "EXISTS (SELECT 1 FROM procrastinate_jobs twin WHERE twin.status = 'todo' "
    "AND twin.queueing_lock = procrastinate_jobs.queueing_lock)"
)
_GONE: Final = "DELETE FROM procrastinate_jobs WHERE {which} AND (abort_requested OR " + _TWIN + ")"  # noqa: S608 - constants
_BACK: Final = (
    "UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL, abort_requested = 0, "  # noqa: S608 - constants
    "attempts = attempts + 1 WHERE {which} AND NOT " + _TWIN
)


class SqliteManager(Manager):
    """Each answer is one statement, which is its own transaction; but for what gives jobs back."""

    def __init__(self, database: Database, outages: Outages) -> None:
        super().__init__(BaseAsyncConnector(), outages)
        self._database = database

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        yield

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """There is one worker, and it is this one: all others are dead, and what they ran is taken over."""
        await self._put_back("status = 'doing'", ())
        await self._rows("DELETE FROM procrastinate_workers")
        return []

    async def register_worker(self) -> int:
        rows = await self._rows("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        return int(rows[0][0])

    async def take(self, worker_id: int) -> jobs.Job | None:
        rows = await self._rows(_TAKE, worker_id)
        if not rows:
            return None
        identity, what, priority, lock, queueing_lock, args, attempts, worker, queue = rows[0]
        return jobs.Job(
            id=identity,
            status="doing",
            queue=queue,
            priority=priority,
            lock=lock,
            queueing_lock=queueing_lock,
            task_name=what,
            task_kwargs=orjson.loads(args),
            attempts=attempts,
            worker_id=worker,
        )

    async def drop(self, job: jobs.Job) -> bool:
        return bool(await self._rows(_DROP, job.id, job.worker_id, job.attempts))

    async def put_back(self, job: jobs.Job) -> None:
        await self._put_back(_MINE, (job.id, job.worker_id, job.attempts))
        self.wake.set()

    async def put_back_all_but(self, worker_id: int, ids: Collection[int]) -> None:
        rest = f"status = 'doing' AND worker_id = ? AND id NOT IN ({','.join('?' * len(ids))})"
        await self._put_back(rest, (worker_id, *ids))

    async def beat(self, worker_id: int) -> bool:
        return True

    async def sign_off(self, worker_id: int) -> None:
        await self._rows("DELETE FROM procrastinate_workers WHERE id = ?", worker_id)

    async def asked_to_end(self) -> Iterable[int]:
        statement = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND abort_requested"
        return [row[0] for row in await self._rows(statement)]

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Commits of this process are heard through the database's announcements; others by the poll."""
        await asyncio.Event().wait()

    async def _put_back(self, which: str, arguments: Sequence[Any]) -> None:
        """One transaction: a twin that came between the two would keep both from doing anything."""
        try:
            async with self._database.write() as conn:
                for statement in (_GONE, _BACK):
                    await conn.exec_driver_sql(statement.format(which=which), tuple(arguments))
        except (DBAPIError, WaitedTooLong) as error:
            if is_away(error):
                raise Away(str(getattr(error, "orig", error))) from error
            raise

    async def _rows(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        try:
            return await self._database.execute_write(statement, arguments)
        except (sqlite3.Error, WaitedTooLong) as error:  # the file, or its writers' turn
            if is_away(error):
                raise Away(str(error)) from error
            raise
