"""Reads the state of the queue as numbers, for monitoring, and when the next timer or schedule is due."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time
from isthmus.db.tables import job, job_schedule, job_timer, job_worker

__all__ = ["QueueState", "read_next_due", "read_queue_state"]


@dataclass(frozen=True, slots=True)
class QueueState:
    """The state of the queue. `waiting`, `running`: how many jobs. `later`: how many timers. `workers`: how
    many registered workers.

    `oldest_due_seconds`: the age of the job, timer or schedule that has been due for longest; None if nothing
    is due. `failing`: how many jobs wait to be retried; `last_error`: the error of the one that failed last.
    """

    waiting: int
    running: int
    later: int
    oldest_due_seconds: float | None
    failing: int
    last_error: str | None
    workers: int

    def as_dict(self) -> dict[str, Any]:
        """Returns the numbers by name, as the queue endpoint answers them."""
        return asdict(self)


async def read_queue_state(conn: AsyncConnection) -> QueueState:
    """Counts what is in the queue now."""
    counts = select(job.c.status, func.count()).where(job.c.status.in_(("todo", "doing")))
    by_status = {row[0]: row[1] for row in await conn.execute(counts.group_by(job.c.status))}
    failing = select(func.count()).where(job_timer.c.failures > 0)
    latest = (
        select(job_timer.c.what, job_timer.c.key, job_timer.c.error)
        .where(job_timer.c.failures > 0)
        .order_by(job_timer.c.failed_at.desc())
        .limit(1)
    )
    last = (await conn.execute(latest)).one_or_none()
    return QueueState(
        waiting=by_status.get("todo", 0),
        running=by_status.get("doing", 0),
        later=(await conn.execute(select(func.count()).select_from(job_timer))).scalar_one(),
        oldest_due_seconds=await _read_oldest_due_seconds(conn),
        failing=(await conn.execute(failing)).scalar_one(),
        last_error=None if last is None else f"{last.what} {last.key}: {last.error}",
        workers=(await conn.execute(select(func.count()).select_from(job_worker))).scalar_one(),
    )


async def read_next_due(conn: AsyncConnection) -> datetime | None:
    """Returns when the next timer or schedule is due, which may be in the past; None if there is neither."""
    timer = (await conn.execute(select(func.min(job_timer.c.run_at)))).scalar_one()
    schedule = (await conn.execute(select(func.min(job_schedule.c.next_at)))).scalar_one()
    return min((moment for moment in (timer, schedule) if moment is not None), default=None)


async def _read_oldest_due_seconds(conn: AsyncConnection) -> float | None:
    """Returns the age of what has been due for longest, in seconds; None if nothing is due."""
    waiting = select(func.min(job.c.args["due"].as_string())).where(job.c.status == "todo")
    oldest = (await conn.execute(waiting)).scalar_one()  # text of one width, so that it sorts as time does
    now, later = current_time(conn), await read_next_due(conn)
    due = [] if oldest is None else [datetime.fromisoformat(oldest)]
    if later is not None and later <= now:
        due.append(later)
    return max(0.0, round((now - min(due)).total_seconds(), 3)) if due else None
