"""Schedules: rows that defer a job again and again, by a cron expression; they can be changed at any time.

A firing defers the schedule's job and sets the next time in one transaction, so it happens exactly once even
if a process dies. All firings of a schedule are jobs of the same key: one runs and one waits at most, and one
that failed is retried at the next firing at the latest.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time, notify_after_commit
from isthmus.db.tables import job_schedule
from isthmus.db.upsert import insert_into
from isthmus.jobs.peer_processes import PeerProcesses
from isthmus.jobs.queue import JOBS_READY, defer
from isthmus.kit.cron import CronError, find_next_firing, iterate_firings
from isthmus.kit.ids import derive_id

__all__ = [
    "CATCH_UP_LIMIT",
    "MAX_FIRED_AT_ONCE",
    "Schedule",
    "drop_schedule",
    "drop_schedules",
    "find_next_or_none",
    "fire_due_schedules",
    "get_schedule",
    "list_due_schedules",
    "make_built_in_name",
    "put_schedule",
    "sync_built_in_schedules",
]

CATCH_UP_LIMIT: Final = timedelta(hours=1)
"""The latest missed firing is made up for if it is younger than this; earlier ones are not."""

MAX_FIRED_AT_ONCE: Final = 20
"""How many schedules fire in one transaction: finding missed firings takes a millisecond each."""

_log = logging.getLogger("isthmus.jobs")
_ID_LENGTH: Final = 36


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule: when it fires, it defers the job `job_name` with `key`. `next_at`: the next firing, None if
    there is none. `last_at`: when the last firing was due, if there was one. `updated_at`: when the next
    firing was decided."""

    name: str
    job_name: str
    key: str
    cron: str
    timezone: str
    priority: int
    next_at: datetime | None
    last_at: datetime | None
    updated_at: datetime


async def put_schedule(
    conn: AsyncConnection,
    name: str,
    *,
    job_name: str,
    cron: str,
    key: str = "",
    timezone: str = "UTC",
    priority: int = 0,
    is_built_in: bool = False,
) -> Schedule:
    """Creates or changes the schedule `name` and returns it. The next firing is computed from now on with a
    new expression, and stays the same with the same expression. Raises CronError."""
    now = current_time(conn)
    stored = await get_schedule(conn, name, lock=True)
    last_at = None if stored is None else stored.last_at
    if stored is not None and (stored.cron, stored.timezone) == (cron, timezone):
        next_at, updated_at = stored.next_at, stored.updated_at
    else:  # never one that has fired already, as a clock that is behind would have it
        next_at = find_next_firing(cron, timezone, max(now, last_at or now))
        updated_at = now
    values: dict[str, Any] = {
        "what": job_name,
        "key": key,
        "cron": cron,
        "timezone": timezone,
        "priority": priority,
        "next_at": next_at,
        "is_built_in": is_built_in,
        "updated_at": updated_at,
    }
    row = {"id": derive_id("job_schedule", name), "created_at": now, "name": name, "last_at": None}
    statement: Any = insert_into(conn, job_schedule).values(**row, **values)
    await conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
    notify_after_commit(conn, JOBS_READY)
    return Schedule(name, job_name, key, cron, timezone, priority, next_at, last_at, updated_at)


async def drop_schedule(conn: AsyncConnection, name: str) -> bool:
    """Deletes the schedule. Returns True if it existed. Jobs that it has deferred stay."""
    result = await conn.execute(delete(job_schedule).where(job_schedule.c.name == name))
    return result.rowcount > 0


async def drop_schedules(conn: AsyncConnection, job_name: str, owners: Select[Any]) -> None:
    """Deletes the schedules of the job `job_name` whose key is `<owner>:<anything>`. `owners`: a query of
    owner ids."""
    owner = func.substr(job_schedule.c.key, 1, _ID_LENGTH)
    await conn.execute(delete(job_schedule).where(job_schedule.c.what == job_name, owner.in_(owners)))


