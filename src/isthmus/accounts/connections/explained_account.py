"""Explains what the calls of an account run on: each value with the layer it comes from, secrets masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.account_checks import SANDBOX_METHOD, account_not_found_error
from isthmus.accounts.rows.context import CONTEXT_SECRETS, OVERRIDE_SECRETS, build_effective_context
from isthmus.accounts.sandbox.sandbox_accounts import build_example_context
from isthmus.db.database import get_key_ring
from isthmus.db.tables import environment_integration, integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import merge_integration
from isthmus.definitions.load import load_integration
from isthmus.definitions.secrets import join_masked
from isthmus.engine.explain.dry_run import DryRun
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import NotFound
from isthmus.integrations.effective.explanations import (
    ExplainedInstall,
    check_names_installed,
    explain_definition,
    explain_mappings,
    read_install,
)
from isthmus.integrations.effective.provenance import NamedLayer
from isthmus.integrations.mappings.mapping_rows import LAYERS

__all__ = [
    "ExplainedAccount",
    "explain_account",
    "explain_install",
    "find_environment",
    "read_explained_account",
]


@dataclass(frozen=True, slots=True)
class ExplainedAccount:
    """An account with its layers. `override`, `mappings`: the account's own layer of the definition and of
    the mappings. `context`: the stored context with masked secrets."""

    id: str
    install: ExplainedInstall
    override: NamedLayer
    mappings: NamedLayer
    context: Mapping[str, Any]

    def merge_definition(self) -> IntegrationConfig:
        """Return the effective definition, with masked secrets. Raises DefinitionInvalid."""
        install = self.install
        merged = merge_integration(install.usable.content, install.override.content, self.override.content)
        return load_integration(merged, source=f"effective definition of {install.integration_name}")

    def start_dry_run(self, definition: IntegrationConfig, facts: AccountFacts) -> DryRun:
        """Return an upstream that records the request of one call instead of sending it."""
        context = self.context
        if facts.authentication_method == SANDBOX_METHOD:
            context = {**build_example_context(definition), **context}
        return DryRun(facts, build_effective_context(context, definition.reveal_variables()))


async def read_explained_account(conn: AsyncConnection, environment_id: str, id: str) -> ExplainedAccount:
    """Read an account with its install and layers. Raises NotFound, also for an account of another
    environment."""
    statement = select(integrated_account).where(
        integrated_account.c.id == id, integrated_account.c.environment_id == environment_id
    )
    row = (await conn.execute(statement)).mappings().one_or_none()
    if row is None:
        raise account_not_found_error(id)
    keys = get_key_ring(conn)
    override = OVERRIDE_SECRETS.decrypt(keys, row["id"], row["integration_override_secrets"])
    secrets = CONTEXT_SECRETS.decrypt(keys, row["id"], row["context_secrets"])
    return ExplainedAccount(
        id=row["id"],
        install=await read_install(conn, environment_id, row["environment_integration_id"]),
        override=NamedLayer(
            LAYERS[-1], row["id"], join_masked(row["integration_override"] or {}, override or {})
        ),
        mappings=NamedLayer(LAYERS[-1], row["id"], row["unified_model_override"] or {}),
        context=join_masked(row["context"], secrets or {}),
    )


async def explain_account(
    conn: AsyncConnection, environment_id: str, id: str, *, path: str | None = None, **names: str | None
) -> dict[str, Any]:
    """Return the effective definition and mappings of an account as JSON, each value with its layer.

    `path`: only values of the definition at or below it. `names`: `model`, `resource` and `method` of the
    mappings to include. Secrets are masked. Raises NotFound, also for an unknown path or name."""
    account = await read_explained_account(conn, environment_id, id)
    install = account.install
    return await _explain(conn, install, account.override, account.mappings, path, names)


async def explain_install(
    conn: AsyncConnection, environment_id: str, id: str, *, path: str | None = None, **names: str | None
) -> dict[str, Any]:
    """Return the same as `explain_account` for an account without overrides. `id`: of the install or of its
    integration."""
    return await _explain(conn, await read_install(conn, environment_id, id), None, None, path, names)


async def find_environment(conn: AsyncConnection, id: str) -> tuple[str, bool]:
    """Return `(environment id, is_account)` for the id of an account or an install; `is_account` is False for
    an install. Only local commands search all environments. Raises NotFound."""
    for table, is_account in ((integrated_account, True), (environment_integration, False)):
        row = (
            await conn.execute(select(table.c.environment_id).where(table.c.id == id))
        ).scalar_one_or_none()
        if row is not None:
            return row, is_account
    raise NotFound(f"no integrated account and no install has the id {id}.")


async def _explain(
    conn: AsyncConnection,
    install: ExplainedInstall,
    override: NamedLayer | None,
    mappings: NamedLayer | None,
    path: str | None,
    names: dict[str, str | None],
) -> dict[str, Any]:
    """Return the explanation of an account, or of an install if `override` is None, as JSON. `override`,
    `mappings`: the account's layers. `path`, `names`: as of `explain_account`."""
    names = {name: value or None for name, value in names.items()}  # an empty parameter counts as missing
    await check_names_installed(conn, install.environment_id, **names)
    definition = explain_definition(install, override)
    explained_mappings = await explain_mappings(
        conn, install.environment_id, install.integration_name, mappings, **names
    )
    return {
        "integration_name": install.integration_name,
        "environment_id": install.environment_id,
        "environment_integration_id": install.id,
        "integrated_account_id": None if override is None else override.id,
        "definition": definition.as_json(path or None),
        "mappings": [mapping.body for mapping in explained_mappings],
    }
