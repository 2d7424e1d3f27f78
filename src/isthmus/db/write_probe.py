"""Finds out whether the database takes a write, by a small one that leaves nothing."""

from __future__ import annotations

from sqlalchemy import delete, insert

from isthmus.db.database import Database
from isthmus.db.tables import epoch
from isthmus.kit.ids import new_id

__all__ = ["probe_write"]


async def probe_write(database: Database) -> None:
    """Writes a row and deletes it again, in one transaction. Raises what the database raises."""
    name = new_id()  # of nobody's, so that no two processes wait for each other
    async with database.write() as conn:
        await conn.execute(insert(epoch).values(environment_id=name, value=0))
        await conn.execute(delete(epoch).where(epoch.c.environment_id == name))
