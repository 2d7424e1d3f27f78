"""Installs integrations in an environment, each with its sandbox account, and removes installs with their
accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.lifecycle.account_jobs import prepare_deletion
from isthmus.accounts.rows.account_events import emit_accounts_deleted
from isthmus.accounts.sandbox.sandbox_accounts import create_sandbox_account
from isthmus.db.epochs import increment_epoch
from isthmus.db.listing import ListQuery, Page
from isthmus.db.tables import environment, integrated_account, integration, unified_model
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.rows.scope import EnvironmentScope, Scope
from isthmus.integrations.rows.wire_rows import Row
from isthmus.kit.call_warnings import CallWarning

__all__ = ["Installs", "install_everything"]


class Installs:
    """The installs of one environment: their rows are in `EnvironmentIntegrations`, and this adds what
    belongs to accounts. Each install has a sandbox account, and is deleted together with its accounts.

    The `id` of a method is that of the install or that of its integration; a name is not accepted.
    """

    FILTERS = EnvironmentIntegrations.FILTERS

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope
        self._install_rows = EnvironmentIntegrations(conn, scope)

    @property
    def warnings(self) -> Sequence[CallWarning]:
        """Return the warnings on the overrides that were written."""
        return self._install_rows.warnings

    async def list(self, query: ListQuery) -> Page:
        """Return a page of the installs."""
        return await self._install_rows.list(query)

    async def get(self, id: str) -> Row:
        """Return an install. Raises NotFound."""
        return await self._install_rows.get(id)

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Install an integration and create its sandbox account; return the install. An install that exists
        is returned."""
        row = await self._install_rows.create(values)
        config = (
            await self._conn.execute(
                select(integration.c.config).where(integration.c.id == row["integration_id"])
            )
        ).scalar_one()
        await create_sandbox_account(
            self._conn, self._scope.environment_id, row["id"], row["integration_id"], config
        )
        await increment_epoch(self._conn, self._scope.environment_id)
        return row

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Change an install, and return it. Raises NotFound, BadRequest."""
        return await self._install_rows.update(id, changes)

    async def delete(self, id: str) -> str:
        """Delete an install with all its accounts, and return the install's own id. Queues the revocation of
        the accounts' tokens at the provider, and cancels their jobs. Raises NotFound."""
        install_id = await self._install_rows.lock(id)
        belongs_to_install = integrated_account.c.environment_integration_id == install_id
        await prepare_deletion(self._conn, self._scope.environment_id, belongs_to_install)
        delete_accounts = delete(integrated_account).where(
            belongs_to_install, integrated_account.c.environment_id == self._scope.environment_id
        )
        deleted_ids = await self._conn.execute(delete_accounts.returning(integrated_account.c.id))
        await emit_accounts_deleted(self._conn, self._scope.environment_id, deleted_ids.scalars().all())
        return await self._install_rows.delete(install_id)


async def install_everything(conn: AsyncConnection, environment_id: str) -> None:
    """Install every shipped integration, with its sandbox account, and every shipped unified model. Installs
    that exist stay as they are."""
    team_id = (
        await conn.execute(select(environment.c.team_id).where(environment.c.id == environment_id))
    ).scalar_one()
    scope = EnvironmentScope(environment_id, team_id)
    installs, models = Installs(conn, scope), EnvironmentUnifiedModels(conn, scope)
    shipped_integrations = (
        select(integration.c.id).where(integration.c.team_id.is_(None)).order_by(integration.c.name)
    )
    for identity in (await conn.execute(shipped_integrations)).scalars().all():
        await installs.create({"integration_id": identity})
    shipped_models = (
        select(unified_model.c.id).where(unified_model.c.team_id.is_(None)).order_by(unified_model.c.name)
    )
    for identity in (await conn.execute(shipped_models)).scalars().all():
        await models.create({"unified_model_id": identity})
