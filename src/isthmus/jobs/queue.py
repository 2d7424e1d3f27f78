"""The way into the queue. Every function joins the transaction of the connection it is given.

A job says only "continue thing `key` of kind `what`": whoever runs it reads from the thing's own rows what is
to be done. So the same job is never waiting twice, and one that wakes too early does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import announce, current_time
from isthmus.db.tables import job, job_timer
from isthmus.db.upsert import insert_for, insert_into

__all__ = [
    "ABORT",
    "CHANNEL",
    "QUEUE",
    "READY",
    "TELL",
    "Standing",
    "announce_ready",
    "cancel",
    "cancel_all",
    "defer",
    "defer_missing",
    "due_timers",
    "lock_of",
    "promote",
    "set_timer",
    "standing",
    "tell_all",
    "try_again",
    "without_job",
]

READY: Final = "jobs"
"""Announced by each commit after which a job may start, or a timer is sooner than before."""

ABORT: Final = "jobs.abort"
"""Announced by each commit that asks a running job to end."""

QUEUE: Final = "isthmus"
CHANNEL: Final = "procrastinate_any_queue_v1"
"""Where the engine's triggers tell workers of new jobs (PostgreSQL)."""

TELL: Final = "isthmus_told"
"""On PostgreSQL, the channel on which other processes hear what `tell_all` announced."""

