"""The whole schema as of the first release.

Its number is 0013 because it replaces thirteen migrations of the time before: a database that those brought
to 0013 has this schema already.
"""

from __future__ import annotations

from isthmus.db.migrations.first_schema import (
    create_accounts_tables,
    create_connect_tables,
    create_events_tables,
    create_integrations_tables,
    create_jobs_tables,
    create_storage_tables,
    create_tenancy_tables,
)

revision = "0013"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_tenancy_tables()
    create_storage_tables()
    create_integrations_tables()
    create_accounts_tables()
    create_connect_tables()
    create_events_tables()
    create_jobs_tables()
