"""Creates the sandbox account that every install gets: its id, its example credentials, its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.account_checks import REGIONS, SANDBOX_METHOD
from isthmus.accounts.rows.account_events import emit_account_events
from isthmus.accounts.rows.context import CONTEXT_SECRETS, list_secret_fields, split_context
from isthmus.accounts.rows.credential_form import validate_form
from isthmus.db.database import current_time, get_key_ring
from isthmus.db.tables import (
    environment,
    environment_integration,
    integrated_account,
    integration,
    unified_model,
    unified_model_resource_method,
)
from isthmus.db.upsert import insert_into
from isthmus.definitions.actions import FormField, FormStep
from isthmus.definitions.credentials import CredentialField
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.load import load_integration
from isthmus.events.catalogue import IntegratedAccountActive, IntegratedAccountCreated
from isthmus.kit.ids import derive_id

__all__ = [
    "SANDBOX_TENANT",
    "build_example_context",
    "create_sandbox_account",
    "derive_sandbox_account_id",
    "find_sample_account",
]

SANDBOX_TENANT: Final = "sandbox"
_EXAMPLE_BY_FORMAT: Final = {
    "email": "person@example.com",
    "number": "1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "url": "https://example.com",
}
_EXAMPLE_BY_TYPE: Final = {"checkbox": True, "number": 1}
_EXAMPLE_OAUTH_TOKEN: Final = {
    "access_token": "sandbox-access-token",
    "refresh_token": "sandbox-refresh-token",
}


def derive_sandbox_account_id(environment_id: str, integration_id: str) -> str:
    """Derive the id of the sandbox account of an integration in an environment. It stays the same when the
    integration is installed again, so that examples keep working."""
    return derive_id("sandbox-account", environment_id, integration_id)


def build_example_context(definition: IntegrationConfig) -> dict[str, Any]:
    """Return a context with an example value for every credential field of every format, and for every field
    of the form after connecting that the definition writes out, so that its templates can be filled."""
    context: dict[str, Any] = {}
    for credential in definition.credentials.values():
        for field in credential.config.fields:
            context.setdefault(field.name, _choose_example(field))
        if credential.format != "api_key":
            context.setdefault(
                "oauth",
                {"token": dict(_EXAMPLE_OAUTH_TOKEN), "scope": list(getattr(credential.config, "scope", ()))},
            )
    for form_field in _iter_form_fields(definition):
        context.setdefault(form_field.name, _choose_form_example(form_field))
    return context


def _iter_form_fields(definition: IntegrationConfig) -> Iterator[FormField]:
    """Yield the fields of the form after connecting; those that an expression computes are not known."""
    action = definition.actions.get("post_connect_user_form")
    for step in action.steps if action is not None else ():
        if isinstance(step, FormStep) and isinstance(step.config, tuple):
            yield from step.config


def _choose_form_example(field: FormField) -> Any:
    """Return an example of what the form stores for a field: a list if several values may be chosen."""
    if field.default is not None:
        return field.default
    value = _EXAMPLE_BY_TYPE.get(field.type) or _choose_example(field)
    stored = {"label": str(value), "value": value} if field.store == "object" else value
    return [stored] if field.is_multiple else stored


async def create_sandbox_account(
    conn: AsyncConnection,
    environment_id: str,
    install_id: str,
    integration_id: str,
    config: Mapping[str, Any],
) -> str:
    """Create the sandbox account of an install unless it exists, and return its id. `config`: of the
    integration. The caller increments the epoch."""
    read = {name: config[name] for name in ("credentials", "actions") if name in config}
    definition = load_integration(read, source="integration")
    plain, secrets = split_context(build_example_context(definition), list_secret_fields(definition))
    identity, now = derive_sandbox_account_id(environment_id, integration_id), current_time(conn)
    statement: Any = insert_into(conn, integrated_account).values(
        id=identity,
        environment_id=environment_id,
        environment_integration_id=install_id,
        tenant_id=SANDBOX_TENANT,
        status="active",
        authentication_method=SANDBOX_METHOD,
        region=REGIONS[0],
        is_sandbox=True,
        context=plain,
        context_secrets=CONTEXT_SECRETS.encrypt(get_key_ring(conn), identity, secrets or None),
        revision=1,
        created_at=now,
        updated_at=now,
    )
    result = await conn.execute(statement.on_conflict_do_nothing().returning(integrated_account.c.id))
    if result.scalar_one_or_none() is not None:
        await emit_account_events(
            conn, environment_id, identity, IntegratedAccountCreated, IntegratedAccountActive
        )
    return identity


def _choose_example(field: CredentialField | FormField) -> Any:
    """Return the first example value that is valid for the field."""
    candidates = [
        field.default,
        field.options[0].value if field.options else None,
        _placeholder_to_value(field.placeholder),
        _EXAMPLE_BY_FORMAT.get(field.format or ""),
        f"sandbox-{field.name}" if field.type == "password" else SANDBOX_TENANT,
    ]
    for candidate in candidates:
        if candidate not in (None, "") and _is_valid_value(field, candidate):
            return candidate
    return SANDBOX_TENANT


def _placeholder_to_value(placeholder: str | None) -> str | None:
    """Return a placeholder that could be a value; None for a missing one and for a sentence."""
    return placeholder if placeholder and not any(letter.isspace() for letter in placeholder) else None


def _is_valid_value(field: CredentialField | FormField, candidate: Any) -> bool:
    """Return True if the form of the field accepts the value."""
    problems: list[str] = []
    validate_form([field], {field.name: candidate}, lambda path, *_: problems.append(path), complete=True)
    return not problems


async def find_sample_account(conn: AsyncConnection, model: str, resource: str) -> str | None:
    """Return the id of a sandbox account that can list `model/resource`, of the oldest environment that has
    one; else None."""
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
            integrated_account.c.authentication_method == SANDBOX_METHOD,
            unified_model.c.name == model,
            mapping.c.resource_name == resource,
            mapping.c.method_name == "list",
        )
        .order_by(environment.c.created_at, integration.c.name)
        .limit(1)
    )
    account_id: str | None = (await conn.execute(statement)).scalar_one_or_none()
    return account_id
