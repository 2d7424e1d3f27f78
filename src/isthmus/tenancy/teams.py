"""Reads and changes the team of the caller, lists its users, and creates teams and users."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import current_time, increment_epochs
from isthmus.db.listing import FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.tables import environment, team, user
from isthmus.errors import BadRequest, NotFound, failure
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["Teams", "Users", "create_team", "create_user"]

_WRITABLE_FIELDS: Final = frozenset({"name", "domain", "logo"})
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\Z"
)
_USER_FIELDS = ("id", "name", "email", "is_active", "is_staff", "last_login_at", "created_at", "updated_at")


class Teams:
    """The teams that the caller sees: only their own."""

    FILTERS: ClassVar[FilterColumns] = {column.key: column for column in team.c}

    def __init__(self, conn: AsyncConnection, team_id: str) -> None:
        self._conn = conn
        self._select_own = select(team).where(team.c.id == team_id)

    async def list(self, query: ListQuery) -> Page:
        """Return a page with the caller's own team."""
        return await fetch_page(self._conn, self._select_own, self.FILTERS, query)

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Return the team. Raises NotFound for any other."""
        row = (await self._conn.execute(self._select_own.where(team.c.id == id))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no team {id} that this token can see")
        return dict(row)

    async def update(self, id: str, /, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change the team and return its row. `changes`: `name`, `domain` (a host name or None), `logo` (a
        URL or None). Raises NotFound, BadRequest."""
        await self.get(id)
        require_writable_field(changes, _WRITABLE_FIELDS)
        values = {key: changes[key] for key in _WRITABLE_FIELDS & changes.keys()}
        _check_values(values)
        values["updated_at"] = current_time(self._conn)
        await self._conn.execute(update(team).where(team.c.id == id).values(values))
        environment_ids = select(environment.c.id).where(environment.c.team_id == id)
        await increment_epochs(self._conn, (await self._conn.execute(environment_ids)).scalars())
        return await self.get(id)


def _check_values(values: Mapping[str, Any]) -> None:
    """Raises BadRequest for an empty name, a domain that is no host name, and a logo that is no http or https
    URL."""
    if "name" in values and not str(values["name"] or "").strip():
        raise BadRequest("a team needs a name.", failures=[failure("name", "must be a text", "required")])
    if values.get("domain") is not None and not _DOMAIN.match(values["domain"]):
        raise BadRequest(
            "a domain is a host name like acme.example. Send that alone, without https://, or null for none.",
            failures=[failure("domain", "must be a host name, or null", "domain")],
        )
    if values.get("logo") is not None and not _is_http_url(values["logo"]):
        raise BadRequest(
            "a logo is the address of an image. Send an http or https URL, or null for none.",
            failures=[failure("logo", "must be an http or https URL, or null", "url")],
        )


def _is_http_url(text: str) -> bool:
    """Return True for an http or https URL with a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


async def create_team(conn: AsyncConnection, name: str) -> str:
    """Create a team and return its id."""
    identity, now = new_id(), current_time(conn)
    await conn.execute(insert(team).values(id=identity, created_at=now, updated_at=now, name=name))
    return identity


class Users:
    """The users of one team, with their wire names: `role`, `team` and `environment` are lists."""

    FILTERS: ClassVar[FilterColumns] = {name: user.c[name] for name in _USER_FIELDS}

    def __init__(self, conn: AsyncConnection, team_id: str) -> None:
        self._conn = conn
        self._select_own = select(user).where(user.c.team_id == team_id)

    async def list(self, query: ListQuery) -> Page:
        """Return a page of the users."""
        page = await fetch_page(self._conn, self._select_own, self.FILTERS, query)
        return replace(page, rows=[_to_wire(row) for row in page.rows])

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Return a user of the team. Raises NotFound for any other."""
        row = (await self._conn.execute(self._select_own.where(user.c.id == id))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no user {id} in this team")
        return _to_wire(row)


async def create_user(
    conn: AsyncConnection, team_id: str, *, name: str, email: str, is_staff: bool, role: list[str]
) -> str:
    """Create a user, who cannot sign in yet and sees every environment of the team; return the id."""
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


def _to_wire(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a user's row with its wire names."""
    visible = {name: row[name] for name in (*_USER_FIELDS, "role")}
    return {**visible, "team": [row["team_id"]], "environment": row["environment_ids"]}
