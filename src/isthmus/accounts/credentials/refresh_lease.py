"""Takes, extends and ends the lease that lets one process at a time refresh the credentials of an account.

Its row in `credential_refresh` says who holds the lease and until when, and how the last attempt ended. No
row is locked while the provider is asked. Every lease has a higher epoch than the one before; a holder whose
epoch is outdated has lost the lease and writes nothing. A lease is lost when a later one was taken; one that
has only expired can still be extended and ended.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time
from isthmus.db.tables import credential_refresh

__all__ = [
    "LEASE_DURATION",
    "LEASE_EXTENSION_INTERVAL_SECONDS",
    "RefreshLease",
    "end_all_leases",
    "end_lease",
    "extend_lease",
    "take_lease",
]

LEASE_DURATION: Final = timedelta(seconds=15)
"""The holder extends its lease regularly, so only a process that died or was suspended loses one."""
LEASE_EXTENSION_INTERVAL_SECONDS: Final = 4.0
"""The holder extends its lease this often."""

Outcome = Literal["committed", "refused", "failed", "started"]
"""How an attempt ended. `failed`: it is known that no token was issued. `started`: it is not known; the
provider may have issued a token that was lost."""


@dataclass(frozen=True, slots=True)
class RefreshLease:
    """A lease that `owner` holds. `epoch`: a number that grows with each lease of the account, so that a
    former holder cannot write. `follows_unfinished_attempt`: an earlier attempt with the same credential did
    not record how it ended, so the provider may have replaced the credential already."""

    account_id: str
    owner: str
    epoch: int
    follows_unfinished_attempt: bool


async def take_lease(
    conn: AsyncConnection, account_id: str, owner: str, submitted_credential: str
) -> RefreshLease | None:
    """Take the lease of an account; return None while an unexpired lease exists. The caller must have locked
    the account's row, so that there is no race. `owner`: the id of the attempt. `submitted_credential`: the
    secret that will be sent; its digest is stored."""
    digest = hashlib.sha256(submitted_credential.encode()).hexdigest()
    now = current_time(conn)
    statement = select(credential_refresh).where(credential_refresh.c.id == account_id).with_for_update()
    row = (await conn.execute(statement)).mappings().one_or_none()
    values = {
        "owner": owner,
        "lease_until": now + LEASE_DURATION,
        "state": "started",
        "credential": digest,
        "started_at": now,
        "updated_at": now,
    }
    if row is None:
        await conn.execute(
            insert(credential_refresh).values(id=account_id, created_at=now, epoch=1, **values)
        )
        return RefreshLease(account_id, owner, 1, follows_unfinished_attempt=False)
    if row["lease_until"] is not None and row["lease_until"] > now:
        return None
    epoch = row["epoch"] + 1
    await conn.execute(
        update(credential_refresh).where(credential_refresh.c.id == account_id).values(epoch=epoch, **values)
    )
    lost = row["state"] == "started" and row["credential"] == digest
    return RefreshLease(account_id, owner, epoch, follows_unfinished_attempt=lost)


async def extend_lease(conn: AsyncConnection, lease: RefreshLease) -> bool:
    """Extend the lease by LEASE_DURATION from now. Return False if it was lost or has ended."""
    is_owner = credential_refresh.c.owner == lease.owner
    return await _update_lease(conn, lease, is_owner, lease_until=current_time(conn) + LEASE_DURATION)


async def end_lease(conn: AsyncConnection, lease: RefreshLease, outcome: Outcome) -> bool:
    """End the lease with its outcome, in the transaction that writes the result. Return False if it was lost:
    then write nothing.

    Repeating it is harmless, for a caller that does not know whether its commit succeeded.
    """
    return await _update_lease(conn, lease, lease_until=None, owner=None, state=outcome)


async def end_all_leases(conn: AsyncConnection) -> None:
    """End the leases of all processes; how their attempts ended stays stored. Call it only if no other
    process uses the database."""
    held = credential_refresh.c.lease_until.is_not(None)
    await conn.execute(update(credential_refresh).where(held).values(lease_until=None, owner=None))


async def _update_lease(
    conn: AsyncConnection, lease: RefreshLease, *only: ColumnElement[bool], **values: object
) -> bool:
    """Update the lease's row. Return False if its epoch is another one or `only` does not hold."""
    result = await conn.execute(
        update(credential_refresh)
        .where(credential_refresh.c.id == lease.account_id, credential_refresh.c.epoch == lease.epoch, *only)
        .values(**values, updated_at=current_time(conn))
    )
    return bool(result.rowcount)
