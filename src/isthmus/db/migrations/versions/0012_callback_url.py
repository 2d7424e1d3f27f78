"""Where providers send people back to, by install."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("environment_integration", sa.Column("callback_url", sa.Text))
