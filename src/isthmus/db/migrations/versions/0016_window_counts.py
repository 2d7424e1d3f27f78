"""What each process has counted of the requests of a window, for the limits that hold over all of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "window_count",
        sa.Column("key", sa.String(36), nullable=False),
        sa.Column("process", sa.BigInteger, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key", "process"),
        prefixes=["UNLOGGED"] if is_postgresql else [],  # worth nothing after a crash
    )
