"""What is checked before an account is written: its fields, its credentials, its overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.action_schedules import schedules_of
from isthmus.accounts.beginning import STAGES, Stage
from isthmus.accounts.context import secret_field_names
from isthmus.accounts.fields import submitted
from isthmus.db.database import keys_of
from isthmus.db.tables import environment, environment_integration, integration
from isthmus.definitions.credentials import Credential, credential_format
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import merge_integration
from isthmus.definitions.load import load_integration
from isthmus.definitions.secrets import join_secrets
from isthmus.errors import BadRequest, NotFound, failure
from isthmus.integrations.catalog.integrations import usable_config
from isthmus.integrations.effective.environment_models import model_names, read_models
from isthmus.integrations.installs.environment_integrations import OVERRIDE_SECRETS
from isthmus.integrations.mappings.mapping_rows import override_cells
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.definition_checks import check_mapping_override, check_override
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.unknown_names import check_cell, known_names

__all__ = [
    "LONGEST_TENANT_ID",
    "REGIONS",
    "SANDBOX",
    "STATUSES",
    "ConnectedDefinition",
    "check_fields",
    "check_mapping_overrides",
    "checked_context",
    "hold_install",
    "method_of",
]

REGIONS: Final = ("wnam", "enam", "apac", "eu")
STATUSES: Final = ("connecting", "active", "post_install_error", "validation_error", "needs_reauth")
SANDBOX: Final = "sandbox"
LONGEST_TENANT_ID: Final = 500
_OAUTH: Final = "oauth"
_REQUIRED: Final = ("tenant_id", "environment_integration_id", "authentication_method", "context")


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
        base = usable_config(keys, stored, is_owner=bool(row.is_owner))
        over = join_secrets(row.override, OVERRIDE_SECRETS.open(keys, row.id, row.override_secrets) or {})
        merged = merge_integration(base, over)
        # The forms are all that is needed of it here; the rest is not parsed.
        definition: IntegrationConfig = load_integration({"credentials": merged.get("credentials")})
        return cls(row.id, row.name, merged, definition.credentials, secret_field_names(definition))

    def check_override(self, override: Mapping[str, Any]) -> None:
        check_override(self.name, self.merged, override, field="integration_override")

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


def check_fields(values: Mapping[str, Any], *, creating: bool) -> None:
    failures = Failures()
    for name in _REQUIRED if creating else ():
        if values.get(name) is None:
            failures.add(name, "is required", "required")
    for name, most in (
        ("tenant_id", LONGEST_TENANT_ID),
        ("authentication_method", None),
        ("environment_integration_id", None),
    ):
        if values.get(name) is not None or (name in values and not creating):
            failures.text(name, values[name], most=most)
    if values.get("context") is not None or ("context" in values and not creating):
        failures.object("context", values["context"])
    _check_oauth(values.get("context"), failures)
    for name in ("unified_model_override", "integration_override"):
        if values.get(name) is not None:
            failures.object(name, values[name])
    if values.get("region") is not None and creating:
        failures.one_of("region", values["region"], REGIONS)
    if "status" in values and not creating:
        failures.one_of("status", values["status"], STATUSES)
    failures.throw("the integrated account is not valid")


def _check_oauth(context: Any, failures: Failures) -> None:
    """It is merged, so that tokens which are left out survive; what is no object would sweep them away."""
    value, path = context, "context"
    for name in (_OAUTH, "token"):
        value, path = value.get(name) if isinstance(value, Mapping) else None, f"{path}.{name}"
        if value is not None:
            failures.object(path, value)


def method_of(credentials: Mapping[str, Credential], sent: str) -> str:
    """The credential format that is meant; `basic` is another name of `api_key`."""
    name = credential_format(sent)
    if name in credentials:
        return name
    offered = ", ".join(credentials) or "none"
    raise BadRequest(
        f"authentication_method {sent} is not offered by this integration. It offers: {offered}.",
        failures=[failure("authentication_method", f"must be one of {offered}", "unknown_method")],
    )


def checked_context(
    credentials: Mapping[str, Credential], method: str, context: Mapping[str, Any], *, complete: bool
) -> dict[str, Any]:
    """The context as it is stored. `complete`: every required field has to be there, and for OAuth formats
    the token, since this server does not fetch one by itself yet."""
    credential = credentials.get(method)
    if credential is None:  # a sandbox account has no form
        return dict(context)
    failures = Failures()
    result = submitted(credential.config.fields, context, failures.add, complete=complete)
    if complete and credential.format != "api_key":
        token: Any = result
        for name in (_OAUTH, "token", "access_token"):
            token = token.get(name) if isinstance(token, Mapping) else None
        if not isinstance(token, str) or not token:
            failures.add(
                "context.oauth.token.access_token",
                f"is required: connect with {method} elsewhere and import its token",
                "required",
            )
    failures.throw(f"the credentials do not fit {method}")
    return result


async def check_mapping_overrides(
    conn: AsyncConnection, scope: Scope, override: Any, stored: Mapping[str, Any] | None = None
) -> None:
    """`{model: {resource: {method: partial mapping}}}`; a null anywhere counts as absent (A12). What `stored`
    names may be named again, also where it is gone since. Raises BadRequest."""
    for model, resources in _entries(override, "unified_model_override"):
        for resource, methods in _entries(resources, f"unified_model_override.{model}"):
            for method, config in _entries(methods, f"unified_model_override.{model}.{resource}"):
                field = f"unified_model_override.{model}.{resource}.{method}"
                if config is None:
                    continue
                if not isinstance(config, Mapping):
                    raise _no_object(field)
                check_mapping_override(config, source=f"{model}/{resource}.{method}", field=field)
    new = set(override_cells(override or {})) - set(override_cells(stored or {}))
    if new:
        named = {name for name, _, _ in new}
        found = await read_models(conn, scope, only_installed=False, names=named)
        models = {each.name: each for each in found}
        known = [] if named <= models.keys() else await model_names(conn, scope, only_installed=False)
        failures = Failures()
        for name, resource, method in sorted(new):
            at = f"unified_model_override.{name}"
            if name not in models:
                failures.add(at, f"must be a unified model: {known_names(name, known)}", "unknown_model")
                continue
            paths = (f"{at}.{resource}", f"{at}.{resource}.{method}")
            check_cell(failures, name, models[name].resources, (resource, method), paths)
        failures.throw("the mapping override names what is not there")


def _entries(value: Any, field: str) -> list[tuple[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise _no_object(field)
    return list(value.items())


def _no_object(field: str) -> BadRequest:
    return BadRequest(f"{field} must be an object.", failures=[failure(field, "must be an object", "type")])
