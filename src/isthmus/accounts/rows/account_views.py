"""The JSON form of integrated accounts, as the API returns them and events carry them. Times stay
datetimes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.context import build_visible_context, list_object_store_fields
from isthmus.db.tables import environment_integration, integrated_account, integration
from isthmus.integrations.rows.wire_rows import (
    Row,
    environment_integration_to_wire,
    read_integration_summaries,
)

__all__ = ["AccountStatus", "build_account_views", "read_status", "select_accounts"]

_HIDDEN_COLUMNS: Final = frozenset(
    {"context_secrets", "integration_override_secrets", "closed_until", "closed_at", "revision"}
)
_IDENTITY_FIELDS: Final = (
    "id",
    "tenant_id",
    "environment_integration_id",
    "environment_id",
    "status",
    "authentication_method",
    "region",
    "is_sandbox",
)
_STATE_FIELDS: Final = (
    "unified_model_override",
    "integration_override",
    "truto_static_gate_id",
    "last_error",
    "last_forbidden_error",
    "last_action_run_result",
)
_INSTALL_PREFIX: Final = "install__"


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """The status of an account, its `last_error`, and how its latest action ended
    (`last_action_run_result`)."""

    status: str
    last_error: str | None
    last_action: Mapping[str, Any] | None


async def read_status(conn: AsyncConnection, environment_id: str, account_id: str) -> AccountStatus | None:
    """Return the status of an account of the environment; None if there is no such account."""
    columns = integrated_account.c
    statement = select(columns.status, columns.last_error, columns.last_action_run_result).where(
        columns.id == account_id, columns.environment_id == environment_id
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else AccountStatus(*row)


def select_accounts(environment_id: str) -> Select[Any]:
    """Return the SELECT of the accounts of one environment with their installs and integrations, without
    encrypted columns."""
    return (
        select(
            *(column for column in integrated_account.c if column.key not in _HIDDEN_COLUMNS),
            *(
                column.label(f"{_INSTALL_PREFIX}{column.key}")
                for column in environment_integration.c
                if column.key != "override_secrets"
            ),
            integration.c.id.label("integration_id"),
            integration.c.name.label("integration_name"),
            integration.c.category.label("integration_category"),
            null().label("features_super_query"),
        )
        .join(
            environment_integration,
            environment_integration.c.id == integrated_account.c.environment_integration_id,
        )
        .join(integration, integration.c.id == environment_integration.c.integration_id)
        .where(integrated_account.c.environment_id == environment_id)
    )


async def build_account_views(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
    """Return the JSON form of accounts. `rows`: rows of the statement of `select_accounts`."""
    summaries = await read_integration_summaries(
        conn, (row[f"{_INSTALL_PREFIX}integration_id"] for row in rows)
    )
    return [_build_view(row, summaries) for row in rows]


def _build_view(row: Mapping[str, Any], summaries: Mapping[str, Row]) -> Row:
    """Return the JSON form of one account. `summaries`: of the integrations, by id."""
    install = {
        key[len(_INSTALL_PREFIX) :]: value for key, value in row.items() if key.startswith(_INSTALL_PREFIX)
    }
    return {
        **{name: row[name] for name in _IDENTITY_FIELDS},
        "context": build_visible_context(row["context"], install["override"]),
        "object_store_context_fields": list_object_store_fields(row["context"]),
        **{name: row[name] for name in _STATE_FIELDS},
        "last_action_result": row["last_action_run_result"],
        "features": {"super_query": None},
        "integration": summaries[install["integration_id"]],
        "environment_integration": environment_integration_to_wire(install),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
