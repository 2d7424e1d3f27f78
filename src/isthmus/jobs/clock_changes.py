"""Keeps waits short when the clock is set back.

Timers and schedules are due at a time of day, so a clock that is set back an hour would make a wait of a
second one of an hour. Their rows say when they were set. One that was set in what is now the future begins
anew: a timer waits as long as it was meant to from the start, and a schedule fires at its next time from now.
So no wait becomes longer than twice what it was meant to be.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time
from isthmus.db.tables import job_schedule, job_timer
from isthmus.jobs.schedules import find_next_or_none
from isthmus.kit.clock import Clock

__all__ = [
    "MAX_CLOCK_SKEW",
    "MAX_RESTARTED_AT_ONCE",
    "ClockWatch",
    "TimerKey",
    "restart_schedules",
    "restart_timers",
]

MAX_CLOCK_SKEW: Final = timedelta(seconds=60)
"""Clocks of different machines may differ by so much. A schedule that another process has fired a moment ago,
by its own clock, is not fired again."""

MAX_RESTARTED_AT_ONCE: Final = 200

TimerKey = tuple[str, str]
"""Job name and key of a timer, by which timers are ordered."""

_BEFORE_ALL: Final[TimerKey] = ("", "")
_MIN_CHANGE_SECONDS: Final = 0.5
_log = logging.getLogger("isthmus.jobs")


class ClockWatch:
    """Tells whether the time of day has fallen behind the time that has passed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lead = self._read_lead()
        self.unchecked_after: TimerKey | None = _BEFORE_ALL
        """After the clock was set back, the timer after which waits are still to be put right; None once all
        are. At first, nobody knows."""

    def look(self) -> None:
        """Compares the clocks with the last look."""
        lead = self._read_lead()
        if lead < self._lead - _MIN_CHANGE_SECONDS:
            _log.warning("the clock was set back %.1f seconds; waits begin anew", self._lead - lead)
            self.unchecked_after = _BEFORE_ALL
        self._lead = lead

    def _read_lead(self) -> float:
        """Returns the time of day less the time that has passed, in seconds: constant unless the clock is
        set."""
        return self._clock.now().timestamp() - self._clock.monotonic()


async def restart_timers(conn: AsyncConnection, after: TimerKey) -> TimerKey | None:
    """Lets timers that were set in the future wait anew: the next MAX_RESTARTED_AT_ONCE after `after`.
    Returns the last of them; None if no more follow."""
    now = current_time(conn)
    identity = tuple_(job_timer.c.what, job_timer.c.key)
    query = select(job_timer.c.what, job_timer.c.key, job_timer.c.run_at, job_timer.c.set_at)
    query = query.where(identity > tuple_(*after), job_timer.c.set_at > now)
    query = query.order_by(job_timer.c.what, job_timer.c.key).limit(MAX_RESTARTED_AT_ONCE)
    rows = (await conn.execute(query.with_for_update())).all()
    for row in rows:
        is_timer = (job_timer.c.what == row.what) & (job_timer.c.key == row.key)
        values = {"run_at": now + (row.run_at - row.set_at), "set_at": now}
        await conn.execute(update(job_timer).where(is_timer).values(**values))
    return (rows[-1].what, rows[-1].key) if len(rows) == MAX_RESTARTED_AT_ONCE else None


async def restart_schedules(conn: AsyncConnection) -> int:
    """Computes the next firing of schedules anew that was last computed in the future, of at most
    MAX_RESTARTED_AT_ONCE; returns how many."""
    now = current_time(conn)
    query = select(job_schedule).where(job_schedule.c.updated_at > now + MAX_CLOCK_SKEW)
    query = query.order_by(job_schedule.c.name).limit(MAX_RESTARTED_AT_ONCE)
    rows = (await conn.execute(query.with_for_update())).all()
    for row in rows:
        values: dict[str, Any] = {
            "next_at": find_next_or_none(row.name, row.cron, row.timezone, now),
            "last_at": None if row.last_at is None else min(row.last_at, now),
            "updated_at": now,
        }
        await conn.execute(update(job_schedule).where(job_schedule.c.id == row.id).values(**values))
    return len(rows)
