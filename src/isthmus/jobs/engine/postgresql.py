"""The engine on PostgreSQL: procrastinate's own connector and statements, with a fence where a job ends."""

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
from isthmus.jobs.database_outages import Outages
from isthmus.jobs.engine.manager import Away, Manager, Pruned
from isthmus.jobs.queue import CHANNEL, TELL

__all__ = ["PostgresqlManager"]

T = TypeVar("T")

_log = logging.getLogger("isthmus.jobs")
_RACES: Final = 3
_MOST_CONNECTIONS: Final = 4
_RECONNECT_SECONDS: Final = 1.0
_OPTIONS: Final[dict[str, Any]] = LIVENESS_OPTIONS | {
    "autocommit": True,  # each statement of the engine's is a transaction of its own
    "options": "-c timezone=UTC",
}

_MINE = "id = %(id)s AND status = 'doing' AND worker_id = %(worker_id)s AND attempts = %(attempts)s"
_TWIN = (
    "SELECT 1 FROM procrastinate_jobs twin WHERE twin.status = 'todo' "
    "AND twin.queueing_lock = mine.queueing_lock"
)
_DROP = f"DELETE FROM procrastinate_jobs mine WHERE {_MINE} RETURNING EXISTS ({_TWIN}) AS waits"  # noqa: S608 - constants
_BACK = (
    "UPDATE procrastinate_jobs mine SET status = 'todo', worker_id = NULL, abort_requested = false, "
    "attempts = attempts + 1 WHERE {which} RETURNING id"
)
_GONE = (
    "DELETE FROM procrastinate_jobs mine WHERE {which} AND (abort_requested OR EXISTS (" + _TWIN + ")) "  # noqa: S608 - constants
    "RETURNING id"
)
_ABANDON = "UPDATE procrastinate_jobs mine SET worker_id = NULL WHERE {which} RETURNING id"
"""Marked as run by nobody it is stalled, at once."""
_LEFT = "status = 'doing' AND worker_id = %(worker_id)s AND NOT id = ANY(%(ids)s::bigint[])"
_NOTIFY = f"""SELECT pg_notify('{CHANNEL}', '{{"type": "job_inserted", "job_id": 0}}')"""
_ASKED_TO_END = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND abort_requested"
_BEAT = "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker_id)s RETURNING id"


class PostgresqlManager(Manager):
    """`opened()` around its use: connections of its own, as many as a few statements at once need."""

    def __init__(self, database: Database, outages: Outages) -> None:
        self._database = database
        self._conninfo = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connector = PsycopgConnector()
        super().__init__(self._connector, outages)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Does not wait for the database to be there."""
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # an outage is told once, by us
        pool = AsyncConnectionPool(
            self._conninfo,
            kwargs=dict(_OPTIONS),
            min_size=1,
            max_size=_MOST_CONNECTIONS,
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
        """Not at a worker's start: after an outage all last beats are old. The sweeper judges, later."""
        return []

    async def take(self, worker_id: int) -> jobs.Job | None:
        try:
            row = await _answered(
                self._connector.execute_query_one_async(
                    sql.queries["fetch_job"], queues=None, worker_id=worker_id
                )
            )
        except exceptions.UniqueViolation:
            return None  # another worker began with the same thing at this moment
        return None if row["id"] is None else jobs.Job.from_row(row)

    async def drop(self, job: jobs.Job) -> bool:
        rows = await self._rows(_DROP, **_fence(job))
        return bool(rows and rows[0]["waits"])

    async def put_back(self, job: jobs.Job) -> None:
        await self._put_back(_MINE, _fence(job))

    async def put_back_all_but(self, worker_id: int, ids: Collection[int]) -> None:
        await self._put_back(_LEFT, {"worker_id": worker_id, "ids": list(ids)})

    async def asked_to_end(self) -> Iterable[int]:
        return [row["id"] for row in await self._rows(_ASKED_TO_END)]

    async def beat(self, worker_id: int) -> bool:
        return bool(await self._rows(_BEAT, worker_id=worker_id))

    async def sign_off(self, worker_id: int) -> None:
        await self._rows(
            "DELETE FROM procrastinate_workers WHERE id = %(worker_id)s RETURNING id", worker_id=worker_id
        )
        await self._rows(_NOTIFY)

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Never ends by itself: reconnects for ever."""
        while True:
            try:
                await self._listen(on_notification)
            except (psycopg.Error, OSError) as error:
                self.note_trouble(error)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self, on_notification: NotificationCallback) -> None:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, **_OPTIONS)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            await connection.execute(f"LISTEN {TELL}")
            self.wake.set()
            async for notice in connection.notifies():
                if notice.channel == TELL:
                    self._database.tell(notice.payload)
                else:
                    await on_notification(channel=CHANNEL, notification=json.loads(notice.payload))

    async def _put_back(self, which: str, arguments: dict[str, Any]) -> None:
        for _ in range(_RACES):
            await self._rows(_GONE.format(which=which), **arguments)
            try:
                if await self._rows(_BACK.format(which=which), **arguments):
                    await self._rows(_NOTIFY)
                return
            except exceptions.UniqueViolation:  # a twin came between the two statements
                continue
        _log.warning("a job could not be given back beside its twins, which came and went; the sweep does it")
        await self._rows(_ABANDON.format(which=which), **arguments)

    async def _rows(self, statement: str, **arguments: Any) -> list[dict[str, Any]]:
        return await _answered(self._connector.execute_query_all_async(statement, **arguments))


def _fence(job: jobs.Job) -> dict[str, Any]:
    return {"id": job.id, "worker_id": job.worker_id, "attempts": job.attempts}


async def _answered(question: Awaitable[T]) -> T:
    try:
        return await question
    except exceptions.UniqueViolation:
        raise
    except exceptions.ConnectorException as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.errors.ForeignKeyViolation):
            raise Pruned from error
        if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
            raise Away(str(cause)) from error
        raise
