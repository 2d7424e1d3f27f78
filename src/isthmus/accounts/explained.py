"""An account as authors look at it: layers told apart, secrets masked, and a way out that leads nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.account_checks import SANDBOX
from isthmus.accounts.context import effective_context
from isthmus.accounts.sandbox_accounts import example_context
from isthmus.accounts.sealed import CONTEXT_SECRETS, OVERRIDE_SECRETS
from isthmus.db.database import keys_of
from isthmus.db.tables import integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import merge_integration
from isthmus.definitions.load import load_integration
from isthmus.definitions.secrets import join_masked
from isthmus.engine.dry_run import DryRun
from isthmus.engine.ports import AccountFacts
from isthmus.errors import NotFound
from isthmus.integrations.effective.explanations import ExplainedInstall, read_install
from isthmus.integrations.effective.provenance import NamedLayer
from isthmus.integrations.mappings.mapping_rows import LAYERS

__all__ = ["ExplainedAccount", "read_account"]


@dataclass(frozen=True, slots=True)
class ExplainedAccount:
    """`override`, `mappings`: the account's layers of the definition and of mappings. `context`: the stored
    one, its secrets masked."""

    id: str
    install: ExplainedInstall
    override: NamedLayer
    mappings: NamedLayer
    context: Mapping[str, Any]

    def definition(self) -> IntegrationConfig:
        """All layers merged, as calls run on it, with a mask for each secret. Raises DefinitionInvalid."""
        install = self.install
        merged = merge_integration(install.usable.content, install.override.content, self.override.content)
        return load_integration(merged, source=f"effective definition of {install.integration_name}")

    def dry_run(self, definition: IntegrationConfig, facts: AccountFacts) -> DryRun:
        """A way out for one call."""
        context = self.context
        if facts.authentication_method == SANDBOX:
            context = {**example_context(definition), **context}
        return DryRun(facts, effective_context(context, definition.variables()))


async def read_account(conn: AsyncConnection, environment_id: str, id: str) -> ExplainedAccount:
    """Raises NotFound, also for an account of another environment."""
    statement = select(integrated_account).where(
        integrated_account.c.id == id, integrated_account.c.environment_id == environment_id
    )
    row = (await conn.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound(
            f"no integrated account {id} in this environment. GET /integrated-account lists its accounts."
        )
    keys = keys_of(conn)
    override = OVERRIDE_SECRETS.open(keys, row["id"], row["integration_override_secrets"])
    secrets = CONTEXT_SECRETS.open(keys, row["id"], row["context_secrets"])
    return ExplainedAccount(
        id=row["id"],
        install=await read_install(conn, environment_id, row["environment_integration_id"]),
        override=NamedLayer(
            LAYERS[-1], row["id"], join_masked(row["integration_override"] or {}, override or {})
        ),
        mappings=NamedLayer(LAYERS[-1], row["id"], row["unified_model_override"] or {}),
        context=join_masked(row["context"], secrets or {}),
    )
