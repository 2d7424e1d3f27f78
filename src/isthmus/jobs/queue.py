"""Puts jobs and timers into the queue and takes them out. Every function joins the transaction of its
connection.

A job has a name (its kind, such as `account.refresh`) and a key (the thing that it continues, such as the id
of an account), and says no more. The worker that runs it reads from the thing's own rows what to do. So one
job of a thing waits at most, and a job that runs too early does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    and_,
    bindparam,
    case,
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
    "CHANNEL",
    "JOBS_READY",
    "QUEUE",
    "TOPIC_CHANNEL",
    "JobKey",
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
"""The topic of each commit after which a job may start, or a timer is due sooner than before."""

ABORT_REQUESTED: Final = "jobs.abort"
"""The topic of each commit that requests a running job to abort."""

QUEUE: Final = "isthmus"
CHANNEL: Final = "procrastinate_any_queue_v1"
"""The channel on which the triggers of procrastinate notify workers of new jobs (PostgreSQL)."""

TOPIC_CHANNEL: Final = "isthmus_told"
"""The channel on which other processes receive the topics of `notify_all_processes` (PostgreSQL)."""

_WHERE_WAITING = text("status = 'todo'")
# Literals, as in the conditions of the partial indexes: with a parameter PostgreSQL does not use those.
_TODO: ColumnElement[str] = literal_column("'todo'")
_DOING: ColumnElement[str] = literal_column("'doing'")
_MAX_MOVED_AT_ONCE = 200


class JobKey(NamedTuple):
    """Identifies the jobs of one thing. `job_name`: their kind, such as `account.refresh`. `key`: the thing,
    such as the id of an account."""

    job_name: str
    key: str


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What is in the queue for one thing: whether a job waits and whether one runs.

    `waiting`: a job waits. `running`: a job runs. `run_at`: when its timer is due, None without one.
    `failures`: how often it failed in a row; `error`: its last error, known while a timer waits to retry it.
    """

    waiting: bool
    running: bool
    run_at: datetime | None
    failures: int
    error: str | None


def make_lock_name(job_name: str, key: str) -> str:
    """Returns the name of the lock that the jobs of one thing share: one of them waits at most, and one
    runs."""
    return f"{job_name}:{key}"


async def defer(
    conn: AsyncConnection, job_name: str, key: str, run_at: datetime | None = None, priority: int = 0
) -> None:
    """Queues a job, whose handler continues the thing `key`: when the transaction commits, or at `run_at`.

    `priority`: a job with a higher one runs first. A job for now deletes the thing's timer. Of two times in
    the future the earlier one stays (to postpone, `cancel` first). If a job of the thing waits already, no
    second one is added and the higher priority counts: the job starts only after this commit, and sees what
    it wrote. Defer several things in sorted order, so that two transactions cannot wait for each other.
    """
    if run_at is not None and run_at > current_time(conn):
        await set_timer(conn, job_name, key, run_at, priority)
    else:
        cleared = delete(job_timer).where(job_timer.c.what == job_name, job_timer.c.key == key)
        failures = (await conn.execute(cleared.returning(job_timer.c.failures))).scalar_one_or_none()
        row = _make_row(job_name, key, priority, failures, current_time(conn))
        merged = await conn.execute(_get_insert(conn, returning=True), row)
        if conn.dialect.name != "sqlite" and not merged.scalar_one():
            # The trigger notifies of new rows only, and a worker may have skipped the locked one.
            await _notify_workers(conn)
    notify_after_commit(conn, JOBS_READY)


async def defer_missing(conn: AsyncConnection, things: Iterable[tuple[str, str]]) -> None:
    """Adds a job for each (job name, key) of `things` unless one waits or runs, or a timer waits to retry
    it."""
    now = current_time(conn)
    for job_name, key in sorted(set(things)):
        lock = make_lock_name(job_name, key)
        has_job = or_(exists().where(_is_waiting(lock)), exists().where(_is_running(lock)))
        is_retried = exists().where(
            job_timer.c.what == job_name, job_timer.c.key == key, job_timer.c.failures > 0
        )
        if not (await conn.execute(select(or_(has_job, is_retried)))).scalar_one():
            await conn.execute(_get_insert(conn), _make_row(job_name, key, 0, 0, now))
            notify_after_commit(conn, JOBS_READY)