_WAITS = text("status = 'todo'")
# As the partial indexes have them; those are of no use to a parameter:
_TODO: ColumnElement[str] = literal_column("'todo'")
_DOING: ColumnElement[str] = literal_column("'doing'")
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a thing stands in the queue. `run_at`: of its timer, None without one.

    `failures`: how often in a row it failed before; `error`: how at last.
    """

    waiting: bool
    running: bool
    run_at: datetime | None
    failures: int
    error: str | None


def lock_of(what: str, key: str) -> str:
    """What two jobs of one thing share: one waits at most, one runs at most."""
    return f"{what}:{key}"


async def defer(
    conn: AsyncConnection, what: str, key: str, run_at: datetime | None = None, priority: int = 0
) -> None:
    """Has thing `key` continued by the handler of `what`: when the transaction commits, or at `run_at`.

    Now wins over later: a timer of the thing is cleared. Of two later times the earlier one stays (`cancel`
    first to postpone). One that waits already takes this one in, with the higher of both priorities: it
    starts only after this commit, and sees what it wrote. Several things: in sorted order, so that two
    transactions cannot wait for each other.
    """
    if run_at is not None and run_at > current_time(conn):
        await set_timer(conn, what, key, run_at, priority)
    else:
        cleared = delete(job_timer).where(job_timer.c.what == what, job_timer.c.key == key)
        failures = (await conn.execute(cleared.returning(job_timer.c.failures))).scalar_one_or_none()
        row = _row(what, key, priority, failures or 0, current_time(conn))
        merged = await conn.execute(_insert(conn, returning=True), row)
        if conn.dialect.name != "sqlite" and not merged.scalar_one():
            await _notify(
                conn
            )  # the trigger tells of new rows only; a worker may have skipped the locked one
    announce(conn, READY)


async def defer_missing(conn: AsyncConnection, things: Iterable[tuple[str, str]]) -> None:
    """A job for each (what, key) of `things`, which are due, that neither waits, runs nor backs off."""
    now = current_time(conn)
    for what, key in sorted(set(things)):
        lock = lock_of(what, key)
        has_job = or_(exists().where(_waiting(lock)), exists().where(_running(lock)))
        recovers = exists().where(job_timer.c.what == what, job_timer.c.key == key, job_timer.c.failures > 0)
        if not (await conn.execute(select(or_(has_job, recovers)))).scalar_one():
            await conn.execute(_insert(conn), _row(what, key, 0, 0, now))
            announce(conn, READY)


def _waiting(lock: str | ColumnElement[str]) -> ColumnElement[bool]:
    return and_(job.c.queueing_lock == lock, job.c.status == _TODO)


def _running(lock: str | ColumnElement[str]) -> ColumnElement[bool]:
    return and_(job.c.lock == lock, job.c.status == _DOING)


def without_job(what: str, key: ColumnElement[str]) -> ColumnElement[bool]:
    """For the query of a finder (`Handlers.reconcile`) over rows whose thing is `key`: those that neither
    wait, run nor have a timer. So those that have a job take none of its LIMIT."""
    lock = literal(lock_of(what, "")).concat(key)
    waits, runs = exists().where(_waiting(lock)), exists().where(_running(lock))
    later = exists().where(job_timer.c.what == what, job_timer.c.key == key)
    return ~waits & ~runs & ~later


async def cancel(conn: AsyncConnection, what: str, key: str, *, abort: bool = False) -> bool:
    """Whether there was a job or a timer. `abort`: one that runs is cancelled too, within a second."""
    lock = lock_of(what, key)
    timers = await conn.execute(delete(job_timer).where(job_timer.c.what == what, job_timer.c.key == key))
    waiting = await conn.execute(delete(job).where(_waiting(lock)))
    found = timers.rowcount + waiting.rowcount
    if abort:
        running = await conn.execute(update(job).where(_running(lock)).values(abort_requested=True))
        found += running.rowcount
        announce(conn, ABORT)
    return found > 0


async def cancel_all(conn: AsyncConnection, what: str, keys: Select[Any]) -> None:
    """`cancel`, of many. `keys`: a query of them, whose rows the caller holds, so that nobody defers more."""
    await conn.execute(delete(job_timer).where(job_timer.c.what == what, job_timer.c.key.in_(keys)))
    mine = keys.subquery()
    locks = select(literal(lock_of(what, "")).concat(mine.c[0]))
    await conn.execute(delete(job).where(job.c.queueing_lock.in_(locks), job.c.status == _TODO))


async def standing(conn: AsyncConnection, what: str, key: str) -> Standing:
    timer = (
        await conn.execute(select(job_timer).where(job_timer.c.what == what, job_timer.c.key == key))
    ).one_or_none()
    lock = lock_of(what, key)
    mine = select(job.c.status, job.c.args).where(or_(_waiting(lock), _running(lock)))
    jobs = (await conn.execute(mine)).all()
    failures = max([each.args.get("failures", 0) for each in jobs], default=0)
    return Standing(
        waiting=any(each.status == "todo" for each in jobs),
        running=any(each.status == "doing" for each in jobs),
        run_at=None if timer is None else timer.run_at,
        failures=failures if timer is None else timer.failures,
        error=None if timer is None else timer.error,
    )


async def set_timer(
    conn: AsyncConnection,
    what: str,
    key: str,
    run_at: datetime,
    priority: int,
    *,
    failures: int = 0,
    error: str | None = None,
) -> None:
    """The thing's one timer; the earlier of two times stays, and what is known of failures."""
    row = {
        "what": what,
        "key": key,
        "run_at": run_at,
        "priority": priority,
        "failures": failures,
        "error": error,
        "failed_at": current_time(conn) if failures else None,
    }
    least, greatest = _words(conn)
    statement = insert_into(conn, job_timer).values(row)
    new = statement.excluded
    changes: dict[str, Any] = {
        "run_at": least(job_timer.c.run_at, new.run_at),
        "priority": greatest(job_timer.c.priority, new.priority),
    }
    if failures:
        changes |= {name: new[name] for name in ("failures", "error", "failed_at")}
    await conn.execute(statement.on_conflict_do_update(index_elements=["what", "key"], set_=changes))
    announce(conn, READY)


