"""Puts jobs and timers into the queue and takes them out. Every function joins the transaction of its
connection.

A job says only "continue thing `key` of kind `what`". The worker that runs it reads from the thing's own rows
what to do. So one job of a thing waits at most, and a job that runs too early does no harm.
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

from isthmus.db.database import current_time, notify_after_commit
from isthmus.db.tables import job, job_timer
from isthmus.db.upsert import insert_for, insert_into

__all__ = [
    "ABORT_REQUESTED",
    "ANNOUNCEMENT_CHANNEL",
    "CHANNEL",
    "JOBS_READY",
    "QUEUE",
    "JobStatus",
    "cancel",
    "cancel_all",
    "defer",
    "defer_missing",
    "defer_retry",
    "has_no_job",
    "list_due_timers",
    "make_lock_name",
    "move_due_timers",
    "notify_all_processes",
    "read_job_status",
    "set_timer",
    "wake_workers",
]

JOBS_READY: Final = "jobs"
"""The topic announced by each commit after which a job may start, or a timer is due sooner than before."""

ABORT_REQUESTED: Final = "jobs.abort"
"""The topic announced by each commit that requests the end of a running job."""

QUEUE: Final = "isthmus"
CHANNEL: Final = "procrastinate_any_queue_v1"
"""The channel on which the triggers of procrastinate notify workers of new jobs (PostgreSQL)."""

ANNOUNCEMENT_CHANNEL: Final = "isthmus_told"
"""The channel on which other processes receive the topics of `notify_all_processes` (PostgreSQL)."""

_WHERE_WAITING = text("status = 'todo'")
# Literals, as in the conditions of the partial indexes: with a parameter PostgreSQL does not use those.
_TODO: ColumnElement[str] = literal_column("'todo'")
_DOING: ColumnElement[str] = literal_column("'doing'")
_MAX_MOVED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What is in the queue for one thing: whether a job waits and whether one runs.

    `run_at`: when its timer is due, None without one. `failures`: how often it failed in a row; `error`: its
    last error, known while a timer waits to retry it.
    """

    waiting: bool
    running: bool
    run_at: datetime | None
    failures: int
    error: str | None


def make_lock_name(what: str, key: str) -> str:
    """Returns the name of the lock that the jobs of one thing share: one of them waits at most, and one
    runs."""
    return f"{what}:{key}"


async def defer(
    conn: AsyncConnection, what: str, key: str, run_at: datetime | None = None, priority: int = 0
) -> None:
    """Lets the handler of `what` continue thing `key`: when the transaction commits, or at `run_at`.

    A job for now deletes the thing's timer. Of two times in the future the earlier one stays (to postpone,
    `cancel` first). If a job of the thing waits already, no second one is added and the higher priority
    counts: the job starts only after this commit, and sees what it wrote. Defer several things in sorted
    order, so that two transactions cannot wait for each other.
    """
    if run_at is not None and run_at > current_time(conn):
        await set_timer(conn, what, key, run_at, priority)
    else:
        cleared = delete(job_timer).where(job_timer.c.what == what, job_timer.c.key == key)
        failures = (await conn.execute(cleared.returning(job_timer.c.failures))).scalar_one_or_none()
        row = _make_row(what, key, priority, failures, current_time(conn))
        merged = await conn.execute(_get_insert(conn, returning=True), row)
        if conn.dialect.name != "sqlite" and not merged.scalar_one():
            # The trigger notifies of new rows only, and a worker may have skipped the locked one.
            await _notify_workers(conn)
    notify_after_commit(conn, JOBS_READY)


async def defer_missing(conn: AsyncConnection, things: Iterable[tuple[str, str]]) -> None:
    """Adds a job for each (what, key) of `things` unless one waits or runs, or a timer waits to retry it."""
    now = current_time(conn)
    for what, key in sorted(set(things)):
        lock = make_lock_name(what, key)
        has_job = or_(exists().where(_is_waiting(lock)), exists().where(_is_running(lock)))
        is_retried = exists().where(
            job_timer.c.what == what, job_timer.c.key == key, job_timer.c.failures > 0
        )
        if not (await conn.execute(select(or_(has_job, is_retried)))).scalar_one():
            await conn.execute(_get_insert(conn), _make_row(what, key, 0, 0, now))
            notify_after_commit(conn, JOBS_READY)


