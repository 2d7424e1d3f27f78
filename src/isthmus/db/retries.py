"""Repeats a transaction that must not be lost while the database is unavailable."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database
from isthmus.db.outages import is_database_unavailable

__all__ = ["DATABASE_UNAVAILABLE", "write_with_retries"]

T = TypeVar("T")

DATABASE_UNAVAILABLE: Final = (OperationalError, InterfaceError, InternalError, PoolTimeout, OSError)
"""InternalError: among others, of a server that became read-only."""
_RETRY_PAUSE_SECONDS: Final = 0.25
_log = logging.getLogger("isthmus.db.retries")


async def write_with_retries(
    database: Database,
    transaction: Callable[[AsyncConnection], Awaitable[T]],
    *,
    seconds: float,
    label: str,
) -> T:
    """Runs `transaction` in a write and returns its result, again and again for `seconds` while the database
    is unavailable, or ended the transaction, as by a deadlock; then raises the last of DATABASE_UNAVAILABLE.
    `label`: what is written, for the log; a fixed text."""
    started = database.clock.monotonic()
    is_logged = False
    while True:
        try:
            async with database.write() as conn:
                return await transaction(conn)
        except DATABASE_UNAVAILABLE as error:
            if database.clock.monotonic() - started > seconds:
                raise
            if is_database_unavailable(error):
                database.outages.report(f"{label} is not stored yet", error)
            elif not is_logged:
                _log.warning("%s is not stored yet: %s", label, type(error).__name__)
                is_logged = True
        await database.clock.sleep(_RETRY_PAUSE_SECONDS)
