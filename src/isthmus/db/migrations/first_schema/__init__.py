"""The tables of the first migration, one module for each room of the house."""

from isthmus.db.migrations.first_schema.accounts import create_accounts_tables
from isthmus.db.migrations.first_schema.connect import create_connect_tables
from isthmus.db.migrations.first_schema.events import create_events_tables
from isthmus.db.migrations.first_schema.integrations import create_integrations_tables
from isthmus.db.migrations.first_schema.jobs import create_jobs_tables
from isthmus.db.migrations.first_schema.storage import create_storage_tables
from isthmus.db.migrations.first_schema.tenancy import create_tenancy_tables

__all__ = [
    "create_accounts_tables",
    "create_connect_tables",
    "create_events_tables",
    "create_integrations_tables",
    "create_jobs_tables",
    "create_storage_tables",
    "create_tenancy_tables",
]
