"""All tables as SQLAlchemy sees them, one module for each room. `metadata` holds them all except those of the
job engine (`engine_metadata`). A test compares the migrations with it."""

from isthmus.db.tables.accounts import (
    account_lifecycle,
    blocked_account,
    credential_refresh,
    credential_revocation,
    idempotency_record,
    integrated_account,
    sandbox_record,
    static_gate,
)
from isthmus.db.tables.base import metadata
from isthmus.db.tables.connect import connect_session, connect_trip, link_token
from isthmus.db.tables.events import event
from isthmus.db.tables.integrations import (
    catalog_state,
    category,
    documentation,
    environment_integration,
    environment_unified_model,
    environment_unified_model_resource_method,
    integration,
    unified_model,
    unified_model_resource_method,
)
from isthmus.db.tables.jobs import engine_metadata, job, job_schedule, job_timer, job_worker
from isthmus.db.tables.storage import epoch, key_grant, server_secret, window_count
from isthmus.db.tables.tenancy import api_token, environment, team, user

__all__ = [
    "account_lifecycle",
    "api_token",
    "blocked_account",
    "catalog_state",
    "category",
    "connect_session",
    "connect_trip",
    "credential_refresh",
    "credential_revocation",
    "documentation",
    "engine_metadata",
    "environment",
    "environment_integration",
    "environment_unified_model",
    "environment_unified_model_resource_method",
    "epoch",
    "event",
    "idempotency_record",
    "integrated_account",
    "integration",
    "job",
    "job_schedule",
    "job_timer",
    "job_worker",
    "key_grant",
    "link_token",
    "metadata",
    "sandbox_record",
    "server_secret",
    "static_gate",
    "team",
    "unified_model",
    "unified_model_resource_method",
    "user",
    "window_count",
]
