"""Processes of two versions work side by side while an upgrade is rolled out: who of them knows what.

An older one must not do for good what only a newer one does right: end an event that a subscriber it has
never heard of must see, or remove a schedule it has never heard of. SQLite has one process, and no peers.
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

__all__ = ["BEAT_SECONDS", "Peers"]

BEAT_SECONDS: Final = 10.0
GONE_SECONDS: Final = 60.0
"""A process that was silent for so long is gone, and what only it knew is known no more."""

_RECENTLY: Final = func.now() - text(f"interval '{GONE_SECONDS} seconds'")
_LONG_AGO: Final = func.now() - text("interval '1 day'")


class Peers:
    """What this process knows of one matter (`schedules`, `subscribers`), and what the others do."""

    def __init__(self, database: Database, matter: str, knows: Iterable[str]) -> None:
        self._database = database
        self._matter = matter
        self._id = new_id()
        self.knows = frozenset(knows)

    async def beat(self) -> None:
        """Says that this process is here; every `BEAT_SECONDS`."""
        if self._database.is_sqlite:
            return
        async with self._database.write() as conn:
            row = {"id": self._id, "matter": self._matter, "knows": sorted(self.knows)}
            here = insert_into(conn, peer).values(**row, started_at=func.now(), seen_at=func.now())
            again = here.on_conflict_do_update(index_elements=["id"], set_={"seen_at": func.now()})
            await conn.execute(again)
            await conn.execute(delete(peer).where(peer.c.seen_at < _LONG_AGO))

    async def leave(self) -> None:
        if not self._database.is_sqlite:
            async with self._database.write() as conn:
                await conn.execute(delete(peer).where(peer.c.id == self._id))

    async def known_to_others(self, conn: AsyncConnection) -> frozenset[str]:
        """What a process that is here knows, other than this one."""
        return await self._known(conn, peer.c.id != self._id)

    async def known_to_newer(self, conn: AsyncConnection) -> frozenset[str]:
        """What a process knows that started after this one."""
        mine = select(peer.c.started_at).where(peer.c.id == self._id).scalar_subquery()
        return await self._known(conn, peer.c.started_at > mine)

    async def _known(self, conn: AsyncConnection, which: ColumnElement[bool]) -> frozenset[str]:
        if self._database.is_sqlite:
            return frozenset()
        query = select(peer.c.knows).where(peer.c.matter == self._matter, peer.c.seen_at > _RECENTLY, which)
        return frozenset(name for knows in (await conn.execute(query)).scalars() for name in knows)
