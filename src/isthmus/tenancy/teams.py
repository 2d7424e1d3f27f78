"""Teams (`api.md` §3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import current_time, raise_epochs
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import environment, team
from isthmus.errors import BadRequest, NotFound, failure
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["Teams", "create_team"]

_EDITABLE: Final = frozenset({"name", "logo"})


class Teams:
    """The caller's own team: no other exists for them."""

    def __init__(self, conn: AsyncConnection, team_id: str) -> None:
        self._conn = conn
        self._own = select(team).where(team.c.id == team_id)

    async def list(self, query: ListQuery) -> Page:
        return await fetch_page(self._conn, self._own, {each.key: each for each in team.c}, query)

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Raises NotFound."""
        row = (await self._conn.execute(self._own.where(team.c.id == id))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no team {id} that this token can see")
        return dict(row)

    async def update(self, id: str, /, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """`changes`: `name`, `logo` (a URL, or None for none). Raises NotFound, BadRequest."""
        await self.get(id)
        require_writable_field(changes, _EDITABLE)
        values = {key: changes[key] for key in _EDITABLE & changes.keys()}
        _check(values)
        values["updated_at"] = current_time(self._conn)
        await self._conn.execute(update(team).where(team.c.id == id).values(values))
        own = select(environment.c.id).where(environment.c.team_id == id)
        await raise_epochs(self._conn, (await self._conn.execute(own)).scalars())
        return await self.get(id)


def _check(values: Mapping[str, Any]) -> None:
    if "name" in values and not str(values["name"] or "").strip():
        raise BadRequest("a team needs a name.", failures=[failure("name", "must be a text", "required")])
    if values.get("logo") is not None and not _is_web_address(values["logo"]):
        raise BadRequest(
            "a logo is the address of an image. Send an http or https URL, or null for none.",
            failures=[failure("logo", "must be an http or https URL, or null", "url")],
        )


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


async def create_team(conn: AsyncConnection, name: str) -> str:
    """The id of a new team."""
    identity, now = new_id(), current_time(conn)
    await conn.execute(insert(team).values(id=identity, created_at=now, updated_at=now, name=name))
    return identity
