"""Who may write to a SQLite file now: its writers take turns, in the order they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import aiosqlite
from sqlalchemy import URL
from sqlalchemy.exc import TimeoutError as WaitedTooLong

__all__ = ["SqliteTurns"]

_MOST_SECONDS: Final = 30.0


class SqliteTurns:
    """`turn()` around a transaction; `execute()` for one that is a single statement.

    Without it two connections of one process would meet in SQLite's busy handler, which sleeps, unfairly.
    """

    def __init__(self, url: URL) -> None:
        self._path = url.database or ""
        self._lock = asyncio.Lock()
        self._connection: aiosqlite.Connection | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises sqlalchemy's TimeoutError after half a minute of waiting."""
        await self._acquire()
        try:
            yield
        finally:
            self._lock.release()

    async def execute(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        async with self.turn():
            connection = self._connection or await self._open()
            work = asyncio.ensure_future(_fetch(connection, statement, parameters))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                await work  # it is being done in any case: the turn ends when it is
                raise

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def _acquire(self) -> None:
        if not self._lock.locked():
            await self._lock.acquire()
            return
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            raise WaitedTooLong(f"another write held the database for {_MOST_SECONDS:.0f} s") from None

    async def _open(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(self._path, timeout=_MOST_SECONDS, isolation_level=None)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY"):
                await connection.execute(f"PRAGMA {pragma}")
        except BaseException:  # also one who was cancelled must leave no connection without them
            await connection.close()
            raise
        self._connection = connection
        return connection


async def _fetch(
    connection: aiosqlite.Connection, statement: str, parameters: Sequence[Any]
) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.execute_fetchall(statement, parameters)]
