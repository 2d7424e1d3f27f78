"""What happens before accounts are deleted, in the transaction that deletes them."""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.action_schedules import drop_actions
from isthmus.accounts.revocations import revoke_tokens

__all__ = ["before_deletion"]


async def before_deletion(conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]) -> None:
    """Their tokens are to be revoked, and their actions come back no more."""
    await revoke_tokens(conn, environment_id, chosen)
    await drop_actions(conn, environment_id, chosen)
