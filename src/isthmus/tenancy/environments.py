"""Environments of a team (`api.md` §3.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sqlalchemy import Executable, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import current_time, raise_epoch
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import environment
from isthmus.errors import BadRequest, Conflict, NotFound, failure
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field
from isthmus.tenancy.connect_settings import SETTINGS, ConnectSettings, check_connect_settings

__all__ = ["Environments", "Install", "read_connect_settings", "read_team_id"]

_EDITABLE: Final = frozenset({"name", "settings"})
_LONGEST_NAME: Final = 200

Install = Callable[[AsyncConnection, str], Awaitable[None]]
"""Fills a new environment (its id) with what every environment has, in the transaction that creates it."""


async def read_connect_settings(conn: AsyncConnection, environment_id: str) -> ConnectSettings:
    """The settings of an environment's connect pages; the defaults where the environment is gone."""
    statement = select(environment.c.settings).where(environment.c.id == environment_id)
    return ConnectSettings.of((await conn.execute(statement)).scalar_one_or_none() or {})


async def read_team_id(conn: AsyncConnection, environment_id: str) -> str:
    """The team that owns an environment, which must exist."""
    statement = select(environment.c.team_id).where(environment.c.id == environment_id)
    return str((await conn.execute(statement)).scalar_one())


class Environments:
    """The environments of one team; with `only`, no other than that one exists."""

    def __init__(self, conn: AsyncConnection, team_id: str, *, only: str | None = None) -> None:
        self._conn = conn
        self._team_id = team_id
        self._only = only

    async def list(self, query: ListQuery) -> Page:
        fields = {each.key: each for each in environment.c if each.key != "settings"}
        return await fetch_page(self._conn, self._visible(), fields, query)

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Raises NotFound."""
        return await self._found(self._visible().where(environment.c.id == id), id)

    async def create(self, name: str, *, install: Install | None = None) -> Mapping[str, Any]:
        """Raises BadRequest for an empty name, Conflict for one the team has already."""
        name = await self._free_name(name)
        identity, now = new_id(), current_time(self._conn)
        statement = insert(environment).values(
            id=identity, created_at=now, updated_at=now, team_id=self._team_id, name=name, settings={}
        )
        await self._write(statement, name)
        if install is not None:
            await install(self._conn, identity)
        await raise_epoch(self._conn, identity)
        return await self.get(identity)

    async def update(self, id: str, /, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """`changes`: `name`, and `settings` laid over the stored ones (a null removes). Raises NotFound,
        BadRequest, Conflict."""
        row = await self._found(self._visible().where(environment.c.id == id).with_for_update(), id)
        require_writable_field(changes, _EDITABLE)
        values: dict[str, Any] = {}
        if "name" in changes and changes["name"] != row["name"]:
            values["name"] = await self._free_name(changes["name"])
        if "settings" in changes:
            sent = changes["settings"]
            _check_settings(sent, row["settings"])
            merged = {**row["settings"], **sent}
            values["settings"] = {key: value for key, value in merged.items() if value is not None}
        if values:
            values["updated_at"] = current_time(self._conn)
            statement = update(environment).where(environment.c.id == id).values(values)
            await self._write(statement, values.get("name", row["name"]))
            await raise_epoch(self._conn, id)
        return await self.get(id)

    async def delete(self, id: str, /) -> str:
        """With all it holds: accounts, installs, tokens. Raises NotFound."""
        await self.get(id)
        await self._conn.execute(delete(environment).where(environment.c.id == id))
        await raise_epoch(self._conn, id)
        return id

    def _visible(self) -> Any:
        statement = select(environment).where(environment.c.team_id == self._team_id)
        return statement if self._only is None else statement.where(environment.c.id == self._only)

    async def _found(self, statement: Executable, id: str) -> dict[str, Any]:
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no environment {id} that this token can see")
        return dict(row)

    async def _write(self, statement: Executable, name: str) -> None:
        """Another write may have taken the name since it was free."""
        try:
            await self._conn.execute(statement)
        except IntegrityError:
            raise _taken(name) from None

    async def _free_name(self, name: object) -> str:
        if not isinstance(name, str) or not name.strip():
            raise BadRequest(
                "an environment needs a name.", failures=[failure("name", "must be a text", "required")]
            )
        name = name.strip()
        if len(name) > _LONGEST_NAME:
            raise BadRequest(
                f"the name of an environment has at most {_LONGEST_NAME} characters.",
                failures=[failure("name", f"must have at most {_LONGEST_NAME} characters", "too_long")],
            )
        taken = exists().where(environment.c.team_id == self._team_id, environment.c.name == name)
        if (await self._conn.execute(select(taken))).scalar_one():
            raise _taken(name)
        return name


def _taken(name: str) -> Conflict:
    return Conflict(f"the team has an environment named {name} already; choose another name.")


def _check_settings(settings: Mapping[str, Any] | None, stored: Mapping[str, Any]) -> None:
    """What is stored already may be sent back with the row, and anything may be removed."""
    if settings is None:
        raise BadRequest(
            "settings are merged by name, so null changes none. Send null for each that is to be removed.",
            failures=[failure("settings", "must be an object", "type")],
        )
    unknown = [
        name
        for name, value in settings.items()
        if name not in SETTINGS and value is not None and name not in stored
    ]
    if unknown:
        known = ", ".join(SETTINGS)
        raise BadRequest(
            f"settings.{unknown[0]} is no setting of an environment. There are: {known}.",
            failures=[
                failure(f"settings.{name}", f"must be one of {known}", "unknown_field") for name in unknown
            ],
        )
    check_connect_settings(settings)
