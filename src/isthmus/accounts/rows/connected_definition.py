"""The definition that an account is connected to: its integration with the override of its install merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.context import list_secret_fields
from isthmus.db.database import get_key_ring
from isthmus.db.tables import environment, environment_integration, integration
from isthmus.definitions.actions import RESERVED_ACTIONS
from isthmus.definitions.credentials import Credential, resolve_credential_format
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import merge_integration
from isthmus.definitions.load import load_integration
from isthmus.definitions.secrets import join_secrets
from isthmus.errors import NotFound
from isthmus.integrations.catalog.integrations import build_usable_config
from isthmus.integrations.installs.environment_integrations import OVERRIDE_SECRETS
from isthmus.integrations.rows.definition_checks import check_integration_override
from isthmus.kit.call_warnings import CallWarning

__all__ = ["STAGES", "ConnectedDefinition", "Stage", "list_action_schedules", "lock_install"]

Stage = Literal["post_install", "validation"]
STAGES: Final[tuple[Stage, ...]] = ("post_install", "validation")
_OAUTH: Final = "oauth"


@dataclass(frozen=True, slots=True)
class ConnectedDefinition:
    """The definition of an account's integration, with the override of its install merged in.

    `merged`: the whole merged definition as plain JSON. `credentials`: the parsed credential formats by name.
    `secret_fields`: the names of their password fields."""

    install_id: str
    name: str
    merged: Mapping[str, Any]
    credentials: Mapping[str, Credential]
    secret_fields: frozenset[str]

    @classmethod
    async def read(cls, conn: AsyncConnection, environment_id: str, install_id: str) -> ConnectedDefinition:
        """Read and merge the definition of an install. Raises NotFound for an unknown install and for one of
        another environment."""
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
            raise _install_not_found_error(install_id)
        keys = get_key_ring(conn)
        stored = {"id": row.integration_id, "config": row.config, "secrets": row.secrets}
        base = build_usable_config(keys, stored, is_owner=bool(row.is_owner))
        over = join_secrets(row.override, OVERRIDE_SECRETS.decrypt(keys, row.id, row.override_secrets) or {})
        merged = merge_integration(base, over)
        # The forms are all that is needed of it here; the rest is not parsed.
        definition: IntegrationConfig = load_integration({"credentials": merged.get("credentials")})
        return cls(row.id, row.name, merged, definition.credentials, list_secret_fields(definition))

    def check_override(self, override: Mapping[str, Any]) -> list[CallWarning]:
        """Return warnings on the account's override. Raises BadRequest where it makes the definition
        invalid."""
        return check_integration_override(self.name, self.merged, override, field="integration_override")

    def list_stages(self, override: Mapping[str, Any]) -> tuple[Stage, ...]:
        """Return the lifecycle stages, in order, that an account with this override passes before it is
        active."""
        actions = merge_integration(self.merged, override).get("actions") or {}
        return tuple(stage for stage in STAGES if (actions.get(stage) or {}).get("steps"))

    def list_schedules(self, override: Mapping[str, Any]) -> dict[str, str]:
        """Return the cron expression of each scheduled action, by action name, for an account with this
        override."""
        actions = merge_integration(self.merged, override).get("actions")
        if not any((action or {}).get("schedule") for action in (actions or {}).values()):
            return {}
        return list_action_schedules(load_integration({"actions": actions}))

    def list_credential_keys(self, method: str) -> frozenset[str]:
        """Return the top-level keys of the context that hold credentials of this credential format."""
        credential = self.credentials.get(resolve_credential_format(method))
        if credential is None:
            return frozenset({_OAUTH})
        names = frozenset(field.name for field in credential.config.fields)
        return names if credential.format == "api_key" else names | {_OAUTH}


async def lock_install(conn: AsyncConnection, environment_id: str, install_id: str) -> None:
    """Keep the install from being deleted until the end of this transaction. Raises NotFound for an unknown
    install, for one of another environment, and for one that another transaction deleted."""
    stays = select(environment_integration.c.id).where(
        environment_integration.c.id == install_id,
        environment_integration.c.environment_id == environment_id,
    )
    if (await conn.execute(stays.with_for_update(read=True, key_share=True))).one_or_none() is None:
        raise _install_not_found_error(install_id)


def _install_not_found_error(install_id: str) -> NotFound:
    """Return the error for an install that does not exist in this environment."""
    return NotFound(
        f"no environment integration {install_id} in this environment. GET /environment-integration "
        "lists what is installed."
    )


def list_action_schedules(definition: IntegrationConfig) -> dict[str, str]:
    """Return the cron expression of each scheduled action of a definition, by action name; reserved actions
    have none."""
    return {
        name: action.schedule.cron
        for name, action in definition.actions.items()
        if action.schedule is not None and name not in RESERVED_ACTIONS
    }
