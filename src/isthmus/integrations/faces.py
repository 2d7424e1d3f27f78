"""Who an integration is, inside the rows that refer to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import integration
from isthmus.integrations.views import Row, embedded_integration

__all__ = ["integration_faces"]


async def integration_faces(conn: AsyncConnection, ids: Iterable[str]) -> Mapping[str, Row]:
    """By id. Each definition is read once, however many rows refer to it: they are large."""
    statement = select(
        integration.c.id, integration.c.name, integration.c.category, integration.c.config
    ).where(integration.c.id.in_(sorted(set(ids))))
    rows = (await conn.execute(statement)).all()
    return {row.id: embedded_integration(row.id, row.name, row.category, row.config) for row in rows}
