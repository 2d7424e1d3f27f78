"""What happens before accounts are deleted, in the transaction that deletes them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.action_schedules import drop_actions
from isthmus.accounts.beginning import JOB as LIFECYCLE
from isthmus.accounts.renewal_timer import JOB as RENEWAL
from isthmus.accounts.revocations import revoke_tokens
from isthmus.db.tables import integrated_account
from isthmus.jobs import cancel_all

__all__ = ["before_deletion"]

_JOBS: Final = (LIFECYCLE, RENEWAL)


async def before_deletion(conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]) -> None:
    """Their tokens are to be revoked; their actions, renewals and validations come back no more."""
    chosen_ids = select(integrated_account.c.id).where(
        integrated_account.c.environment_id == environment_id, chosen
    )
    # A renewal holds the account before its timer, and so does this: neither waits for the other's half.
    await conn.execute(chosen_ids.order_by(integrated_account.c.id).with_for_update())
    await revoke_tokens(conn, environment_id, chosen)
    await drop_actions(conn, environment_id, chosen)
    for job in _JOBS:
        await cancel_all(conn, job, chosen_ids)
