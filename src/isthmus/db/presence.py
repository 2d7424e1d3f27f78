"""Tells whether a process that uses the database is still running.

On PostgreSQL each process holds an advisory lock for as long as it runs; the server frees it as soon as the
process has died. A SQLite file is served by one process, so every other one has ended.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database
from isthmus.db.engines import LIVENESS_OPTIONS
from isthmus.db.outages import describe_outage, is_database_unavailable
from isthmus.errors import DatabaseUnavailable

if TYPE_CHECKING:
    import psycopg

__all__ = ["ProcessPresence"]

_RECONNECT_SECONDS: Final = 1.0
_SERVER_KEEPALIVES: Final = (
    "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
)
"""The server notices within half a minute that a host has vanished, and frees the locks of its processes."""
_log = logging.getLogger("isthmus.db.presence")


class ProcessPresence:
    """The lock of this process. `key`: its number, another one for each start. Call `start()` before use and
    `stop()` at the end."""

    def __init__(self, database: Database) -> None:
        self.key: Final = secrets.randbits(62)
        self._database = database
        self._holder: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection | None = None

    async def start(self) -> None:
        """Takes the lock, and keeps it in the background: it is taken again after the connection was lost.
        Raises DatabaseUnavailable."""
        if self._database.is_sqlite:
            return
        try:
            self._connection = await self._connect()
        except Exception as error:  # of any kind: only those of an outage are changed
            reason = describe_outage(error)
            if reason is None:
                raise
            raise DatabaseUnavailable(reason) from error
        self._holder = asyncio.create_task(self._keep_lock(self._connection), name="presence: keep lock")

    async def stop(self) -> None:
        """Frees the lock."""
        if self._holder is not None:
            self._holder.cancel()
            with suppress(asyncio.CancelledError):
                await self._holder
        if self._connection is not None:  # the task may have been cancelled before it began
            await self._connection.close()

    async def is_running(self, conn: AsyncConnection, key: int) -> bool:
        """Returns True if the process with this key is running. A process that has just lost its connection
        counts as ended for a second or two, until it has the lock again."""
        if key == self.key:
            return True
        if self._database.is_sqlite:
            return False
        statement = text("SELECT pg_try_advisory_xact_lock_shared(:key)")
        return not (await conn.execute(statement, {"key": key})).scalar_one()

    async def _connect(self) -> psycopg.AsyncConnection:
        """Opens a connection that holds the lock."""
        import psycopg  # 70 ms that SQLite need not pay

        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, **LIVENESS_OPTIONS)
        try:
            await connection.execute(_SERVER_KEEPALIVES)
            await connection.execute("SELECT pg_advisory_lock(%s)", (self.key,))
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _keep_lock(self, connection: psycopg.AsyncConnection) -> None:
        """Waits for the end of the connection, and opens another one, until it is cancelled."""
        while True:
            try:
                async with connection:
                    async for _ in connection.notifies():  # none arrive: it waits, and raises at the end
                        pass
            except Exception as error:  # of any kind: the lock must not be given up before the process ends
                if is_database_unavailable(error):
                    self._database.outages.report("this process is not shown as running", error)
                else:
                    _log.exception("the connection that shows this process as running is lost")
            connection = self._connection = await self._reconnect()

    async def _reconnect(self) -> psycopg.AsyncConnection:
        """Opens the connection again, as soon as the database is back."""
        while True:
            await self._database.clock.sleep(_RECONNECT_SECONDS)
            with suppress(Exception):  # of any kind, as in `_keep_lock`, which has logged the outage
                return await self._connect()
