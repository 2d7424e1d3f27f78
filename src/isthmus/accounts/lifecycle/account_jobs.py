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
from isthmus.db.epochs import get_epoch_group, increment_epoch
from isthmus.db.tables import account_lifecycle, integrated_account
from isthmus.db.upsert import insert_into
from isthmus.jobs import CronError, Finder, cancel_all, defer, drop_schedules, has_no_job, put_schedule

__all__ = [
    "ACTION_JOB",
    "LIFECYCLE_JOB",
    "drop_action_schedules",
    "format_schedule_name",
    "make_due_finder",
    "make_running_finder",
    "prepare_deletion",
    "schedule_actions",
    "start_lifecycle",
]

LIFECYCLE_JOB: Final = "account.lifecycle"
ACTION_JOB: Final = "account.action"
_ACCOUNT_JOBS: Final = (LIFECYCLE_JOB, REFRESH_JOB)
_MAX_FOUND: Final = 100
log = logging.getLogger("isthmus.accounts")


async def start_lifecycle(
    conn: AsyncConnection,
    environment_id: str,
    account_id: str,
    *,
    stage: Stage = "post_install",
    is_reconnect: bool = False,
) -> None:
    """Start the lifecycle of an account at `stage`, also if one is running. Its status is `connecting` until
    the end. `is_reconnect`: the account had been connected before."""
    mine = (
        integrated_account.c.id == account_id,
        integrated_account.c.environment_id == environment_id,
    )
    status = (await conn.execute(select(integrated_account.c.status).where(*mine))).scalar_one()
    if status != "connecting":
        await conn.execute(
            update(integrated_account).where(*mine).values(status="connecting", updated_at=current_time(conn))
        )
        await increment_epoch(conn, get_epoch_group(account_id))
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


async def schedule_actions(conn: AsyncConnection, account_id: str, crons: Mapping[str, str]) -> None:
    """Schedule an account's actions. `crons`: the cron expression of each. An invalid one is logged and left
    out."""
    for name, cron in sorted(crons.items()):
        key = f"{account_id}:{name}"
        try:
            await put_schedule(conn, format_schedule_name(key), what=ACTION_JOB, cron=cron, key=key)
        except CronError as wrong:
            log.warning("the action %s of account %s is not scheduled: %s", name, account_id, wrong)


async def drop_action_schedules(
    conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]
) -> None:
    """Remove the schedules of all actions of the chosen accounts."""
    mine = select(integrated_account.c.id).where(
        integrated_account.c.environment_id == environment_id, chosen
    )
    await drop_schedules(conn, ACTION_JOB, mine)


def format_schedule_name(key: str) -> str:
    """Return the name of the schedule of an action. `key`: `<account>:<action>`."""
    return f"action:{key}"


async def prepare_deletion(conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]) -> None:
    """Queue the revocation of the chosen accounts' tokens, and cancel their scheduled actions and jobs, in
    the transaction that deletes the accounts."""
    chosen_ids = select(integrated_account.c.id).where(
        integrated_account.c.environment_id == environment_id, chosen
    )
    # A token refresh locks the account before its job, and so does this: no deadlock.
    await conn.execute(chosen_ids.order_by(integrated_account.c.id).with_for_update())
    await queue_revocations(conn, environment_id, chosen)
    await drop_action_schedules(conn, environment_id, chosen)
    for job in _ACCOUNT_JOBS:
        await cancel_all(conn, job, chosen_ids)


def make_running_finder(what: str) -> Finder:
    """Return a finder of accounts in the middle of a stage whose job is lost. `what`: the name of the job."""
    row = account_lifecycle.c

    async def find(conn: AsyncConnection) -> list[tuple[str, str]]:
        return await _find_without_job(conn, what, row.id, row.stage.is_not(None), by=row.id)

    return find


def make_due_finder(what: str) -> Finder:
    """Return a finder of accounts whose periodic validation is due and whose job is lost. `what`: the name of
    the job."""
    row = account_lifecycle.c

    async def find(conn: AsyncConnection) -> list[tuple[str, str]]:
        return await _find_without_job(conn, what, row.id, row.due_at <= current_time(conn), by=row.due_at)

    return find


async def _find_without_job(
    conn: AsyncConnection,
    what: str,
    key: ColumnElement[Any],
    is_due: ColumnElement[bool],
    *,
    by: ColumnElement[Any],
) -> list[tuple[str, str]]:
    due = select(key).where(is_due, has_no_job(what, key)).order_by(by).limit(_MAX_FOUND)
    return [(what, each) for each in (await conn.execute(due)).scalars()]
