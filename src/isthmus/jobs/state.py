"""How the queue stands, for whoever watches it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import now_of
from isthmus.db.tables import job, job_timer, job_worker

__all__ = ["QueueState", "queue_state"]


@dataclass(frozen=True, slots=True)
class QueueState:
    """`oldest_due_seconds`: for how long the oldest waiting job has been due; None when none waits.

    `failing`: things that wait for another try; `last_error`: of the latest of them.
    """

    waiting: int
    running: int
    later: int
    oldest_due_seconds: float | None
    failing: int
    last_error: str | None
    workers: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


async def queue_state(conn: AsyncConnection) -> QueueState:
    counts = select(job.c.status, func.count()).where(job.c.status.in_(("todo", "doing")))
    by_status = {row[0]: row[1] for row in await conn.execute(counts.group_by(job.c.status))}
    oldest = (
        await conn.execute(select(job.c.args).where(job.c.status == "todo").order_by(job.c.id).limit(1))
    ).scalar_one_or_none()
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
        oldest_due_seconds=None if oldest is None else _age(oldest, now_of(conn)),
        failing=(await conn.execute(failing)).scalar_one(),
        last_error=None if last is None else f"{last.what} {last.key}: {last.error}",
        workers=(await conn.execute(select(func.count()).select_from(job_worker))).scalar_one(),
    )


def _age(args: dict[str, Any], now: datetime) -> float | None:
    due = args.get("due")
    return None if due is None else max(0.0, round((now - datetime.fromisoformat(due)).total_seconds(), 3))