def _is_waiting(lock: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns a condition on jobs: it waits and has this lock."""
    return and_(job.c.queueing_lock == lock, job.c.status == _TODO)


def _is_running(lock: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns a condition on jobs: it runs and has this lock."""
    return and_(job.c.lock == lock, job.c.status == _DOING)


def has_no_job(job_name: str, key: ColumnElement[str]) -> ColumnElement[bool]:
    """Returns a condition for the query of a finder (`Handlers.add_finder`): no job of the row's thing waits
    or runs, and it has no timer. `key`: the column with the thing's key. So rows that have a job do not use
    up the query's LIMIT."""
    lock = literal(make_lock_name(job_name, "")).concat(key)
    waits, runs = exists().where(_is_waiting(lock)), exists().where(_is_running(lock))
    later = exists().where(job_timer.c.what == job_name, job_timer.c.key == key)
    return ~waits & ~runs & ~later


async def cancel(conn: AsyncConnection, job_name: str, key: str, *, abort: bool = False) -> bool:
    """Deletes the waiting job of this name and key and its timer. Returns True if there was one. `abort`: a
    job that runs is cancelled too, within a second, and counts."""
    lock = make_lock_name(job_name, key)
    timers = await conn.execute(delete(job_timer).where(job_timer.c.what == job_name, job_timer.c.key == key))
    waiting = await conn.execute(delete(job).where(_is_waiting(lock)))
    count = timers.rowcount + waiting.rowcount
    if abort:
        running = await conn.execute(update(job).where(_is_running(lock)).values(abort_requested=True))
        count += running.rowcount
        notify_after_commit(conn, ABORT_REQUESTED)
    return count > 0


async def cancel_all(conn: AsyncConnection, job_name: str, keys: Select[Any]) -> None:
    """Deletes the waiting jobs and the timers of all keys that the query `keys` returns. The caller has
    locked their rows, so that nobody defers more jobs of them."""
    await conn.execute(delete(job_timer).where(job_timer.c.what == job_name, job_timer.c.key.in_(keys)))
    chosen_keys = keys.subquery()
    locks = select(literal(make_lock_name(job_name, "")).concat(chosen_keys.c[0]))
    await conn.execute(delete(job).where(job.c.queueing_lock.in_(locks), job.c.status == _TODO))


async def read_job_status(conn: AsyncConnection, job_name: str, key: str) -> JobStatus:
    """Returns what is in the queue for the job name and key."""
    timer = (
        await conn.execute(select(job_timer).where(job_timer.c.what == job_name, job_timer.c.key == key))
    ).one_or_none()
    lock = make_lock_name(job_name, key)
    own_jobs = select(job.c.status, job.c.args).where(or_(_is_waiting(lock), _is_running(lock)))
    jobs = (await conn.execute(own_jobs)).all()
    failures = max([row.args.get("failures", 0) for row in jobs], default=0)
    return JobStatus(
        waiting=any(row.status == "todo" for row in jobs),
        running=any(row.status == "doing" for row in jobs),
        run_at=None if timer is None else timer.run_at,
        failures=failures if timer is None else timer.failures,
        error=None if timer is None else timer.error,
    )


async def set_timer(
    conn: AsyncConnection,
    job_name: str,
    key: str,
    run_at: datetime,
    priority: int,
    *,
    failures: int = 0,
    error: str | None = None,
) -> None:
    """Makes or changes the thing's one timer. Of two times the earlier one stays, of two priorities the
    higher. `failures` and `error`: of a job that is retried; if 0, those stored stay."""
    now = current_time(conn)
    row = {
        "what": job_name,
        "key": key,
        "run_at": run_at,
        "set_at": now,
        "priority": priority,
        "failures": failures,
        "error": error,
        "failed_at": now if failures else None,
    }
    least, greatest = _get_least_and_greatest(conn)
    statement = insert_into(conn, job_timer).values(row)
    new = statement.excluded
    changes: dict[str, Any] = {
        "run_at": least(job_timer.c.run_at, new.run_at),
        "set_at": case((new.run_at < job_timer.c.run_at, new.set_at), else_=job_timer.c.set_at),
        "priority": greatest(job_timer.c.priority, new.priority),
    }
    if failures:
        changes |= {name: new[name] for name in ("failures", "error", "failed_at")}
    await conn.execute(statement.on_conflict_do_update(index_elements=["what", "key"], set_=changes))
    notify_after_commit(conn, JOBS_READY)


async def defer_retry(
    conn: AsyncConnection, job_name: str, key: str, at: datetime, priority: int, *, failures: int, error: str
) -> None:
    """Retries a job that failed: by a timer at `at`, or by the thing's waiting job if there is one, which
    then counts as the retry."""
    waiting = select(job.c.id, job.c.args).where(_is_waiting(make_lock_name(job_name, key)))
    duplicate = (await conn.execute(waiting.with_for_update())).one_or_none()
    if duplicate is None:
        await set_timer(conn, job_name, key, at, priority, failures=failures, error=error)
    else:
        args = {**duplicate.args, "failures": failures}
        await conn.execute(update(job).where(job.c.id == duplicate.id).values(args=args))


async def move_due_timers(
    conn: AsyncConnection, *, only: tuple[str, str] | None = None, limit: int = _MAX_MOVED_AT_ONCE
) -> int:
    """Turns timers that are due into jobs: at most `limit`, or the one of (job name, key) `only`. Returns how
    many. Several processes may do it at the same time."""
    key = tuple_(job_timer.c.what, job_timer.c.key)
    due = _select_due_timers(current_time(conn), limit).with_for_update(skip_locked=True)
    if only is not None:
        due = due.where(job_timer.c.what == only[0], job_timer.c.key == only[1])
    timers = (await conn.execute(delete(job_timer).where(key.in_(due)).returning(job_timer))).all()
    if not timers:
        return 0
    rows = [_make_row(row.what, row.key, row.priority, row.failures, row.run_at) for row in timers]
    await conn.execute(_get_insert(conn), sorted(rows, key=lambda row: str(row["lock"])))
    await wake_workers(conn)
    return len(rows)


async def list_due_timers(conn: AsyncConnection) -> list[JobKey]:
    """Returns the keys of the timers that `move_due_timers` would move."""
    return [
        JobKey(row.what, row.key)
        for row in await conn.execute(_select_due_timers(current_time(conn), _MAX_MOVED_AT_ONCE))
    ]


def _select_due_timers(now: datetime, limit: int) -> Select[str, str]:
    """Returns a query of (job name, key) of the timers that are due, the earliest first."""
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
    """Notifies the listeners of `topic` after the commit, as `db.notify_after_commit`: in this process and in
    every other process that runs a worker."""
    notify_after_commit(conn, topic)
    if conn.dialect.name != "sqlite":
        await conn.execute(select(func.pg_notify(TOPIC_CHANNEL, topic)))


def _make_row(job_name: str, key: str, priority: int, failures: int | None, due: datetime) -> dict[str, Any]:
    """Returns the values of a new job, for `_get_insert`. `failures`: how often the thing failed in a row,
    None or 0 if it did not. `due`: since when the job is due."""
    args: dict[str, Any] = {"key": key, "due": due.astimezone(UTC).isoformat(timespec="microseconds")}
    if failures:
        args["failures"] = failures
    return {"task_name": job_name, "lock": make_lock_name(job_name, key), "priority": priority, "args": args}


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
    """Returns (least, greatest): the SQL functions for the smaller and the greater of two values, in the
    database's dialect."""
    if conn.dialect.name == "sqlite":
        return func.min, func.max
    return func.least, func.greatest


async def _notify_workers(conn: AsyncConnection) -> None:
    """Notifies the workers of all processes, as procrastinate does for a new job (PostgreSQL)."""
    await conn.execute(_NOTIFY)


_NOTIFY = select(func.pg_notify(CHANNEL, '{"type": "job_inserted", "job_id": 0}'))
