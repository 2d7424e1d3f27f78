"""What an account's calls run on, value by value with its layer: for the API and the command line."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.explained import read_account
from isthmus.db.tables import environment_integration, integrated_account
from isthmus.errors import NotFound
from isthmus.integrations.effective.explanations import (
    ExplainedInstall,
    check_names,
    explain_definition,
    explain_mappings,
    read_install,
)
from isthmus.integrations.effective.provenance import NamedLayer

__all__ = ["effective_of_account", "effective_of_install", "environment_of"]


async def effective_of_account(
    conn: AsyncConnection, environment_id: str, id: str, *, path: str | None = None, **names: str | None
) -> dict[str, Any]:
    """`path`: only values of the definition there or below. `names`: `model`, `resource`, `method`, of which
    mappings. Secrets are masked. Raises NotFound, also for a path or name that nothing here has."""
    account = await read_account(conn, environment_id, id)
    install = account.install
    return await _effective(conn, install, account.override, account.mappings, path, names)


async def effective_of_install(
    conn: AsyncConnection, environment_id: str, id: str, *, path: str | None = None, **names: str | None
) -> dict[str, Any]:
    """As for an account that overrides nothing. `id`: of the install or of its integration."""
    return await _effective(conn, await read_install(conn, environment_id, id), None, None, path, names)


async def environment_of(conn: AsyncConnection, id: str) -> tuple[str, bool]:
    """`(environment_id, is_account)` of an account or an install; local administration alone looks across
    environments. Raises NotFound."""
    for table, is_account in ((integrated_account, True), (environment_integration, False)):
        found = (
            await conn.execute(select(table.c.environment_id).where(table.c.id == id))
        ).scalar_one_or_none()
        if found is not None:
            return found, is_account
    raise NotFound(f"no integrated account and no install has the id {id}.")


async def _effective(
    conn: AsyncConnection,
    install: ExplainedInstall,
    override: NamedLayer | None,
    mappings: NamedLayer | None,
    path: str | None,
    names: dict[str, str | None],
) -> dict[str, Any]:
    names = {name: value or None for name, value in names.items()}  # an empty parameter asks for nothing
    await check_names(conn, install.environment_id, **names)
    definition = explain_definition(install, override)
    mapped = await explain_mappings(conn, install.environment_id, install.integration_name, mappings, **names)
    return {
        "integration_name": install.integration_name,
        "environment_id": install.environment_id,
        "environment_integration_id": install.id,
        "integrated_account_id": None if override is None else override.id,
        "definition": definition.below(path or None),
        "mappings": [each.body for each in mapped],
    }
