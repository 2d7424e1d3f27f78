"""Background work: the tables of the job engine, and our timers, schedules and peers.

The job engine is procrastinate. On PostgreSQL its own scripts create its tables, with types, functions and
triggers; on SQLite they are created as described here (`engine_metadata`). The columns are the same on both.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Named,
    String,
    Table,
    Text,
    TypedColumns,
    text,
)

from isthmus.db.column_types import Json, JsonB, UtcDateTime, Uuid
from isthmus.db.tables.base import Row, metadata

__all__ = ["JOB_STATES", "engine_metadata", "job", "job_schedule", "job_timer", "job_worker", "peer"]

JOB_STATES = ("todo", "doing", "succeeded", "failed", "cancelled", "aborting", "aborted")

engine_metadata = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers its rows only where they are INTEGER
_STATE = Enum(*JOB_STATES, name="procrastinate_job_status", create_constraint=False)


class WorkerColumns(TypedColumns):
    """A running worker. `last_heartbeat`: by the clock of the database; on SQLite only the worker's start."""

    id: Named[int] = Column(_NUMBER, primary_key=True)
    last_heartbeat: Named[datetime] = Column(UtcDateTime, server_default=text("CURRENT_TIMESTAMP"))


job_worker = Table("procrastinate_workers", engine_metadata, WorkerColumns, sqlite_autoincrement=True)


class JobColumns(TypedColumns):
    """A job that waits or runs; finished ones are deleted. `lock`, `queueing_lock`: `<job name>:<key>`.

    `task_name`: the job name; `args`: `{"key", "due", "failures"?}`. `attempts` grows with each takeover:
    together with `worker_id` it tells whether a worker still has the job.
    """

    id: Named[int] = Column(_NUMBER, primary_key=True)
    queue_name: Named[str] = Column(String(128))
    task_name: Named[str] = Column(String(128))
    priority: Named[int] = Column(Integer, server_default=text("0"))
    lock: Named[str | None] = Column(Text)
    queueing_lock: Named[str | None] = Column(Text)
    args: Named[Any] = Column(JsonB, nullable=False)
    status: Named[str] = Column(_STATE, server_default=text("'todo'"))
    scheduled_at: Named[datetime | None] = Column(DateTime(timezone=True))
    attempts: Named[int] = Column(Integer, server_default=text("0"))
    abort_requested: Named[bool] = Column(Boolean, server_default=text("0"))
    worker_id: Named[int | None] = Column(
        _NUMBER, ForeignKey("procrastinate_workers.id", ondelete="SET NULL")
    )


_IS_WAITING = text("status = 'todo'")
_IS_RUNNING = text("status = 'doing'")

job = Table(
    "procrastinate_jobs",
    engine_metadata,
    JobColumns,
    Index(
        "procrastinate_jobs_queueing_lock_idx_v1",
        "queueing_lock",
        unique=True,
        sqlite_where=_IS_WAITING,
    ),
    Index("procrastinate_jobs_lock_idx_v1", "lock", unique=True, sqlite_where=_IS_RUNNING),
    Index(
        "procrastinate_jobs_priority_idx_v1",
        text("priority DESC"),
        text("id ASC"),
        sqlite_where=_IS_WAITING,
    ),
    sqlite_autoincrement=True,
)


class JobTimerColumns(TypedColumns):
    """A timer: a job for a time in the future, at most one for each thing. At `run_at` it becomes a job.
    `set_at`: when `run_at` was decided, None for a timer of an older version.

    `failures`: how often the thing failed in a row; if it did, `error` is the last error and `failed_at` its
    time.
    """

    what: Named[str] = Column(String(128), primary_key=True)
    key: Named[str] = Column(Text, primary_key=True)
    run_at: Named[datetime] = Column(UtcDateTime, index=True)
    set_at: Named[datetime | None] = Column(UtcDateTime)
    priority: Named[int] = Column(Integer)
    failures: Named[int] = Column(Integer)
    error: Named[str | None] = Column(Text)
    failed_at: Named[datetime | None] = Column(UtcDateTime)


job_timer = Table(
    "job_timer",
    metadata,
    JobTimerColumns,
    Index(
        "ix_job_timer_failing",
        "failed_at",
        sqlite_where=text("failures > 0"),
    ),
)


class JobScheduleColumns(Row):
    """A schedule. `cron` in `timezone` (an IANA name). `next_at`: the next firing, None if there is none;
    `updated_at`: when that was decided; `last_at`: when the last firing was due. `is_built_in`: declared by
    the program, not by a user."""

    name: Named[str] = Column(String(255), unique=True)
    what: Named[str] = Column(String(128))
    key: Named[str] = Column(Text)
    cron: Named[str] = Column(Text)
    timezone: Named[str] = Column(String(64))
    priority: Named[int] = Column(Integer)
    next_at: Named[datetime | None] = Column(UtcDateTime, index=True)
    last_at: Named[datetime | None] = Column(UtcDateTime)
    is_built_in: Named[bool] = Column(Boolean)


job_schedule = Table("job_schedule", metadata, JobScheduleColumns)


class PeerColumns(TypedColumns):
    """A running process (PostgreSQL) and the names that it knows of one `matter`. Times: by the database's
    clock."""

    id: Named[str] = Column(Uuid, primary_key=True)
    matter: Named[str] = Column(String(64))
    knows: Named[Any] = Column(Json, nullable=False)
    started_at: Named[datetime] = Column(UtcDateTime)
    seen_at: Named[datetime] = Column(UtcDateTime)


peer = Table("peer", metadata, PeerColumns)
