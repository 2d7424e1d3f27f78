"""Accounts that may not be called."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.types import moment, uuid

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blocked_account",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_blocked_account"),
        sa.ForeignKeyConstraint(
            ["id"], ["integrated_account.id"], name="fk_blocked_account_id", ondelete="CASCADE"
        ),
    )
