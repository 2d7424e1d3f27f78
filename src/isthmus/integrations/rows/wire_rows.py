"""Converts database rows to their shape in API responses.

Times stay datetimes; the API formats them as configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import integration, team
from isthmus.definitions.credentials import normalise_credentials

__all__ = [
    "OWNER_COLUMNS",
    "Row",
    "environment_integration_to_wire",
    "environment_model_to_wire",
    "integration_to_wire",
    "mapping_to_wire",
    "model_to_wire",
    "read_integration_summaries",
    "select_public_config",
    "summarize_integration",
]

Row = dict[str, Any]

_OWNER_FIELDS: Final = ("name", "domain", "logo", "created_at", "updated_at")
OWNER_COLUMNS: Final = tuple(team.c[name].label(f"team_{name}") for name in _OWNER_FIELDS)
"""What a SELECT of definitions, joined to their teams, needs for the field `team`."""

_SHIPPER: Final = "Isthmus"
_PUBLIC: Final = ("label", "logo", "icon")
_PUBLIC_CREDENTIAL: Final = ("fields", "documentation_link", "permissions_text")


def integration_to_wire(row: Mapping[str, Any], team_id: str, installed: Sequence[str]) -> Row:
    """Returns an integration in the shape of the API. `config` is complete for the owner and only its public
    part for other teams.

    `row`: the table's columns without secrets, and OWNER_COLUMNS. `installed`: ids of the team's environments
    that have the integration installed.
    """
    is_own = row["team_id"] == team_id
    return {
        "id": row["id"],
        "name": row["name"],
        "category": row["category"],
        "is_beta": row["is_beta"],
        "sharing": row["sharing"],
        "config": row["config"] if is_own else select_public_config(row["config"]),
        **_owner_fields(row),
        "can_install": is_own or row["team_id"] is None or row["sharing"] == "allow",
        "installed_environment": list(installed),
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def summarize_integration(identity: str, name: str, category: str | None, config: Mapping[str, Any]) -> Row:
    """Returns an integration as it is embedded in other rows: name, category, label and images, no other
    config."""
    return {
        "id": identity,
        "name": name,
        "category": category,
        "config": {key: config[key] for key in _PUBLIC if key in config}
        | {"label": config.get("label", name)},
    }


async def read_integration_summaries(conn: AsyncConnection, ids: Iterable[str]) -> Mapping[str, Row]:
    """Returns the summaries of integrations, by id. Each large definition is read once, however often its id
    occurs."""
    statement = select(
        integration.c.id, integration.c.name, integration.c.category, integration.c.config
    ).where(integration.c.id.in_(sorted(set(ids))))
    rows = (await conn.execute(statement)).all()
    return {row.id: summarize_integration(row.id, row.name, row.category, row.config) for row in rows}


def environment_integration_to_wire(row: Mapping[str, Any]) -> Row:
    """Returns an installed integration in the shape of the API. `row`: the table's columns without secrets,
    and optionally `integration`, its summary."""
    view = {
        "id": row["id"],
        "environment_id": row["environment_id"],
        "integration_id": row["integration_id"],
        "is_enabled": row["is_enabled"],
        "is_active": row["is_enabled"],
        "show_in_catalog": row["show_in_catalog"],
        "override": row["override"],
    }
    if "integration" in row:
        view["integration"] = row["integration"]
    return view | {"created_at": row["created_at"], "updated_at": row["updated_at"]}


def model_to_wire(row: Mapping[str, Any], installed: Sequence[str]) -> Row:
    """Returns a unified model in the shape of the API. `row`: the table's columns, and OWNER_COLUMNS.
    `installed`: ids of the team's environments that have it installed."""
    names = ("id", "name", "category", "description", "sharing", "resources", "scopes", "docs", "webhooks")
    return {
        **{name: row[name] for name in names},
        **_owner_fields(row),
        "installed_environment": list(installed),
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def environment_model_to_wire(row: Mapping[str, Any]) -> Row:
    """Returns an installed unified model in the shape of the API. `row`: the table's columns and
    `unified_model`, made by `model_to_wire`."""
    names = (
        "id",
        "environment_id",
        "unified_model_id",
        "override",
        "unified_model",
        "created_at",
        "updated_at",
    )
    return {name: row[name] for name in names}


def mapping_to_wire(row: Mapping[str, Any], parent: str) -> Row:
    """Returns a mapping in the shape of the API. `parent`: the column with the id of the unified model, or of
    its install, that the mapping belongs to."""
    names = ("id", parent, "integration_name", "resource_name", "method_name", "config", "version")
    return {name: row[name] for name in (*names, "created_at", "updated_at")}


def _owner_fields(row: Mapping[str, Any]) -> Row:
    """Returns the fields `team_id` and `team` of a definition's owner. The team of shipped ones has no id,
    since it is none of this server's."""
    owner = row["team_id"]
    fields = {name: row[f"team_{name}"] for name in _OWNER_FIELDS}
    return {
        "team_id": owner,
        "team": {"id": owner, **fields} if owner else {"id": None, **fields, "name": _SHIPPER},
    }


def select_public_config(config: Mapping[str, Any]) -> Row:
    """Returns the part of a config that every team that sees the integration may read: label, images and
    credential forms."""
    public = {key: config[key] for key in _PUBLIC if key in config}
    credentials = normalise_credentials(config.get("credentials"))
    if isinstance(credentials, Mapping):
        public["credentials"] = {
            name: _select_public_credential(entry)
            for name, entry in credentials.items()
            if isinstance(entry, Mapping)
        }
    return public


def _select_public_credential(entry: Mapping[str, Any]) -> Row:
    """Returns format, form fields and texts of a credential, without anything secret."""
    config = entry.get("config")
    shown = config if isinstance(config, Mapping) else {}
    return {
        "format": entry.get("format"),
        "config": {key: shown[key] for key in _PUBLIC_CREDENTIAL if key in shown},
    }
