"""Makes the statement that reads an account with everything that its calls need."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from isthmus.db.tables import (
    blocked_account,
    environment,
    environment_integration,
    integrated_account,
    integration,
)

__all__ = ["select_account"]


def select_account(environment_id: str, account_id: str) -> Any:
    """Return the SELECT of an account with its install, integration and block list entry. It finds no row for
    an unknown account, and for one of another environment."""
    names = (
        "id",
        "tenant_id",
        "status",
        "is_sandbox",
        "authentication_method",
        "context",
        "context_secrets",
        "unified_model_override",
        "integration_override",
        "integration_override_secrets",
        "last_error",
        "last_forbidden_error",
        "closed_until",
        "closed_at",
        "truto_static_gate_id",
        "revision",
    )
    return (
        select(
            *(integrated_account.c[name] for name in names),
            environment_integration.c.id.label("install_id"),
            environment_integration.c.revision.label("install_revision"),
            environment_integration.c.is_enabled,
            environment_integration.c.override.label("install_override"),
            environment_integration.c.override_secrets.label("install_secrets"),
            integration.c.id.label("integration_id"),
            integration.c.revision.label("integration_revision"),
            integration.c.name.label("integration_name"),
            environment.c.settings.label("environment_settings"),
            (integration.c.team_id == environment.c.team_id).label("is_owner"),
            blocked_account.c.id.is_not(None).label("is_blocked"),
        )
        .join(
            environment_integration,
            environment_integration.c.id == integrated_account.c.environment_integration_id,
        )
        .join(integration, integration.c.id == environment_integration.c.integration_id)
        .join(environment, environment.c.id == integrated_account.c.environment_id)
        .outerjoin(blocked_account, blocked_account.c.id == integrated_account.c.id)
        .where(integrated_account.c.id == account_id, integrated_account.c.environment_id == environment_id)
    )
