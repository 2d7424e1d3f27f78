"""Starts, schedules and cancels the background jobs of an account, in the transaction of the caller."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.credentials.revocations import queue_revocations
from isthmus.accounts.credentials.token_refresh import REFRESH_JOB
from isthmus.accounts.rows.account_checks import FAILED_STATUSES
from isthmus.accounts.rows.connected_definition import Stage
from isthmus.db.database import current_time
from isthmus.db.epochs import get_epoch_group, raise_epoch
from isthmus.db.tables import account_lifecycle, integrated_account
from isthmus.db.upsert import insert_into
from isthmus.jobs import CronError, Finder, cancel_all, defer, drop_schedules, has_no_job, put_schedule

__all__ = [
    "ACTION_JOB",
    "LIFECYCLE_JOB",
    "before_deletion",
    "begin_lifecycle",
    "drop_actions",
    "due_lifecycles",
    "running_lifecycles",
    "schedule_actions",
    "schedule_name",
]

LIFECYCLE_JOB: Final = "account.lifecycle"


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
            update(integrated_account).where(*mine).values(status="connecting", updated_at=current_time(conn))
        )
        await raise_epoch(conn, get_epoch_group(account_id))
    now = current_time(conn)
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
        "was_failed": status in FAILED_STATUSES,
    }
    failed_before = account_lifecycle.c.stage.is_not(None) & account_lifecycle.c.was_failed
    again = {
        "revision": account_lifecycle.c.revision + 1,
        "was_failed": True if status in FAILED_STATUSES else failed_before,
    }
    await conn.execute(
        insert_into(conn, account_lifecycle)
        .values({**first, **fresh})
        .on_conflict_do_update(index_elements=[account_lifecycle.c.id], set_={**fresh, **again})
    )
    await defer(conn, LIFECYCLE_JOB, account_id)


log = logging.getLogger("isthmus.accounts")

ACTION_JOB: Final = "account.action"


async def schedule_actions(conn: AsyncConnection, account_id: str, crons: Mapping[str, str]) -> None:
    """With the account's activation. One whose expression is wrong is left out: the account works without."""
    for name, cron in sorted(crons.items()):
        key = f"{account_id}:{name}"
        try:
            await put_schedule(conn, schedule_name(key), what=ACTION_JOB, cron=cron, key=key)
        except CronError as wrong:
            log.warning("the action %s of account %s does not come back: %s", name, account_id, wrong)


async def drop_actions(conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]) -> None:
    """Of the chosen accounts, before they are deleted."""
    mine = select(integrated_account.c.id).where(
        integrated_account.c.environment_id == environment_id, chosen
    )
    await drop_schedules(conn, ACTION_JOB, mine)


def schedule_name(key: str) -> str:
    """`key`: `<account>:<action>`."""
    return f"action:{key}"


_JOBS: Final = (LIFECYCLE_JOB, REFRESH_JOB)


async def before_deletion(conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]) -> None:
    """Their tokens are to be revoked; their actions, renewals and validations come back no more."""
    chosen_ids = select(integrated_account.c.id).where(
        integrated_account.c.environment_id == environment_id, chosen
    )
    # A renewal holds the account before its timer, and so does this: neither waits for the other's half.
    await conn.execute(chosen_ids.order_by(integrated_account.c.id).with_for_update())
    await queue_revocations(conn, environment_id, chosen)
    await drop_actions(conn, environment_id, chosen)
    for job in _JOBS:
        await cancel_all(conn, job, chosen_ids)


_MOST: Final = 100


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
        return await _found(conn, what, row.id, row.due_at <= current_time(conn), by=row.due_at)

    return found


async def _found(
    conn: AsyncConnection,
    what: str,
    key: ColumnElement[Any],
    is_due: ColumnElement[bool],
    *,
    by: ColumnElement[Any],
) -> list[tuple[str, str]]:
    due = select(key).where(is_due, has_no_job(what, key)).order_by(by).limit(_MOST)
    return [(what, each) for each in (await conn.execute(due)).scalars()]
