"""Where accounts stand between saved and active."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.types import encrypted, moment, uuid

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_lifecycle",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("stage", sa.String(16)),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("progress", encrypted()),
        sa.Column("started_at", moment()),
        sa.Column("is_reconnect", sa.Boolean, nullable=False),
        sa.Column("was_failed", sa.Boolean, nullable=False),
        sa.Column("due_at", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_account_lifecycle"),
        sa.ForeignKeyConstraint(
            ["id"], ["integrated_account.id"], name="fk_account_lifecycle_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name="fk_account_lifecycle_environment_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_account_lifecycle_environment_id", "account_lifecycle", ["environment_id"])
