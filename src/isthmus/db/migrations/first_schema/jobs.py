"""Tables of background work: timers, schedules, peers, and those of the job engine, which has its own scripts
on PostgreSQL."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import json, moment, row_columns, uuid

__all__ = ["create_jobs_tables"]


_ENGINE_VERSION = "03.10.99"


def create_jobs_tables() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _create_engine_tables_on_sqlite()
    else:
        _run_engine_scripts_on_postgresql(_ENGINE_VERSION)
    _create_timer_table()
    _create_schedule_table()
    _create_peer_table()


def _run_engine_scripts_on_postgresql(upto: str) -> None:
    """Runs procrastinate's own scripts for versions up to `upto`; a later migration can run the rest."""
    spec = find_spec("procrastinate")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "sql" / "migrations"
    bind = op.get_bind().execution_options(no_parameters=True)
    for script in sorted(folder.glob("*.sql")):
        if script.name[: len(upto)] <= upto:
            bind.exec_driver_sql(script.read_text(encoding="utf-8"))


def _create_engine_tables_on_sqlite() -> None:
    op.create_table(
        "procrastinate_workers",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("last_heartbeat", moment(), nullable=False, server_default=sa.text("CURRENT_TIMESTAMP")),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    states = ("todo", "doing", "succeeded", "failed", "cancelled", "aborting", "aborted")
    op.create_table(
        "procrastinate_jobs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("queue_name", sa.String(128), nullable=False),
        sa.Column("task_name", sa.String(128), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("lock", sa.Text),
        sa.Column("queueing_lock", sa.Text),
        sa.Column("args", sa.JSON, nullable=False),
        sa.Column(
            "status",
            sa.Enum(*states, name="procrastinate_job_status", create_constraint=False),
            nullable=False,
            server_default=sa.text("'todo'"),
        ),
        sa.Column("scheduled_at", sa.DateTime),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("abort_requested", sa.Boolean, nullable=False, server_default=sa.text("0")),
        sa.Column("worker_id", sa.Integer),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["worker_id"], ["procrastinate_workers.id"], ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    waits, runs = sa.text("status = 'todo'"), sa.text("status = 'doing'")
    op.create_index(
        "procrastinate_jobs_queueing_lock_idx_v1",
        "procrastinate_jobs",
        ["queueing_lock"],
        unique=True,
        sqlite_where=waits,
    )
    op.create_index(
        "procrastinate_jobs_lock_idx_v1", "procrastinate_jobs", ["lock"], unique=True, sqlite_where=runs
    )
    op.create_index(
        "procrastinate_jobs_priority_idx_v1",
        "procrastinate_jobs",
        [sa.text("priority DESC"), sa.text("id ASC")],
        sqlite_where=waits,
    )


def _create_timer_table() -> None:
    op.create_table(
        "job_timer",
        sa.Column("what", sa.String(128), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("run_at", moment(), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("failed_at", moment()),
        sa.PrimaryKeyConstraint("what", "key", name="pk_job_timer"),
    )
    op.create_index("ix_job_timer_run_at", "job_timer", ["run_at"])
    failing = sa.text("failures > 0")
    op.create_index(
        "ix_job_timer_failing", "job_timer", ["failed_at"], sqlite_where=failing, postgresql_where=failing
    )


def _create_schedule_table() -> None:
    op.create_table(
        "job_schedule",
        *row_columns(),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("what", sa.String(128), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("cron", sa.Text, nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("next_at", moment()),
        sa.Column("last_at", moment()),
        sa.Column("is_built_in", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_schedule"),
        sa.UniqueConstraint("name", name="uq_job_schedule_name"),
    )
    op.create_index("ix_job_schedule_next_at", "job_schedule", ["next_at"])


def _create_peer_table() -> None:
    op.create_table(
        "peer",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("knows", json(), nullable=False),
        sa.Column("started_at", moment(), nullable=False),
        sa.Column("seen_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_peer"),
    )
