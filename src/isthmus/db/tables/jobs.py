"""Background work: the job engine's own tables, and what of ours feeds it (timers, schedules).

The engine's tables (`engine_metadata`) are procrastinate's. On PostgreSQL they come from its own scripts,
with types, functions and triggers; on SQLite they are these. The columns are the same, so a statement over
them runs on both.
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
    """`last_heartbeat`: the database's own time (PostgreSQL); SQLite's one worker beats only at its start."""

    id: Named[int] = Column(_NUMBER, primary_key=True)
    last_heartbeat: Named[datetime] = Column(UtcDateTime, server_default=text("CURRENT_TIMESTAMP"))


job_worker = Table("procrastinate_workers", engine_metadata, WorkerColumns, sqlite_autoincrement=True)


class JobColumns(TypedColumns):
    """A job that waits or runs; finished ones are deleted. `lock`, `queueing_lock`: the thing it continues.

    `task_name`: what to do with it; `args`: `{"key", "failures"?}`. `attempts` grows with each take-over, and
    is, with `worker_id`, the fence of the one who runs it.
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


_WAITS = text("status = 'todo'")
_RUNS = text("status = 'doing'")

job = Table(
    "procrastinate_jobs",
    engine_metadata,
    JobColumns,
    Index(
        "procrastinate_jobs_queueing_lock_idx_v1",
        "queueing_lock",
        unique=True,
        sqlite_where=_WAITS,
    ),
    Index("procrastinate_jobs_lock_idx_v1", "lock", unique=True, sqlite_where=_RUNS),
    Index(
        "procrastinate_jobs_priority_idx_v1",
        text("priority DESC"),
        text("id ASC"),
        sqlite_where=_WAITS,
    ),
    sqlite_autoincrement=True,
)


class JobTimerColumns(TypedColumns):
    """A job that is not due yet: one a thing. At `run_at` it moves into the engine's queue.

    `failures`: how often in a row the thing failed before; then `error` says how at last, `failed_at` when.
    """

    what: Named[str] = Column(String(128), primary_key=True)
    key: Named[str] = Column(Text, primary_key=True)
    run_at: Named[datetime] = Column(UtcDateTime, index=True)
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
    """`name`: its owner's name for it. `cron` in `timezone` (IANA). `next_at`: the next firing, None when
    there is none; `last_at`: the time the last one was due. `is_built_in`: declared by code, not by a user.
    """

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
    """A process on PostgreSQL, and what it knows of one `matter`. Times are those of the database's clock."""

    id: Named[str] = Column(Uuid, primary_key=True)
    matter: Named[str] = Column(String(64))
    knows: Named[Any] = Column(Json, nullable=False)
    started_at: Named[datetime] = Column(UtcDateTime)
    seen_at: Named[datetime] = Column(UtcDateTime)


peer = Table("peer", metadata, PeerColumns)