async def get_schedule(conn: AsyncConnection, name: str, *, lock: bool = False) -> Schedule | None:
    """Returns the schedule, or None. `lock`: locks its row until the transaction ends."""
    query = select(job_schedule).where(job_schedule.c.name == name)
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        return None
    return Schedule(
        row.name,
        row.what,
        row.key,
        row.cron,
        row.timezone,
        row.priority,
        row.next_at,
        row.last_at,
        row.updated_at,
    )


def make_built_in_name(job_name: str) -> str:
    """Returns the name of the schedule that the program itself declares for the job `job_name`."""
    return f"every:{job_name}"


async def sync_built_in_schedules(
    conn: AsyncConnection, declared: dict[str, tuple[str, str]], peers: PeerProcesses
) -> None:
    """Stores the schedules that the program declares, and deletes built-in ones that no running process
    declares.

    `declared`: job name -> (cron expression, time zone). Of processes that declare the same schedule
    differently the newest decides.
    """
    newer, others = await peers.read_names_of_newer(conn), await peers.read_names_of_others(conn)
    for job_name, (cron, timezone) in sorted(declared.items()):
        name = make_built_in_name(job_name)
        if name in newer:
            continue
        stored = await get_schedule(conn, name)
        if stored is None or (stored.cron, stored.timezone) != (cron, timezone):
            await put_schedule(conn, name, job_name=job_name, cron=cron, timezone=timezone, is_built_in=True)
    declared_names = peers.names | others
    await conn.execute(
        delete(job_schedule).where(job_schedule.c.is_built_in, job_schedule.c.name.not_in(declared_names))
    )


async def fire_due_schedules(conn: AsyncConnection, *, only: str | None = None) -> int:
    """Fires the schedules that are due, at most `MAX_FIRED_AT_ONCE` or the one named `only`; returns how many
    were due. Several processes may do it at the same time."""
    now = current_time(conn)
    due = _select_due(select(job_schedule), now).with_for_update(skip_locked=True)
    if only is not None:
        due = due.where(job_schedule.c.name == only)
    rows = (await conn.execute(due)).all()
    for row in sorted(rows, key=lambda row: (row.what, row.key)):
        try:
            newest, next_at = _find_firings(row.cron, row.timezone, row.next_at, now)
        except CronError:
            _log_broken(row.name)
            newest, next_at = None, None
        changes: dict[str, Any] = {"next_at": next_at, "updated_at": now}
        if newest is not None:
            await defer(conn, row.what, row.key, priority=row.priority)
            changes["last_at"] = newest
        else:
            _log.warning("the schedule %s missed %s, too long ago to make up for", row.name, row.next_at)
        await conn.execute(update(job_schedule).where(job_schedule.c.id == row.id).values(**changes))
    return len(rows)


async def list_due_schedules(conn: AsyncConnection) -> list[str]:
    """Returns the names of the schedules that `fire_due_schedules` would fire."""
    return list((await conn.execute(_select_due(select(job_schedule.c.name), current_time(conn)))).scalars())


def find_next_or_none(name: str, cron: str, timezone: str, now: datetime) -> datetime | None:
    """Returns the first firing after `now` of the schedule `name`. None if there is none, also for an
    expression or a zone that this machine does not know, which is logged."""
    try:
        return find_next_firing(cron, timezone, now)
    except CronError:
        _log_broken(name)
        return None


def _log_broken(name: str) -> None:
    """Logs that the expression or the time zone of a schedule is invalid, with the exception."""
    _log.exception("the schedule %s does not fire any more", name)


def _select_due(query: Select[Any], now: datetime) -> Select[Any]:
    """Returns `query` of schedules, restricted to those that are due, the earliest first."""
    return (
        query.where(job_schedule.c.next_at <= now).order_by(job_schedule.c.next_at).limit(MAX_FIRED_AT_ONCE)
    )


def _find_firings(
    cron: str, timezone: str, due: datetime, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Returns (missed firing, next firing): the latest one from `due` to `now` that is at most CATCH_UP_LIMIT
    old, and the first one after `now`; each None if there is none."""
    oldest = now - CATCH_UP_LIMIT
    newest = due if due > oldest else None
    for instant in iterate_firings(cron, timezone, max(due, oldest)):
        if instant > now:
            return newest, instant
        newest = instant
    return newest, None
