"""The lease on renewing one account's credentials, which is also the journal of it.

A row says who asks the provider, until when nobody else may, and what came of it. Nothing is locked while the
provider is asked: whoever comes back with an older epoch than the row's finds that it lost the lease, and
writes nothing.
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

__all__ = ["BEAT_SECONDS", "LEASE", "Lease", "end_lease", "extend_lease", "take_lease", "void_leases"]

LEASE: Final = timedelta(seconds=15)
"""Extended while its owner lives: only a process that is gone, or was paused, loses one."""
BEAT_SECONDS: Final = 4.0

Outcome = Literal["committed", "refused", "failed", "started"]
"""`failed`: no token, and no answer that may hold one was lost. `started`: one may have been."""


@dataclass(frozen=True, slots=True)
class Lease:
    """`is_after_loss`: somebody started to hand over the same credential, and did not live to write down
    what came of it: the provider may have answered, and no longer take it."""

    account_id: str
    owner: str
    epoch: int
    is_after_loss: bool


async def take_lease(conn: AsyncConnection, account_id: str, owner: str, handed_over: str) -> Lease | None:
    """None while somebody else holds it. The caller holds the account's row, so there is no race for it."""
    digest = hashlib.sha256(handed_over.encode()).hexdigest()
    now = current_time(conn)
    statement = select(credential_refresh).where(credential_refresh.c.id == account_id).with_for_update()
    row = (await conn.execute(statement)).mappings().one_or_none()
    values = {
        "owner": owner,
        "lease_until": now + LEASE,
        "state": "started",
        "credential": digest,
        "started_at": now,
        "updated_at": now,
    }
    if row is None:
        await conn.execute(
            insert(credential_refresh).values(id=account_id, created_at=now, epoch=1, **values)
        )
        return Lease(account_id, owner, 1, is_after_loss=False)
    if row["lease_until"] is not None and row["lease_until"] > now:
        return None
    epoch = row["epoch"] + 1
    await conn.execute(
        update(credential_refresh).where(credential_refresh.c.id == account_id).values(epoch=epoch, **values)
    )
    lost = row["state"] == "started" and row["credential"] == digest
    return Lease(account_id, owner, epoch, is_after_loss=lost)


async def extend_lease(conn: AsyncConnection, lease: Lease) -> bool:
    """False where it was lost meanwhile, or has ended."""
    mine = credential_refresh.c.owner == lease.owner
    return await _write(conn, lease, mine, lease_until=current_time(conn) + LEASE)


async def end_lease(conn: AsyncConnection, lease: Lease, outcome: Outcome) -> bool:
    """In the transaction that writes what came of it; False where it was lost meanwhile: write nothing.

    May be done again by one who does not know whether its commit arrived.
    """
    return await _write(conn, lease, lease_until=None, owner=None, state=outcome)


async def void_leases(conn: AsyncConnection) -> None:
    """Of processes that are gone: for one that knows that it is alone with the database."""
    held = credential_refresh.c.lease_until.is_not(None)
    await conn.execute(update(credential_refresh).where(held).values(lease_until=None, owner=None))


async def _write(conn: AsyncConnection, lease: Lease, *only: ColumnElement[bool], **values: object) -> bool:
    done = await conn.execute(
        update(credential_refresh)
        .where(credential_refresh.c.id == lease.account_id, credential_refresh.c.epoch == lease.epoch, *only)
        .values(**values, updated_at=current_time(conn))
    )
    return bool(done.rowcount)
