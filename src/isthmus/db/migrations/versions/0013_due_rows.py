"""Indexes for rows that are due, and for the events of one resource."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    runs = sa.text("stage IS NOT NULL")
    op.create_index(
        "ix_account_lifecycle_running", "account_lifecycle", ["id"], sqlite_where=runs, postgresql_where=runs
    )
    op.create_index("ix_account_lifecycle_due_at", "account_lifecycle", ["due_at"])
    op.create_index("ix_credential_revocation_created_at", "credential_revocation", ["created_at"])
    op.create_index(
        "ix_event_environment_id_resource_id_created_at_id",
        "event",
        ["environment_id", "resource_id", "created_at", "id"],
    )
