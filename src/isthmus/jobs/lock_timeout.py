"""Opens transactions of background work that give up instead of waiting for a lock, so that no transaction of
the application ever fails because of them (PostgreSQL)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database
from isthmus.db.outages import is_lock_conflict

__all__ = ["LockNotAvailable", "write_with_lock_timeout"]

_SET_LOCK_TIMEOUT: Final = text("SET LOCAL lock_timeout = '50ms'")


class LockNotAvailable(Exception):
    """Another transaction holds a lock that this one needs. Nothing was written; try again in a moment."""


@asynccontextmanager
async def write_with_lock_timeout(database: Database) -> AsyncIterator[AsyncConnection]:
    """Opens a transaction as `Database.write()` does, for work that can be repeated. Raises LockNotAvailable
    rather than wait for a lock.

    When two transactions wait for each other, PostgreSQL fails the one that notices it, after a second of
    waiting (`deadlock_timeout`). This transaction has given up long before, so the application's never fails.
    """
    try:
        async with database.write() as conn:
            if not database.is_sqlite:
                await conn.execute(_SET_LOCK_TIMEOUT)
            yield conn
    except DBAPIError as error:
        if is_lock_conflict(error):
            raise LockNotAvailable from error
        raise
