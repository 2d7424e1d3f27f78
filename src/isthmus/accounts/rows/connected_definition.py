"""The integration that an account is connected to: all layers above the account merged, with its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.context import secret_field_names
from isthmus.db.database import keys_of
from isthmus.db.tables import environment, environment_integration, integration
from isthmus.definitions.actions import RESERVED_ACTIONS
from isthmus.definitions.credentials import Credential, credential_format
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import merge_integration
from isthmus.definitions.load import load_integration
from isthmus.definitions.secrets import join_secrets
from isthmus.errors import NotFound
from isthmus.integrations.catalog.integrations import build_usable_config
from isthmus.integrations.installs.environment_integrations import OVERRIDE_SECRETS
from isthmus.integrations.rows.definition_checks import check_integration_override

__all__ = ["STAGES", "ConnectedDefinition", "Stage", "hold_install", "schedules_of"]

Stage = Literal["post_install", "validation"]
STAGES: Final[tuple[Stage, ...]] = ("post_install", "validation")
_OAUTH: Final = "oauth"


@dataclass(frozen=True, slots=True)
class ConnectedDefinition:
    """The integration an account is connected to, as its install makes it; `merged` is plain JSON."""

    install_id: str
    name: str
    merged: Mapping[str, Any]
    credentials: Mapping[str, Credential]
    secret_fields: frozenset[str]

    @classmethod
    async def read(cls, conn: AsyncConnection, environment_id: str, install_id: str) -> ConnectedDefinition:
        """Raises NotFound for an install of another environment, or none."""
        statement = (
            select(
                environment_integration.c.id,
                environment_integration.c.override,
                environment_integration.c.override_secrets,
                integration.c.id.label("integration_id"),
                integration.c.name,
                integration.c.config,
                integration.c.secrets,
                (integration.c.team_id == environment.c.team_id).label("is_owner"),
            )
            .join(integration, integration.c.id == environment_integration.c.integration_id)
            .join(environment, environment.c.id == environment_integration.c.environment_id)
            .where(
                environment_integration.c.id == install_id,
                environment_integration.c.environment_id == environment_id,
            )
        )
        row = (await conn.execute(statement)).one_or_none()
        if row is None:
            raise _not_installed(install_id)
        keys = keys_of(conn)
        stored = {"id": row.integration_id, "config": row.config, "secrets": row.secrets}
        base = build_usable_config(keys, stored, is_owner=bool(row.is_owner))
        over = join_secrets(row.override, OVERRIDE_SECRETS.open(keys, row.id, row.override_secrets) or {})
        merged = merge_integration(base, over)
        # The forms are all that is needed of it here; the rest is not parsed.
        definition: IntegrationConfig = load_integration({"credentials": merged.get("credentials")})
        return cls(row.id, row.name, merged, definition.credentials, secret_field_names(definition))

    def check_override(self, override: Mapping[str, Any]) -> None:
        check_integration_override(self.name, self.merged, override, field="integration_override")

    def stages(self, override: Mapping[str, Any]) -> tuple[Stage, ...]:
        """What an account with this override goes through before it is active, in order."""
        actions = merge_integration(self.merged, override).get("actions") or {}
        return tuple(stage for stage in STAGES if (actions.get(stage) or {}).get("steps"))

    def schedules(self, override: Mapping[str, Any]) -> dict[str, str]:
        """Name to cron expression of the actions that come back, for an account with this override."""
        actions = merge_integration(self.merged, override).get("actions")
        if not any((action or {}).get("schedule") for action in (actions or {}).values()):
            return {}
        return schedules_of(load_integration({"actions": actions}))

    def credential_keys(self, method: str) -> frozenset[str]:
        """Top-level keys of the context that are credentials of this format."""
        credential = self.credentials.get(credential_format(method))
        if credential is None:
            return frozenset({_OAUTH})
        names = frozenset(field.name for field in credential.config.fields)
        return names if credential.format == "api_key" else names | {_OAUTH}


async def hold_install(conn: AsyncConnection, environment_id: str, install_id: str) -> None:
    """Until the commit the install stays, so that an account can be connected to it. Raises NotFound, also
    for one that was being removed."""
    stays = select(environment_integration.c.id).where(
        environment_integration.c.id == install_id,
        environment_integration.c.environment_id == environment_id,
    )
    if (await conn.execute(stays.with_for_update(read=True, key_share=True))).one_or_none() is None:
        raise _not_installed(install_id)


def _not_installed(install_id: str) -> NotFound:
    return NotFound(
        f"no environment integration {install_id} in this environment. GET /environment-integration "
        "lists what is installed."
    )


def schedules_of(definition: IntegrationConfig) -> dict[str, str]:
    """Name to cron expression of the actions that come back."""
    return {
        name: action.schedule.cron
        for name, action in definition.actions.items()
        if action.schedule is not None and name not in RESERVED_ACTIONS
    }
