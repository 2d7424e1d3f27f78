"""What has lost its job, so that it gets another one (`docs/explanation/reliability.md`, reconciling)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import now_of
from isthmus.db.tables import account_lifecycle, credential_revocation
from isthmus.jobs import Finder, without_job

__all__ = ["due_lifecycles", "running_lifecycles", "waiting_revocations"]

_MOST: Final = 100
_LATE: Final = timedelta(minutes=1)


def running_lifecycles(what: str) -> Finder:
    """Accounts in the middle of a stage."""
    row = account_lifecycle.c

    async def found(conn: AsyncConnection) -> list[tuple[str, str]]:
        return await _found(conn, what, row.id, row.stage.is_not(None), by=row.id)

    return found


def due_lifecycles(what: str) -> Finder:
    """Accounts whose validation was to come back by now."""
    row = account_lifecycle.c

    async def found(conn: AsyncConnection) -> list[tuple[str, str]]:
        return await _found(conn, what, row.id, row.due_at <= now_of(conn), by=row.due_at)

    return found


def waiting_revocations(what: str) -> Finder:
    """Tokens that their provider should have been told of a while ago."""
    row = credential_revocation.c

    async def found(conn: AsyncConnection) -> list[tuple[str, str]]:
        return await _found(conn, what, row.id, row.created_at < now_of(conn) - _LATE, by=row.created_at)

    return found


async def _found(
    conn: AsyncConnection,
    what: str,
    key: ColumnElement[Any],
    is_due: ColumnElement[bool],
    *,
    by: ColumnElement[Any],
) -> list[tuple[str, str]]:
    due = select(key).where(is_due, without_job(what, key)).order_by(by).limit(_MOST)
    return [(what, each) for each in (await conn.execute(due)).scalars()]