def _is_waiting(lock: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns a condition on jobs: it waits and has this lock."""
    return and_(job.c.queueing_lock == lock, job.c.status == _TODO)


def _is_running(lock: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns a condition on jobs: it runs and has this lock."""
    return and_(job.c.lock == lock, job.c.status == _DOING)


def has_no_job(what: str, key: ColumnElement[str]) -> ColumnElement[bool]:
    """Returns a condition for the query of a finder (`Handlers.add_finder`): no job of the row's thing waits
    or runs, and it has no timer. `key`: the column with the thing's key. So rows that have a job do not use
    up the query's LIMIT."""
    lock = literal(make_lock_name(what, "")).concat(key)
    waits, runs = exists().where(_is_waiting(lock)), exists().where(_is_running(lock))
    later = exists().where(job_timer.c.what == what, job_timer.c.key == key)
    return ~waits & ~runs & ~later


async def cancel(conn: AsyncConnection, what: str, key: str, *, abort: bool = False) -> bool:
    """Deletes the thing's waiting job and its timer; True if there was one. `abort`: a job that runs is
    cancelled too, within a second, and counts."""
    lock = make_lock_name(what, key)
    timers = await conn.execute(delete(job_timer).where(job_timer.c.what == what, job_timer.c.key == key))
    waiting = await conn.execute(delete(job).where(_is_waiting(lock)))
    found = timers.rowcount + waiting.rowcount
    if abort:
        running = await conn.execute(update(job).where(_is_running(lock)).values(abort_requested=True))
        found += running.rowcount
        notify_after_commit(conn, ABORT_REQUESTED)
    return found > 0


async def cancel_all(conn: AsyncConnection, what: str, keys: Select[Any]) -> None:
    """`cancel`, for all keys that the query `keys` returns. The caller has locked their rows, so that nobody
    defers more jobs of them."""
    await conn.execute(delete(job_timer).where(job_timer.c.what == what, job_timer.c.key.in_(keys)))
    mine = keys.subquery()
    locks = select(literal(make_lock_name(what, "")).concat(mine.c[0]))
    await conn.execute(delete(job).where(job.c.queueing_lock.in_(locks), job.c.status == _TODO))


async def read_job_status(conn: AsyncConnection, what: str, key: str) -> JobStatus:
    """Returns what is in the queue for thing `key` of kind `what`."""
    timer = (
        await conn.execute(select(job_timer).where(job_timer.c.what == what, job_timer.c.key == key))
    ).one_or_none()
    lock = make_lock_name(what, key)
    mine = select(job.c.status, job.c.args).where(or_(_is_waiting(lock), _is_running(lock)))
    jobs = (await conn.execute(mine)).all()
    failures = max([each.args.get("failures", 0) for each in jobs], default=0)
    return JobStatus(
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
    """Makes or changes the thing's one timer. Of two times the earlier one stays, of two priorities the
    higher. `failures` and `error`: of a job that is retried; if 0, those stored stay."""
    row = {
        "what": what,
        "key": key,
        "run_at": run_at,
        "priority": priority,
        "failures": failures,
        "error": error,
        "failed_at": current_time(conn) if failures else None,
    }
    least, greatest = _get_least_and_greatest(conn)
    statement = insert_into(conn, job_timer).values(row)
    new = statement.excluded
    changes: dict[str, Any] = {
        "run_at": least(job_timer.c.run_at, new.run_at),
        "priority": greatest(job_timer.c.priority, new.priority),
    }
    if failures:
        changes |= {name: new[name] for name in ("failures", "error", "failed_at")}
    await conn.execute(statement.on_conflict_do_update(index_elements=["what", "key"], set_=changes))
    notify_after_commit(conn, JOBS_READY)


async def defer_retry(
    conn: AsyncConnection, what: str, key: str, at: datetime, priority: int, *, failures: int, error: str
) -> None:
    """Retries a job that failed: by a timer at `at`, or by the thing's waiting job if there is one, which
    then counts as the retry."""
    waiting = select(job.c.id, job.c.args).where(_is_waiting(make_lock_name(what, key)))
    twin = (await conn.execute(waiting.with_for_update())).one_or_none()
    if twin is None:
        await set_timer(conn, what, key, at, priority, failures=failures, error=error)
    else:
        args = {**twin.args, "failures": failures}
        await conn.execute(update(job).where(job.c.id == twin.id).values(args=args))


async def move_due_timers(
    conn: AsyncConnection, *, only: tuple[str, str] | None = None, limit: int = _MAX_MOVED_AT_ONCE
) -> int:
    """Turns timers that are due into jobs, at most `limit` or the one of (what, key) `only`; returns how
    many. Several processes may do it at the same time."""
    key = tuple_(job_timer.c.what, job_timer.c.key)
    due = _select_due_timers(current_time(conn), limit).with_for_update(skip_locked=True)
    if only is not None:
        due = due.where(job_timer.c.what == only[0], job_timer.c.key == only[1])
    timers = (await conn.execute(delete(job_timer).where(key.in_(due)).returning(job_timer))).all()
    if not timers:
        return 0
    rows = [_make_row(each.what, each.key, each.priority, each.failures, each.run_at) for each in timers]
    await conn.execute(_get_insert(conn), sorted(rows, key=lambda row: str(row["lock"])))
    await wake_workers(conn)
    return len(rows)


async def list_due_timers(conn: AsyncConnection) -> list[tuple[str, str]]:
    """Returns (what, key) of the timers that `move_due_timers` would move."""
    return [
        (row.what, row.key)
        for row in await conn.execute(_select_due_timers(current_time(conn), _MAX_MOVED_AT_ONCE))
    ]


def _select_due_timers(now: datetime, limit: int) -> Select[str, str]:
    """Returns a query of (what, key) of the timers that are due, the earliest first."""
    return (
        select(job_timer.c.what, job_timer.c.key)
        .where(job_timer.c.run_at <= now)
        .order_by(job_timer.c.run_at)
        .limit(limit)
    )


async def wake_workers(conn: AsyncConnection) -> None:
    """Lets every worker look for jobs after the commit. For jobs that are in the queue already and may start
    now."""
    notify_after_commit(conn, JOBS_READY)
    if conn.dialect.name != "sqlite":
        await _notify_workers(conn)


async def notify_all_processes(conn: AsyncConnection, topic: str) -> None:
    """`db.notify_after_commit` for this process and for every other process that runs a worker."""
    notify_after_commit(conn, topic)
    if conn.dialect.name != "sqlite":
        await conn.execute(select(func.pg_notify(ANNOUNCEMENT_CHANNEL, topic)))


def _make_row(what: str, key: str, priority: int, failures: int | None, due: datetime) -> dict[str, Any]:
    """Returns the values of a new job, for `_get_insert`."""
    args: dict[str, Any] = {"key": key, "due": due.astimezone(UTC).isoformat(timespec="microseconds")}
    if failures:
        args["failures"] = failures
    return {"task_name": what, "lock": make_lock_name(what, key), "priority": priority, "args": args}


def _get_insert(conn: AsyncConnection, *, returning: bool = False) -> Insert:
    """Returns the INSERT of a job, for the database in use. `returning`: PostgreSQL returns whether the row
    is new."""
    name = conn.dialect.name
    return _make_insert(name, returning=returning and name != "sqlite")


@cache
def _make_insert(dialect: str, *, returning: bool) -> Insert:
    """Returns the INSERT of a job; if one of the thing waits already, it only raises its priority."""
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
        index_where=_WHERE_WAITING,
        set_={"priority": greatest(job.c.priority, statement.excluded.priority)},
    )
    return merged.returning(literal_column("xmax = 0")) if returning else merged


def _get_least_and_greatest(conn: AsyncConnection) -> tuple[Any, Any]:
    """Returns the SQL functions for the smaller and the greater of two values, in the database's dialect."""
    if conn.dialect.name == "sqlite":
        return func.min, func.max
    return func.least, func.greatest


async def _notify_workers(conn: AsyncConnection) -> None:
    """Notifies the workers of all processes, as the engine does for a new job (PostgreSQL)."""
    await conn.execute(_NOTIFY)


_NOTIFY = select(func.pg_notify(CHANNEL, '{"type": "job_inserted", "job_id": 0}'))
