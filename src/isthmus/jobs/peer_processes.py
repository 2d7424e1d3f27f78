"""Tells which names (schedules, subscribers) the running processes know, while two versions of the program
work side by side during an upgrade.

An older process must not do for good what only a newer one does right: mark an event as relayed that a
subscriber unknown to it must see, or delete a schedule unknown to it. SQLite has one process and no peers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database
from isthmus.db.tables.jobs import peer
from isthmus.db.upsert import insert_into
from isthmus.kit.ids import new_id

__all__ = ["HEARTBEAT_SECONDS", "PeerProcesses"]

HEARTBEAT_SECONDS: Final = 10.0
GONE_SECONDS: Final = 60.0
"""A process without a heartbeat for so long is gone, and the names that only it knew count no more."""

_GONE_SINCE: Final = func.now() - text(f"interval '{GONE_SECONDS} seconds'")
_DELETED_SINCE: Final = func.now() - text("interval '1 day'")


class PeerProcesses:
    """The names of one category (`schedules`, `subscribers`) that this process knows, and those that the
    other running processes know."""

    def __init__(self, database: Database, category: str, names: Iterable[str]) -> None:
        self._database = database
        self._category = category
        self._id = new_id()
        self.names = frozenset(names)

    async def send_heartbeat(self) -> None:
        """Records that this process is running, and what it knows. Call it every `HEARTBEAT_SECONDS`."""
        if self._database.is_sqlite:
            return
        async with self._database.write() as conn:
            row = {"id": self._id, "matter": self._category, "knows": sorted(self.names)}
            insert = insert_into(conn, peer).values(**row, started_at=func.now(), seen_at=func.now())
            upsert = insert.on_conflict_do_update(index_elements=["id"], set_={"seen_at": func.now()})
            await conn.execute(upsert)
            await conn.execute(delete(peer).where(peer.c.seen_at < _DELETED_SINCE))

    async def unregister(self) -> None:
        """Removes the row of this process: the names that only it knew count no more."""
        if not self._database.is_sqlite:
            async with self._database.write() as conn:
                await conn.execute(delete(peer).where(peer.c.id == self._id))

    async def read_names_of_others(self, conn: AsyncConnection) -> frozenset[str]:
        """Returns the names that the other running processes know."""
        return await self._read_names(conn, peer.c.id != self._id)

    async def read_names_of_newer(self, conn: AsyncConnection) -> frozenset[str]:
        """Returns the names that running processes know which started after this one."""
        own_start = select(peer.c.started_at).where(peer.c.id == self._id).scalar_subquery()
        return await self._read_names(conn, peer.c.started_at > own_start)

    async def _read_names(self, conn: AsyncConnection, condition: ColumnElement[bool]) -> frozenset[str]:
        """Returns the names that running processes know for which `condition` is true."""
        if self._database.is_sqlite:
            return frozenset()
        is_running = peer.c.seen_at > _GONE_SINCE
        query = select(peer.c.knows).where(peer.c.matter == self._category, is_running, condition)
        return frozenset(name for names in (await conn.execute(query)).scalars() for name in names)
