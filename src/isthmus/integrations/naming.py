"""Integrations and unified models by name, wherever rows hold their ids or names."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from sqlalchemy import Table, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.listing import Filter, ListQuery
from isthmus.db.tables import environment_integration, integration, unified_model
from isthmus.errors import BadRequest, failure
from isthmus.integrations.owned import seen_by
from isthmus.integrations.scope import Scope
from isthmus.kit.ids import is_uuid

__all__ = ["require_integration", "with_ids"]

_NAMED: Final = {"integration_id": integration, "unified_model_id": unified_model}


async def with_ids(conn: AsyncConnection, query: ListQuery) -> ListQuery:
    """`query` with an id for each name that its filters give in the place of one; an unknown name stays, and
    finds nothing."""
    filters = []
    for each in query.filters:
        table = _NAMED.get(each.field)
        filters.append(each if table is None else await _with_ids(conn, table, each))
    return replace(query, filters=tuple(filters))


async def require_integration(conn: AsyncConnection, scope: Scope, name: str) -> None:
    """Raises BadRequest for a name of no integration that the team sees or the environment has installed."""
    here = exists().where(
        environment_integration.c.integration_id == integration.c.id,
        environment_integration.c.environment_id == scope.environment_id,
    )
    known = select(integration.c.name).where(or_(seen_by(integration, scope.team_id), here))
    names = (await conn.execute(known)).scalars().all()
    if name in names:
        return
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    raise BadRequest(
        f"there is no integration {name} to map.{hint} GET /integration lists those this token sees; create "
        "or install it first.",
        failures=[failure("integration_name", "must be the name of an integration", "unknown_integration")],
    )


async def _with_ids(conn: AsyncConnection, table: Table, each: Filter) -> Filter:
    wanted = [value for value in each.values if not is_uuid(value)]
    if not wanted:
        return each
    found = await conn.execute(select(table.c.name, table.c.id).where(table.c.name.in_(wanted)))
    ids = {row.name: row.id for row in found}
    return replace(each, values=tuple(ids.get(value, value) for value in each.values))
