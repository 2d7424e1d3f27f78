"""When and where the write of an idempotency key was sent, and by which process."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import moment

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("idempotency_record", sa.Column("process", sa.BigInteger))
    op.add_column("idempotency_record", sa.Column("sent_at", moment()))
    op.add_column("idempotency_record", sa.Column("sent_to", sa.Text))
