"""The timer of an account whose token ends: it is renewed although nobody calls (`connect.md` §9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.renewals import expires_at
from isthmus.db.database import now_of
from isthmus.jobs import Run, cancel, defer

__all__ = ["AHEAD", "JOB", "give_up_renewing", "schedule_renewal"]

JOB: Final = "account.refresh"
AHEAD: Final = timedelta(minutes=5)
"""Before its end, a token is renewed without a call."""


async def schedule_renewal(conn: AsyncConnection, account_id: str, context: Mapping[str, Any]) -> None:
    """A job shortly before the token ends, instead of the one for the token before; none where nobody knows
    when that is, or it lives too short for it."""
    end = expires_at(context)
    await cancel(conn, JOB, account_id)
    if end is None:
        return
    moment = datetime.fromtimestamp(end, UTC) - AHEAD
    if moment > now_of(conn):
        await defer(conn, JOB, account_id, run_at=moment)


async def give_up_renewing(_: AsyncConnection, __: Run, ___: Exception) -> None:
    """A renewal ahead of time that failed is not repeated: the next call does it, or says what is wrong."""
