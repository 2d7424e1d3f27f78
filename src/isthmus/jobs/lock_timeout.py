"""Transactions of the engine's own, which never make one of the application's fail (PostgreSQL)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database

__all__ = ["Held", "is_held", "write_giving_way"]

_GIVE_WAY: Final = text("SET LOCAL lock_timeout = '50ms'")
_LOCK_NOT_AVAILABLE: Final = "55P03"
_DEADLOCK: Final = "40P01"


class Held(Exception):
    """Somebody else's transaction held what was needed. Nothing was done: try again in a moment."""


@asynccontextmanager
async def write_giving_way(database: Database) -> AsyncIterator[AsyncConnection]:
    """`Database.write()` for one who can come back. Raises Held rather than wait for a lock of another.

    Of two transactions that wait for each other PostgreSQL ends the one that finds out, after a second
    (`deadlock_timeout`) of waiting. This one has given way long before, so it is never the application's.
    """
    try:
        async with database.write() as conn:
            if not database.is_sqlite:
                await conn.execute(_GIVE_WAY)
            yield conn
    except DBAPIError as error:
        if is_held(error):
            raise Held from error
        raise


def is_held(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in (_LOCK_NOT_AVAILABLE, _DEADLOCK)
