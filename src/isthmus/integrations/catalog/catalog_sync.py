"""Writes the shipped catalogue to the database.

Rows are written when the catalogue's digest differs from the stored one, under a lock, so that of several
processes that start together only one writes. A start with an unchanged catalogue parses no YAML. Rows of
environments are never changed.
"""

from __future__ import annotations

import asyncio
from typing import Final

from sqlalchemy import ColumnElement, Table, delete, insert, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, current_time
from isthmus.db.epochs import increment_epochs
from isthmus.db.tables import (
    catalog_state,
    category,
    documentation,
    environment,
    integration,
    unified_model,
    unified_model_resource_method,
)
from isthmus.integrations.catalog.shipped_files import Catalog, Rows
from isthmus.kit.ids import derive_id

__all__ = ["sync_catalog"]

_ADVISORY_LOCK: Final = 0x1574_CA7A
_STATE_ID: Final = derive_id("catalog-state")


async def sync_catalog(database: Database, catalog: Catalog) -> bool:
    """Updates the catalogue's rows in the database. Returns False if they were up to date."""
    digest = await asyncio.to_thread(catalog.compute_digest)
    async with database.read() as conn:
        if await _read_stored_digest(conn) == digest:
            return False
    integrations, models, mappings = await asyncio.to_thread(catalog.read_rows)
    documentation_rows, categories = await asyncio.to_thread(catalog.read_documentation)
    async with database.write() as conn:
        if not database.is_sqlite:
            await conn.execute(text("SET LOCAL lock_timeout = 0"))  # a process that starts waits its turn
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        if await _read_stored_digest(conn) == digest:
            return False
        free = await _drop_taken_names(conn, integration, integrations)
        changed = await _write_changed_rows(conn, integration, free)
        free_models = await _drop_taken_names(conn, unified_model, models)
        changed |= await _write_changed_rows(conn, unified_model, free_models)
        kept_mappings = {key: row for key, row in mappings.items() if row["unified_model_id"] in free_models}
        mapped = unified_model_resource_method.c.unified_model_id.in_(list(free_models))
        changed |= await _replace_rows(conn, unified_model_resource_method, mapped, kept_mappings)
        await _replace_rows(
            conn,
            documentation,
            documentation.c.integration_id.in_(list(free)),
            {key: row for key, row in documentation_rows.items() if row["integration_id"] in free},
        )
        await _replace_rows(conn, category, true(), categories)
        await _store_digest(conn, digest)
        if changed:
            await increment_epochs(conn, (await conn.execute(select(environment.c.id))).scalars().all())
    return True


async def _read_stored_digest(conn: AsyncConnection) -> str | None:
    """Returns the digest of the catalogue that was written last; None before the first time."""
    statement = select(catalog_state.c.hash).where(catalog_state.c.id == _STATE_ID)
    digest: str | None = (await conn.execute(statement)).scalar_one_or_none()
    return digest


async def _store_digest(conn: AsyncConnection, digest: str) -> None:
    """Stores the digest of the catalogue whose rows are written."""
    now = current_time(conn)
    result = await conn.execute(
        update(catalog_state).where(catalog_state.c.id == _STATE_ID).values(hash=digest, updated_at=now)
    )
    if not result.rowcount:
        await conn.execute(
            insert(catalog_state).values(id=_STATE_ID, hash=digest, created_at=now, updated_at=now)
        )


async def _drop_taken_names(conn: AsyncConnection, table: Table, rows: Rows) -> Rows:
    """Returns `rows` without those whose name a team's own definition already uses."""
    statement = select(table.c.name).where(table.c.team_id.is_not(None))
    taken_names = set((await conn.execute(statement)).scalars().all())
    return {identity: row for identity, row in rows.items() if row["name"] not in taken_names}


async def _write_changed_rows(conn: AsyncConnection, table: Table, rows: Rows) -> bool:
    """Inserts new rows and updates those that differ from the stored ones. Returns True if anything
    changed."""
    if not rows:
        return False
    statement = select(table).where(table.c.id.in_(list(rows)))
    stored = {row["id"]: row for row in (await conn.execute(statement)).mappings().all()}
    now = current_time(conn)
    counters = [name for name in ("version", "revision") if name in table.c]
    new = [
        {**row, **dict.fromkeys(counters, 1), "id": identity, "created_at": now, "updated_at": now}
        for identity, row in rows.items()
        if identity not in stored
    ]
    if new:
        await conn.execute(insert(table), new)
    changed = [
        identity
        for identity, row in rows.items()
        if identity in stored and any(stored[identity][name] != value for name, value in row.items())
    ]
    raised = {name: table.c[name] + 1 for name in counters}
    for identity in changed:
        values = {**rows[identity], **raised, "updated_at": now}
        await conn.execute(update(table).where(table.c.id == identity).values(values))
    return bool(new or changed)


async def _replace_rows(
    conn: AsyncConnection, table: Table, is_replaced: ColumnElement[bool], rows: Rows
) -> bool:
    """Writes rows as `_write_changed_rows` does, and deletes the rows matching `own` that are not in `rows`.

    Returns True if anything changed.
    """
    statement = select(table.c.id).where(is_replaced)
    gone = [row_id for row_id in (await conn.execute(statement)).scalars().all() if row_id not in rows]
    if gone:
        await conn.execute(delete(table).where(table.c.id.in_(gone)))
    return await _write_changed_rows(conn, table, rows) or bool(gone)
