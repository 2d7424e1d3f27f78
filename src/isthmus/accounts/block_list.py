"""Blocks accounts: those on the block list may not be called, whatever their status. Unblocks them, also from
the wait that a provider has asked for.

The list belongs to the operator of the server, so it spans all environments and is not part of the API. A
call of a blocked account fails with 503 before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from isthmus.db.database import Database
from isthmus.db.epochs import get_epoch_group, increment_epoch
from isthmus.db.tables import blocked_account, environment, integrated_account
from isthmus.errors import SetupError

__all__ = ["BlockList"]


class BlockList:
    """Reads and changes the block list. Each call is one transaction; all processes see it within a
    second."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_entries(self) -> Sequence[Mapping[str, Any]]:
        """Return all entries, the oldest first: `id`, `environment_name`, `tenant_id`, `created_at`,
        `reason`."""
        statement = (
            select(
                blocked_account.c.id,
                environment.c.name.label("environment_name"),
                integrated_account.c.tenant_id,
                blocked_account.c.created_at,
                blocked_account.c.reason,
            )
            .join(integrated_account, integrated_account.c.id == blocked_account.c.id)
            .join(environment, environment.c.id == integrated_account.c.environment_id)
            .order_by(blocked_account.c.created_at, blocked_account.c.id)
        )
        async with self._database.read() as conn:
            return [dict(row) for row in (await conn.execute(statement)).mappings()]

    async def block(self, account_id: str, *, reason: str | None = None) -> None:
        """Block an account; for one that is blocked, change the reason. Raises SetupError for an unknown
        account."""
        now = self._database.clock.now()
        values = {"reason": reason, "updated_at": now}
        async with self._database.write() as conn:
            # The lock keeps two callers from both inserting the row.
            account = select(integrated_account.c.id).where(integrated_account.c.id == account_id)
            if (await conn.execute(account.with_for_update())).one_or_none() is None:
                raise SetupError(
                    f"no integrated account has the id {account_id}. GET /integrated-account lists them."
                )
            change = update(blocked_account).where(blocked_account.c.id == account_id).values(**values)
            if not (await conn.execute(change)).rowcount:
                await conn.execute(insert(blocked_account).values(id=account_id, created_at=now, **values))
            await increment_epoch(conn, get_epoch_group(account_id))

    async def unblock(self, account_id: str) -> None:
        """Remove an account from the list, and end the wait that its provider asked for. Raises SetupError if
        it is not on the list and never had to wait."""
        account = integrated_account.c
        # Also where the wait is over by the time of day: processes measure it by their monotonic clocks.
        is_waiting = (account.id == account_id) & account.closed_until.is_not(None)
        async with self._database.write() as conn:
            result = await conn.execute(delete(blocked_account).where(blocked_account.c.id == account_id))
            lifted = await conn.execute(
                update(integrated_account).where(is_waiting).values(closed_until=None, closed_at=None)
            )
            if not result.rowcount and not lifted.rowcount:
                raise SetupError(
                    f"{account_id} is not blocked, and no provider has asked it to wait. `isthmus accounts "
                    "blocked` shows what is blocked."
                )
            await increment_epoch(conn, get_epoch_group(account_id))
