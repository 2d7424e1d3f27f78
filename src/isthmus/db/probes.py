"""Finds out whether the database answers, and whether it takes a write, by small ones that leave nothing."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from isthmus.db.database import Database
from isthmus.db.tables import epoch
from isthmus.kit.ids import new_id

__all__ = ["probe_read", "probe_write"]


async def probe_read(database: Database) -> None:
    """Makes a read. Raises what the database raises."""
    async with database.read() as conn:
        await conn.execute(select(1))


async def probe_write(database: Database) -> None:
    """Writes a row and deletes it again, in one transaction. Raises what the database raises."""
    name = new_id()  # of nobody's, so that no two processes wait for each other
    async with database.write() as conn:
        await conn.execute(insert(epoch).values(environment_id=name, value=0))
        await conn.execute(delete(epoch).where(epoch.c.environment_id == name))
