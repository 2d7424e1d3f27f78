"""INSERT statements with `ON CONFLICT`, for the database in use."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["insert_for", "insert_into"]


def insert_into(conn: AsyncConnection, table: Table) -> Any:
    """Returns `insert_for` in the dialect of the connection."""
    return insert_for(conn.dialect.name, table)


def insert_for(dialect: str, table: Table) -> Any:
    """Returns `sqlalchemy.dialects.<dialect>.insert(table)`, which has `on_conflict_do_nothing` and
    `on_conflict_do_update`. The other dialect is not imported: it costs a tenth of a second at each start."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert

    return postgresql_insert(table)
