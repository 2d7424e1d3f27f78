"""What is written to sandbox accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import encrypted, moment, row_columns, uuid

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sandbox_record",
        *row_columns(),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("integrated_account_id", uuid(), nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("is_created", sa.Boolean, nullable=False),
        sa.Column("is_deleted", sa.Boolean, nullable=False),
        sa.Column("content", encrypted(), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sandbox_record"),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name="fk_sandbox_record_environment_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["integrated_account_id"],
            ["integrated_account.id"],
            name="fk_sandbox_record_integrated_account_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "integrated_account_id",
            "collection",
            "record_id",
            name="uq_sandbox_record_integrated_account_id_collection_record_id",
        ),
    )
    op.create_index("ix_sandbox_record_environment_id", "sandbox_record", ["environment_id"])
    op.create_index("ix_sandbox_record_expires_at", "sandbox_record", ["expires_at"])
