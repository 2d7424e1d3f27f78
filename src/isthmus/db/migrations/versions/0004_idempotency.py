"""Answers kept for callers who repeat a call under the same key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.types import encrypted, moment, uuid

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_record",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("key_digest", sa.String(64), nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("answer", encrypted()),
        sa.Column("expires_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_idempotency_record"),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name="fk_idempotency_record_environment_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("key_digest", name="uq_idempotency_record_key_digest"),
    )
    op.create_index("ix_idempotency_record_environment_id", "idempotency_record", ["environment_id"])
    op.create_index("ix_idempotency_record_expires_at", "idempotency_record", ["expires_at"])
