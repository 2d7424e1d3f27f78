"""Users of a team (`api.md` §3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import current_time
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import user
from isthmus.errors import NotFound
from isthmus.kit.ids import new_id

__all__ = ["Users", "create_user"]

_FILTERS = ("id", "name", "email", "is_active", "is_staff", "last_login_at", "created_at", "updated_at")


class Users:
    """The users of one team, in their wire shape: `role`, `team` and `environment` are lists."""

    def __init__(self, conn: AsyncConnection, team_id: str) -> None:
        self._conn = conn
        self._own = select(user).where(user.c.team_id == team_id)

    async def list(self, query: ListQuery) -> Page:
        page = await fetch_page(self._conn, self._own, {name: user.c[name] for name in _FILTERS}, query)
        return replace(page, rows=[_wire(row) for row in page.rows])

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Raises NotFound."""
        row = (await self._conn.execute(self._own.where(user.c.id == id))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no user {id} in this team")
        return _wire(row)


async def create_user(
    conn: AsyncConnection, team_id: str, *, name: str, email: str, is_staff: bool, role: list[str]
) -> str:
    """The id of a new user, who cannot sign in yet and sees every environment of the team."""
    identity, now = new_id(), current_time(conn)
    await conn.execute(
        insert(user).values(
            id=identity,
            created_at=now,
            updated_at=now,
            team_id=team_id,
            name=name,
            email=email,
            is_active=True,
            is_staff=is_staff,
            role=role,
            environment_ids=[],
        )
    )
    return identity


def _wire(row: Mapping[Any, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in (*_FILTERS, "role")}
    return {**shown, "team": [row["team_id"]], "environment": row["environment_ids"]}
