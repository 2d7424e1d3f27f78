"""Refuses renames of integrations and unified models while other rows refer to them by name.

After a rename those rows would silently refer to nothing: a mapping, for example, would not be found any
more. So a name can change only when no row refers to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Executable, Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import (
    documentation,
    environment,
    environment_integration,
    environment_unified_model,
    environment_unified_model_resource_method,
    integrated_account,
    integration,
    unified_model,
    unified_model_resource_method,
)
from isthmus.errors import Conflict

__all__ = ["refuse_rename_of_integration", "refuse_rename_of_model"]


async def refuse_rename_of_integration(conn: AsyncConnection, team_id: str, row: Mapping[str, Any]) -> None:
    """Raises Conflict if mappings, documentation, or `scopes` or `webhooks` of unified models use the name.

    Rows of other teams count if the team has the integration installed.
    """
    name, base_mapping, environment_mapping = (
        row["name"],
        unified_model_resource_method,
        environment_unified_model_resource_method,
    )
    installs = environment_integration
    installers = (
        select(environment.c.team_id)
        .join(installs, installs.c.environment_id == environment.c.id)
        .where(installs.c.integration_id == row["id"])
    )

    def is_affected(owner: ColumnElement[Any]) -> ColumnElement[bool]:
        """Returns the condition that a team is the renaming one, or has the integration installed."""
        return or_(owner == team_id, owner.in_(installers))

    models = (
        select(base_mapping.c.id, unified_model.c.team_id)
        .join(unified_model, unified_model.c.id == base_mapping.c.unified_model_id)
        .where(base_mapping.c.integration_name == name, is_affected(unified_model.c.team_id))
    )
    environments = (
        select(environment_mapping.c.id, environment.c.team_id)
        .join(
            environment_unified_model,
            environment_unified_model.c.id == environment_mapping.c.environment_unified_model_id,
        )
        .join(environment, environment.c.id == environment_unified_model.c.environment_id)
        .where(environment_mapping.c.integration_name == name, is_affected(environment.c.team_id))
    )
    models_query = select(
        unified_model.c.id, unified_model.c.team_id, unified_model.c.scopes, unified_model.c.webhooks
    ).where(is_affected(unified_model.c.team_id))
    overridden = (
        select(environment_unified_model.c.id, environment.c.team_id, environment_unified_model.c.override)
        .join(environment, environment.c.id == environment_unified_model.c.environment_id)
        .where(is_affected(environment.c.team_id))
    )
    rows_by_route = {
        "documentation": await _fetch_rows(conn, _select_documentation(name, is_affected)),
        "unified-model-resource-method": await _fetch_rows(conn, models),
        "environment-unified-model-resource-method": await _fetch_rows(conn, environments),
        "unified-model": [
            model
            for model in await _fetch_rows(conn, models_query)
            if _has_name(model.scopes, name) or _has_name(model.webhooks, name)
        ],
        "environment-unified-model": [
            model
            for model in await _fetch_rows(conn, overridden)
            if any(_has_name(model.override.get(part), name) for part in ("scopes", "webhooks"))
        ],
    }
    _refuse_if_any(team_id, name, rows_by_route, "Give them the new name first, or delete them")


def _select_documentation(
    name: str, is_affected: Callable[[ColumnElement[Any]], ColumnElement[bool]]
) -> Executable:
    """Returns the SELECT of documentation rows with the integration's name, each with the team that owns what
    it is about.

    `is_affected`: makes the condition that a column holds the id of a team whose rows count.
    """
    table, integration_install, model_install = (
        documentation,
        environment_integration,
        environment_unified_model,
    )
    owner = func.coalesce(environment.c.team_id, integration.c.team_id, unified_model.c.team_id)
    return (
        select(table.c.id, owner.label("team_id"))
        .outerjoin(integration, integration.c.id == table.c.integration_id)
        .outerjoin(unified_model, unified_model.c.id == table.c.unified_model_id)
        .outerjoin(integration_install, integration_install.c.id == table.c.environment_integration_id)
        .outerjoin(model_install, model_install.c.id == table.c.environment_unified_model_id)
        .outerjoin(
            environment,
            environment.c.id
            == func.coalesce(integration_install.c.environment_id, model_install.c.environment_id),
        )
        .where(table.c.integration_name == name, is_affected(owner))
    )


async def refuse_rename_of_model(conn: AsyncConnection, team_id: str, row: Mapping[str, Any]) -> None:
    """Raises Conflict if accounts override mappings of the model.

    Accounts of the team count, and those of other environments that have the model installed.
    """
    accounts, installs = integrated_account, environment_unified_model
    installed = select(installs.c.environment_id).where(installs.c.unified_model_id == row["id"])
    statement = (
        select(accounts.c.id, environment.c.team_id, accounts.c.unified_model_override)
        .join(environment, environment.c.id == accounts.c.environment_id)
        .where(
            accounts.c.unified_model_override.is_not(None),
            or_(environment.c.team_id == team_id, accounts.c.environment_id.in_(installed)),
        )
    )
    rows = await _fetch_rows(conn, statement)
    referring = [account for account in rows if _has_name(account.unified_model_override, row["name"])]
    advice = "Take the model out of their unified_model_override first, and put it back under the new name"
    _refuse_if_any(team_id, row["name"], {"integrated-account": referring}, advice)


async def _fetch_rows(conn: AsyncConnection, statement: Executable) -> Sequence[Row[Any]]:
    """Executes a query and returns its rows."""
    return (await conn.execute(statement)).all()


def _has_name(value: Any, name: str) -> bool:
    """Returns True if `value` is an object that has the key `name`, not null."""
    return isinstance(value, Mapping) and value.get(name) is not None


def _refuse_if_any(
    team_id: str, name: str, rows_by_route: Mapping[str, Sequence[Row[Any]]], advice: str
) -> None:
    """Raises Conflict if there are any rows; of other teams' rows it gives only the number.

    `rows_by_route`: rows with `id` and `team_id`, by the API route that shows them. `advice`: how to remove
    the references.
    """
    total = sum(len(rows) for rows in rows_by_route.values())
    if not total:
        return
    own_ids = {
        kind: [row.id for row in rows if row.team_id == team_id] for kind, rows in rows_by_route.items()
    }
    listed_ids = {kind: sorted(ids) for kind, ids in own_ids.items() if ids}
    where = f" ({', '.join(f'/{kind}' for kind in listed_ids)})" if listed_ids else ""
    raise Conflict(
        f"{name} stays: {total} row(s){where} refer to it by this name, and would be left behind. {advice}.",
        details={
            "referring": listed_ids,
            "referring_of_other_teams": total - sum(len(ids) for ids in listed_ids.values()),
        },
    )
