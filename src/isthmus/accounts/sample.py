"""An account that a first call can be tried on."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.account_checks import SANDBOX
from isthmus.db.tables import (
    environment,
    environment_integration,
    integrated_account,
    integration,
    unified_model,
    unified_model_resource_method,
)

__all__ = ["sample_account"]


async def sample_account(conn: AsyncConnection, model: str, resource: str) -> str | None:
    """The id of an offline sandbox account of the oldest environment that lists `model/resource`."""
    mapping = unified_model_resource_method
    statement = (
        select(integrated_account.c.id)
        .join(environment, environment.c.id == integrated_account.c.environment_id)
        .join(
            environment_integration,
            environment_integration.c.id == integrated_account.c.environment_integration_id,
        )
        .join(integration, integration.c.id == environment_integration.c.integration_id)
        .join(mapping, mapping.c.integration_name == integration.c.name)
        .join(unified_model, unified_model.c.id == mapping.c.unified_model_id)
        .where(
            integrated_account.c.authentication_method == SANDBOX,
            unified_model.c.name == model,
            mapping.c.resource_name == resource,
            mapping.c.method_name == "list",
        )
        .order_by(environment.c.created_at, integration.c.name)
        .limit(1)
    )
    found: str | None = (await conn.execute(statement)).scalar_one_or_none()
    return found
