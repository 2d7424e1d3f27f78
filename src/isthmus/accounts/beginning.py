"""Has an account taken from saved to active (`lifecycle.py`), in the transaction that saved it."""

from __future__ import annotations

from typing import Final, Literal

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import now_of
from isthmus.db.epochs import group_of, raise_epoch
from isthmus.db.tables import account_lifecycle, integrated_account
from isthmus.db.upsert import insert_into
from isthmus.jobs import defer

__all__ = ["FAILED", "JOB", "STAGES", "Stage", "begin_lifecycle"]

Stage = Literal["post_install", "validation"]
STAGES: Final[tuple[Stage, ...]] = ("post_install", "validation")
JOB: Final = "account.lifecycle"
FAILED: Final = frozenset({"post_install_error", "validation_error", "needs_reauth"})


async def begin_lifecycle(
    conn: AsyncConnection,
    environment_id: str,
    account_id: str,
    *,
    stage: Stage = "post_install",
    is_reconnect: bool = False,
) -> None:
    """From this stage on, whatever was running. The account is `connecting` until the end."""
    mine = (
        integrated_account.c.id == account_id,
        integrated_account.c.environment_id == environment_id,
    )
    status = (await conn.execute(select(integrated_account.c.status).where(*mine))).scalar_one()
    if status != "connecting":
        await conn.execute(
            update(integrated_account).where(*mine).values(status="connecting", updated_at=now_of(conn))
        )
        await raise_epoch(conn, group_of(account_id))
    now = now_of(conn)
    fresh = {
        "stage": stage,
        "step": 0,
        "progress": None,
        "started_at": now,
        "is_reconnect": is_reconnect,
        "due_at": None,
        "updated_at": now,
    }
    first = {
        "id": account_id,
        "environment_id": environment_id,
        "created_at": now,
        "revision": 1,
        "was_failed": status in FAILED,
    }
    failed_before = account_lifecycle.c.stage.is_not(None) & account_lifecycle.c.was_failed
    again = {
        "revision": account_lifecycle.c.revision + 1,
        "was_failed": True if status in FAILED else failed_before,
    }
    await conn.execute(
        insert_into(conn, account_lifecycle)
        .values({**first, **fresh})
        .on_conflict_do_update(index_elements=[account_lifecycle.c.id], set_={**fresh, **again})
    )
    await defer(conn, JOB, account_id)
