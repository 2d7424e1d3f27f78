"""Integrations and unified models by name, wherever rows hold their ids or names."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.listing import Filter, ListQuery
from isthmus.db.tables import integration, unified_model
from isthmus.kit.ids import is_uuid

__all__ = ["with_ids"]

_NAMED: Final = {"integration_id": integration, "unified_model_id": unified_model}


async def with_ids(conn: AsyncConnection, query: ListQuery) -> ListQuery:
    """`query` with an id for each name that its filters give in the place of one; an unknown name stays, and
    finds nothing."""
    filters = []
    for each in query.filters:
        table = _NAMED.get(each.field)
        filters.append(each if table is None else await _with_ids(conn, table, each))
    return replace(query, filters=tuple(filters))


async def _with_ids(conn: AsyncConnection, table: Table, each: Filter) -> Filter:
    wanted = [value for value in each.values if not is_uuid(value)]
    if not wanted:
        return each
    found = await conn.execute(select(table.c.name, table.c.id).where(table.c.name.in_(wanted)))
    ids = {row.name: row.id for row in found}
    return replace(each, values=tuple(ids.get(value, value) for value in each.values))
