"""Lets the writers of one process to a SQLite file write one after the other, in the order in which they
came."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite
from sqlalchemy import URL
from sqlalchemy.exc import TimeoutError as PoolTimeout

from isthmus.db.engines import BUSY_SECONDS, SQLITE_PRAGMAS

__all__ = ["SqliteWriter"]

_log = logging.getLogger("isthmus.db")


class SqliteWriter:
    """The write lock of a SQLite file in this process: `lock()` around a transaction; `execute()` for a
    transaction of a single statement.

    Without it two connections of one process would wait for each other inside SQLite, which sleeps and does
    not keep the order.
    """

    def __init__(self, url: URL) -> None:
        self._path = url.database or ""
        self._lock = asyncio.Lock()
        self._connection: aiosqlite.Connection | None = None

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Takes the lock until the block ends: only the block may write. Raises sqlalchemy's TimeoutError
        after 10 s of waiting."""
        await self._acquire()
        try:
            yield
        finally:
            self._lock.release()

    async def execute(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Executes the statement under the lock and commits it; returns its rows."""
        async with self.lock():
            connection = self._connection or await self._connect()
            execution = asyncio.ensure_future(_execute_and_fetch(connection, statement, parameters))
            try:
                return await asyncio.shield(execution)
            except asyncio.CancelledError:
                await execution  # it is executed in any case: the lock is held until then
                raise

    async def close(self) -> None:
        """Writes the WAL back into the file, and closes the connection, if one is open. It is called after
        all other connections were closed.

        SQLite writes the WAL back when the last connection is closed. One that a cancelled task left open
        keeps it from that.
        """
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        try:
            await connection.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            _log.warning("the WAL was not written back: %s", error)
        finally:
            await connection.close()

    async def _acquire(self) -> None:
        """Waits for the lock. Raises sqlalchemy's TimeoutError."""
        if not self._lock.locked():
            await self._lock.acquire()
            return
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            raise PoolTimeout(f"another write held the database for {BUSY_SECONDS:.0f} s") from None

    async def _connect(self) -> aiosqlite.Connection:
        """Opens the connection for `execute`, keeps and returns it."""
        connection = await aiosqlite.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            for pragma in SQLITE_PRAGMAS:
                await connection.execute(f"PRAGMA {pragma}")
        except BaseException:  # cancellation too: a connection without the pragmas must not stay
            await connection.close()
            raise
        self._connection = connection
        return connection


async def _execute_and_fetch(
    connection: aiosqlite.Connection, statement: str, parameters: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Executes a statement and returns its rows."""
    return [tuple(row) for row in await connection.execute_fetchall(statement, parameters)]
