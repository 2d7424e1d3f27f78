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
from isthmus.jobs import CronError, JobKey, cancel_all, defer, drop_schedules, has_no_job, put_schedule

__all__ = [
    "ACTION_JOB",
    "LIFECYCLE_JOB",
    "drop_action_schedules",
    "find_due_validations",
    "find_lost_lifecycles",
    "format_schedule_name",
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
    own_row = (
        integrated_account.c.id == account_id,
        integrated_account.c.environment_id == environment_id,
    )
    status = (await conn.execute(select(integrated_account.c.status).where(*own_row))).scalar_one()
    if status != "connecting":
        await conn.execute(
            update(integrated_account)
            .where(*own_row)
            .values(status="connecting", updated_at=current_time(conn))
        )
        await increment_epoch(conn, get_epoch_group(account_id))
    now = current_time(conn)
    reset = {
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
        .values({**first, **reset})
        .on_conflict_do_update(index_elements=[account_lifecycle.c.id], set_={**reset, **again})
    )
    await defer(conn, LIFECYCLE_JOB, account_id)


async def schedule_actions(conn: AsyncConnection, account_id: str, crons: Mapping[str, str]) -> None:
    """Schedule an account's actions. `crons`: the cron expression of each, by action name. An invalid one is
    logged and left out."""
    for name, cron in sorted(crons.items()):
        key = f"{account_id}:{name}"
        try:
            await put_schedule(conn, format_schedule_name(key), job_name=ACTION_JOB, cron=cron, key=key)
        except CronError as error:
            log.warning("the action %s of account %s is not scheduled: %s", name, account_id, error)


async def drop_action_schedules(
    conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]
) -> None:
    """Remove the schedules of all actions of some accounts. `chosen`: the condition that selects them."""
    account_ids = select(integrated_account.c.id).where(
        integrated_account.c.environment_id == environment_id, chosen
    )
    await drop_schedules(conn, ACTION_JOB, account_ids)


def format_schedule_name(key: str) -> str:
    """Return the name of the schedule of an action. `key`: `<account>:<action>`."""
    return f"action:{key}"


async def prepare_deletion(conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]) -> None:
    """Queue the revocation of the chosen accounts' tokens, and cancel their scheduled actions and jobs, in
    the transaction that deletes the accounts. `chosen`: the condition that selects them."""
    chosen_ids = select(integrated_account.c.id).where(
        integrated_account.c.environment_id == environment_id, chosen
    )
    # A token refresh locks the account before its job, and so does this: no deadlock.
    await conn.execute(chosen_ids.order_by(integrated_account.c.id).with_for_update())
    await queue_revocations(conn, environment_id, chosen)
    await drop_action_schedules(conn, environment_id, chosen)
    for job in _ACCOUNT_JOBS:
        await cancel_all(conn, job, chosen_ids)


async def find_lost_lifecycles(conn: AsyncConnection) -> list[JobKey]:
    """Return the lifecycle jobs to queue for accounts in the middle of a stage whose job is lost. A finder of
    `Handlers.add_finder`."""
    row = account_lifecycle.c
    return await _find_lifecycles_without_job(conn, row.stage.is_not(None), order_by=row.id)


async def find_due_validations(conn: AsyncConnection) -> list[JobKey]:
    """Return the lifecycle jobs to queue for accounts whose periodic validation is due and whose job is lost.
    A finder of `Handlers.add_finder`."""
    row = account_lifecycle.c
    return await _find_lifecycles_without_job(conn, row.due_at <= current_time(conn), order_by=row.due_at)


async def _find_lifecycles_without_job(
    conn: AsyncConnection, condition: ColumnElement[bool], *, order_by: ColumnElement[Any]
) -> list[JobKey]:
    """Return the job keys of lifecycles that meet `condition` and have no job, at most _MAX_FOUND."""
    id = account_lifecycle.c.id
    query = select(id).where(condition, has_no_job(LIFECYCLE_JOB, id)).order_by(order_by).limit(_MAX_FOUND)
    return [JobKey(LIFECYCLE_JOB, account_id) for account_id in (await conn.execute(query)).scalars()]
