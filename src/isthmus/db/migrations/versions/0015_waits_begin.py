"""When waits began: of timers, and of accounts that are closed. Empty where an older version began them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import moment

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In the order in which running processes lock them: an account first, then the timer of its refresh.
    op.add_column("integrated_account", sa.Column("closed_at", moment()))
    op.add_column("job_timer", sa.Column("set_at", moment()))
