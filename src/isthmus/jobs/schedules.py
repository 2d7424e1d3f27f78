"""Schedules: jobs that come back, as rows that are made, changed and removed while everything runs.

A firing defers the schedule's job and moves the schedule on in one transaction, so it happens once whatever
dies. Its job is that of the schedule's own key: one runs and one waits at most, however often it fires, and
one that failed is tried again at the next firing, if not before.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import announce, current_time
from isthmus.db.tables import job_schedule
from isthmus.db.upsert import insert_into
from isthmus.jobs.peer_processes import Peers
from isthmus.jobs.queue import READY, defer
from isthmus.kit.cron import CronError, find_next_firing, iterate_firings
from isthmus.kit.ids import derive_id

__all__ = [
    "CATCH_UP",
    "FIRED_AT_ONCE",
    "Schedule",
    "built_in_name",
    "drop_schedule",
    "drop_schedules",
    "due_schedules",
    "fire_due",
    "get_schedule",
    "put_schedule",
    "sync_built_in",
]

CATCH_UP: Final = timedelta(hours=1)
"""Of the firings that were missed the newest is made up for, if it is younger than this."""

FIRED_AT_ONCE: Final = 20
"""In one transaction: to find what was missed takes a millisecond each."""

_log = logging.getLogger("isthmus.jobs")
_ID_LENGTH: Final = 36


@dataclass(frozen=True, slots=True)
class Schedule:
    """`next_at`: None when it never fires again. `last_at`: the instant of the last firing, if any."""

    name: str
    what: str
    key: str
    cron: str
    timezone: str
    priority: int
    next_at: datetime | None
    last_at: datetime | None


async def put_schedule(
    conn: AsyncConnection,
    name: str,
    *,
    what: str,
    cron: str,
    key: str = "",
    timezone: str = "UTC",
    priority: int = 0,
    is_built_in: bool = False,
) -> Schedule:
    """Makes the schedule `name`, or changes it. What is due next follows from now on from the new expression;
    one that stays the same keeps its place. Raises CronError."""
    now = current_time(conn)
    stored = await get_schedule(conn, name, lock=True)
    last_at = None if stored is None else stored.last_at
    if stored is not None and (stored.cron, stored.timezone) == (cron, timezone):
        next_at = stored.next_at
    else:  # never an instant that has fired, which a clock that is behind would have before it
        next_at = find_next_firing(cron, timezone, max(now, last_at or now))
    values: dict[str, Any] = {
        "what": what,
        "key": key,
        "cron": cron,
        "timezone": timezone,
        "priority": priority,
        "next_at": next_at,
        "is_built_in": is_built_in,
        "updated_at": now,
    }
    row = {"id": derive_id("job_schedule", name), "created_at": now, "name": name, "last_at": None}
    statement: Any = insert_into(conn, job_schedule).values(**row, **values)
    await conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
    announce(conn, READY)
    return Schedule(name, what, key, cron, timezone, priority, next_at, last_at)


async def drop_schedule(conn: AsyncConnection, name: str) -> bool:
    """Whether it was there. Jobs that it fired already go on."""
    done = await conn.execute(delete(job_schedule).where(job_schedule.c.name == name))
    return done.rowcount > 0


async def drop_schedules(conn: AsyncConnection, what: str, owners: Select[Any]) -> None:
    """Those of `what` whose key is `<owner>:<anything>`. `owners`: a query of ids."""
    owner = func.substr(job_schedule.c.key, 1, _ID_LENGTH)
    await conn.execute(delete(job_schedule).where(job_schedule.c.what == what, owner.in_(owners)))


async def get_schedule(conn: AsyncConnection, name: str, *, lock: bool = False) -> Schedule | None:
    query = select(job_schedule).where(job_schedule.c.name == name)
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        return None
    return Schedule(
        row.name, row.what, row.key, row.cron, row.timezone, row.priority, row.next_at, row.last_at
    )


def built_in_name(what: str) -> str:
    return f"every:{what}"


async def sync_built_in(conn: AsyncConnection, declared: dict[str, tuple[str, str]], peers: Peers) -> None:
    """`declared`: what to (cron, time zone), as code says it. Of processes that declare the same schedule the
    newest is right; built-in ones that none declares any more go."""
    newer, others = await peers.known_to_newer(conn), await peers.known_to_others(conn)
    for what, (cron, timezone) in sorted(declared.items()):
        name = built_in_name(what)
        if name in newer:
            continue
        stored = await get_schedule(conn, name)
        if stored is None or (stored.cron, stored.timezone) != (cron, timezone):
            await put_schedule(conn, name, what=what, cron=cron, timezone=timezone, is_built_in=True)
    known = peers.knows | others
    await conn.execute(
        delete(job_schedule).where(job_schedule.c.is_built_in, job_schedule.c.name.not_in(known))
    )


async def fire_due(conn: AsyncConnection, *, only: str | None = None) -> int:
    """Fires what is due, `FIRED_AT_ONCE` at most, or the one named `only`; how many schedules were. Several
    processes may do it at once."""
    now = current_time(conn)
    due = _due(select(job_schedule), now).with_for_update(skip_locked=True)
    if only is not None:
        due = due.where(job_schedule.c.name == only)
    rows = (await conn.execute(due)).all()
    for row in sorted(rows, key=lambda each: (each.what, each.key)):
        try:
            newest, following = _between(row.cron, row.timezone, row.next_at, now)
        except CronError:
            _log.exception("the schedule %s does not fire any more", row.name)
            newest, following = None, None
        changes: dict[str, Any] = {"next_at": following}
        if newest is not None:
            await defer(conn, row.what, row.key, priority=row.priority)
            changes["last_at"] = newest
        else:
            _log.warning("the schedule %s missed %s, too long ago to make up for", row.name, row.next_at)
        await conn.execute(update(job_schedule).where(job_schedule.c.id == row.id).values(**changes))
    return len(rows)


async def due_schedules(conn: AsyncConnection) -> list[str]:
    """Names of those that `fire_due` would fire."""
    return list((await conn.execute(_due(select(job_schedule.c.name), current_time(conn)))).scalars())


def _due(of: Select[Any], now: datetime) -> Select[Any]:
    return of.where(job_schedule.c.next_at <= now).order_by(job_schedule.c.next_at).limit(FIRED_AT_ONCE)


def _between(
    cron: str, timezone: str, due: datetime, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """The newest instant from `due` to `now` that is still to be fired, and the first one after `now`."""
    oldest = now - CATCH_UP
    newest = due if due > oldest else None
    for instant in iterate_firings(cron, timezone, max(due, oldest)):
        if instant > now:
            return newest, instant
        newest = instant
    return newest, None