async def try_again(
    conn: AsyncConnection, what: str, key: str, at: datetime, priority: int, *, failures: int, error: str
) -> None:
    """The next try of what failed: a timer, or the job of the thing that waits already, which is one."""
    waiting = select(job.c.id, job.c.args).where(_waiting(lock_of(what, key)))
    twin = (await conn.execute(waiting.with_for_update())).one_or_none()
    if twin is None:
        await set_timer(conn, what, key, at, priority, failures=failures, error=error)
    else:
        args = {**twin.args, "failures": failures}
        await conn.execute(update(job).where(job.c.id == twin.id).values(args=args))


async def promote(
    conn: AsyncConnection, *, only: tuple[str, str] | None = None, limit: int = _AT_ONCE
) -> int:
    """Moves timers that are due into the queue, or the one of (what, key) `only`; how many. Several processes
    may do it at once."""
    key = tuple_(job_timer.c.what, job_timer.c.key)
    due = _due(current_time(conn), limit).with_for_update(skip_locked=True)
    if only is not None:
        due = due.where(job_timer.c.what == only[0], job_timer.c.key == only[1])
    timers = (await conn.execute(delete(job_timer).where(key.in_(due)).returning(job_timer))).all()
    if not timers:
        return 0
    rows = [_row(each.what, each.key, each.priority, each.failures, each.run_at) for each in timers]
    await conn.execute(_insert(conn), sorted(rows, key=lambda row: str(row["lock"])))
    await announce_ready(conn)
    return len(rows)


async def due_timers(conn: AsyncConnection) -> list[tuple[str, str]]:
    """(what, key) of those that `promote` would move."""
    return [(row.what, row.key) for row in await conn.execute(_due(current_time(conn), _AT_ONCE))]


def _due(now: datetime, limit: int) -> Select[str, str]:
    return (
        select(job_timer.c.what, job_timer.c.key)
        .where(job_timer.c.run_at <= now)
        .order_by(job_timer.c.run_at)
        .limit(limit)
    )


async def announce_ready(conn: AsyncConnection) -> None:
    """Jobs that were in the queue already may start now: every worker looks after the commit."""
    announce(conn, READY)
    if conn.dialect.name != "sqlite":
        await _notify(conn)


async def tell_all(conn: AsyncConnection, topic: str) -> None:
    """`db.announce` for every process that runs a worker, not only this one."""
    announce(conn, topic)
    if conn.dialect.name != "sqlite":
        await conn.execute(select(func.pg_notify(TELL, topic)))


def _row(what: str, key: str, priority: int, failures: int, due: datetime) -> dict[str, Any]:
    args: dict[str, Any] = {"key": key, "due": due.astimezone(UTC).isoformat(timespec="microseconds")}
    if failures:
        args["failures"] = failures
    return {"task_name": what, "lock": lock_of(what, key), "priority": priority, "args": args}


def _insert(conn: AsyncConnection, *, returning: bool = False) -> Insert:
    """One statement for each database, compiled once. Its result, if wanted: whether the row is new."""
    name = conn.dialect.name
    return _make_insert(name, returning=returning and name != "sqlite")


@cache
def _make_insert(dialect: str, *, returning: bool) -> Insert:
    greatest = func.max if dialect == "sqlite" else func.greatest
    statement = insert_for(dialect, job).values(
        queue_name=QUEUE,
        task_name=bindparam("task_name"),
        lock=bindparam("lock"),
        queueing_lock=bindparam("lock"),
        priority=bindparam("priority"),
        args=bindparam("args"),
        status="todo",
    )
    merged: Insert = statement.on_conflict_do_update(
        index_elements=[job.c.queueing_lock],
        index_where=_WAITS,
        set_={"priority": greatest(job.c.priority, statement.excluded.priority)},
    )
    return merged.returning(literal_column("xmax = 0")) if returning else merged


def _words(conn: AsyncConnection) -> tuple[Any, Any]:
    if conn.dialect.name == "sqlite":
        return func.min, func.max
    return func.least, func.greatest


async def _notify(conn: AsyncConnection) -> None:
    await conn.execute(_NOTIFY)


_NOTIFY = select(func.pg_notify(CHANNEL, '{"type": "job_inserted", "job_id": 0}'))
