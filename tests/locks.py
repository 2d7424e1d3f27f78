"""Waits until another transaction waits for one that a test holds open."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["wait_until_blocking"]

_MOST_SECONDS: Final = 20.0
_BLOCKED: Final = text(
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
)


async def wait_until_blocking(conn: AsyncConnection, blocked: asyncio.Future[Any]) -> None:
    """Returns once somebody waits for a row that the transaction of `conn` has locked; at once on SQLite,
    where writers wait for their turn. Raises AssertionError if `blocked`, which should wait, ends
    instead, and TimeoutError after 20 seconds."""
    if conn.dialect.name == "sqlite":
        return
    async with asyncio.timeout(_MOST_SECONDS):
        while not (await conn.execute(_BLOCKED)).scalar_one():
            assert not blocked.done(), f"it did not wait: {blocked}"
