"""Every table, one file a room. `metadata` holds them all; the migrations are tested against it."""

from isthmus.db.tables.accounts import integrated_account
from isthmus.db.tables.base import metadata
from isthmus.db.tables.integrations import (
    catalog_state,
    environment_integration,
    environment_unified_model,
    environment_unified_model_resource_method,
    integration,
    unified_model,
    unified_model_resource_method,
)
from isthmus.db.tables.storage import epoch, key_grant, server_secret
from isthmus.db.tables.tenancy import api_token, environment, team, user

__all__ = [
    "api_token",
    "catalog_state",
    "environment",
    "environment_integration",
    "environment_unified_model",
    "environment_unified_model_resource_method",
    "epoch",
    "integrated_account",
    "integration",
    "key_grant",
    "metadata",
    "server_secret",
    "team",
    "unified_model",
    "unified_model_resource_method",
    "user",
]
