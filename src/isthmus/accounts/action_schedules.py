"""The schedules of an account's actions (`actions.<name>.schedule`, `definitions.md` §1.12)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import integrated_account
from isthmus.definitions.actions import RESERVED_ACTIONS
from isthmus.definitions.integration import IntegrationConfig
from isthmus.jobs import CronError, drop_schedules, put_schedule

__all__ = ["JOB", "drop_actions", "schedule_actions", "schedule_name", "schedules_of"]

log = logging.getLogger("isthmus.accounts")

JOB: Final = "account.action"


def schedules_of(definition: IntegrationConfig) -> dict[str, str]:
    """Name to cron expression of the actions that come back."""
    return {
        name: action.schedule.cron
        for name, action in definition.actions.items()
        if action.schedule is not None and name not in RESERVED_ACTIONS
    }


async def schedule_actions(conn: AsyncConnection, account_id: str, crons: Mapping[str, str]) -> None:
    """With the account's activation. One whose expression is wrong is left out: the account works without."""
    for name, cron in sorted(crons.items()):
        key = f"{account_id}:{name}"
        try:
            await put_schedule(conn, schedule_name(key), what=JOB, cron=cron, key=key)
        except CronError as wrong:
            log.warning("the action %s of account %s does not come back: %s", name, account_id, wrong)


async def drop_actions(conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]) -> None:
    """Of the chosen accounts, before they are deleted."""
    mine = select(integrated_account.c.id).where(
        integrated_account.c.environment_id == environment_id, chosen
    )
    await drop_schedules(conn, JOB, mine)


def schedule_name(key: str) -> str:
    """`key`: `<account>:<action>`."""
    return f"action:{key}"
