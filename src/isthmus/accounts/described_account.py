"""Describes what can be called through an account, whatever the state of its credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.account_checks import account_not_found_error
from isthmus.db.tables import blocked_account, environment_integration, integrated_account
from isthmus.integrations.meta.integration_description import IntegrationDescription, describe_install
from isthmus.integrations.rows.scope import Scope

__all__ = ["DescribedAccount", "describe_account"]


@dataclass(frozen=True, slots=True)
class DescribedAccount:
    """An account with its integration, all layers merged. `mappings`: the account's own overrides, by model,
    resource and method."""

    id: str
    status: str
    authentication_method: str
    is_blocked: bool
    integration: IntegrationDescription
    mappings: Mapping[str, Any] = field(repr=False)


async def describe_account(conn: AsyncConnection, scope: Scope, account_id: str) -> DescribedAccount:
    """Read an account and its merged definition. Raises NotFound, also for an account of another
    environment."""
    statement = (
        select(
            integrated_account.c.id,
            integrated_account.c.status,
            integrated_account.c.authentication_method,
            integrated_account.c.integration_override,
            integrated_account.c.unified_model_override,
            integrated_account.c.environment_integration_id,
            environment_integration.c.integration_id,
            blocked_account.c.id.is_not(None).label("is_blocked"),
        )
        .join(
            environment_integration,
            environment_integration.c.id == integrated_account.c.environment_integration_id,
        )
        .outerjoin(blocked_account, blocked_account.c.id == integrated_account.c.id)
        .where(
            integrated_account.c.id == account_id,
            integrated_account.c.environment_id == scope.environment_id,
        )
    )
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        raise account_not_found_error(account_id)
    described = await describe_install(
        conn,
        row.integration_id,
        row.environment_integration_id,
        account_override=row.integration_override,
        authentication_method=row.authentication_method,
    )
    return DescribedAccount(
        id=row.id,
        status=row.status,
        authentication_method=row.authentication_method,
        is_blocked=bool(row.is_blocked),
        integration=described,
        mappings=row.unified_model_override or {},
    )
