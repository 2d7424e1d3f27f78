"""The table of the outbox of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import json, moment, uuid

__all__ = ["create_events_tables"]


def create_events_tables() -> None:
    op.create_table(
        "event",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("id", sa.String(30), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("resource_type", sa.String(64), nullable=False),
        sa.Column("resource_id", sa.Text, nullable=False),
        sa.Column("payload", json(), nullable=False),
        sa.Column("relayed_at", moment()),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", moment()),
        sa.Column("taken", json()),
        sa.PrimaryKeyConstraint("seq", name="pk_event"),
        sa.UniqueConstraint("id", name="uq_event_id"),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name="fk_event_environment_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_environment_id_created_at_id", "event", ["environment_id", "created_at", "id"])
    op.create_index("ix_event_relayed_at", "event", ["relayed_at"])
    waits = sa.text("relayed_at IS NULL")
    op.create_index("ix_event_waiting", "event", ["seq"], sqlite_where=waits, postgresql_where=waits)
    op.create_index(
        "ix_event_waiting_resource",
        "event",
        ["resource_id", "seq"],
        sqlite_where=waits,
        postgresql_where=waits,
    )
    op.create_index(
        "ix_event_environment_id_resource_id_created_at_id",
        "event",
        ["environment_id", "resource_id", "created_at", "id"],
    )
