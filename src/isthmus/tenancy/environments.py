"""Reads, creates, changes and deletes the environments of a team."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Final

from sqlalchemy import Executable, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import current_time, increment_epoch
from isthmus.db.listing import FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.tables import environment
from isthmus.errors import BadRequest, Conflict, NotFound, failure
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field
from isthmus.tenancy.call_settings import CALL_SETTING_NAMES, NEW_SETTINGS, check_call_settings
from isthmus.tenancy.connect_settings import CONNECT_SETTING_NAMES, ConnectSettings, check_connect_settings

__all__ = ["Environments", "FillEnvironment", "read_connect_settings", "read_team_id"]

_WRITABLE_FIELDS: Final = frozenset({"name", "settings"})
_SETTING_NAMES: Final = (*CONNECT_SETTING_NAMES, *CALL_SETTING_NAMES)
_MAX_NAME_LENGTH: Final = 200

FillEnvironment = Callable[[AsyncConnection, str], Awaitable[None]]
"""Fills a new environment, given by id, with its default content, in the transaction that creates it."""


async def read_connect_settings(conn: AsyncConnection, environment_id: str) -> ConnectSettings:
    """Return the settings of an environment's connect pages; the defaults if the environment is gone."""
    statement = select(environment.c.settings).where(environment.c.id == environment_id)
    return ConnectSettings.from_settings((await conn.execute(statement)).scalar_one_or_none() or {})


async def read_team_id(conn: AsyncConnection, environment_id: str) -> str:
    """Return the id of the team that owns an environment, which must exist."""
    statement = select(environment.c.team_id).where(environment.c.id == environment_id)
    return str((await conn.execute(statement)).scalar_one())


class Environments:
    """The environments of one team. With `only`, no environment but the one with this id is found."""

    FILTERS: ClassVar[FilterColumns] = {
        column.key: column for column in environment.c if column.key != "settings"
    }

    def __init__(self, conn: AsyncConnection, team_id: str, *, only: str | None = None) -> None:
        self._conn = conn
        self._team_id = team_id
        self._only = only

    async def list(self, query: ListQuery) -> Page:
        """Return a page of the environments, without their settings."""
        return await fetch_page(self._conn, self._select_visible(), self.FILTERS, query)

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Return the row of an environment. Raises NotFound."""
        return await self._read_row(self._select_visible().where(environment.c.id == id), id)

    async def create(
        self, name: str, *, fill_environment: FillEnvironment | None = None
    ) -> Mapping[str, Any]:
        """Create an environment, fill it with `fill_environment`, and return its row. Raises BadRequest for
        an empty name, Conflict for one that the team has already."""
        name = await self._validate_name(name)
        identity, now = new_id(), current_time(self._conn)
        statement = insert(environment).values(
            id=identity,
            created_at=now,
            updated_at=now,
            team_id=self._team_id,
            name=name,
            settings=dict(NEW_SETTINGS),
        )
        await self._execute_or_conflict(statement, name)
        if fill_environment is not None:
            await fill_environment(self._conn, identity)
        await increment_epoch(self._conn, identity)
        return await self.get(identity)

    async def update(self, id: str, /, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change an environment and return its row. `changes`: `name`, and `settings`, which are merged into
        the stored ones (a null removes one). Raises NotFound, BadRequest, Conflict."""
        row = await self._read_row(self._select_visible().where(environment.c.id == id).with_for_update(), id)
        require_writable_field(changes, _WRITABLE_FIELDS)
        values: dict[str, Any] = {}
        if "name" in changes and changes["name"] != row["name"]:
            values["name"] = await self._validate_name(changes["name"])
        if "settings" in changes:
            sent = changes["settings"]
            _check_settings(sent, row["settings"])
            merged = {**row["settings"], **sent}
            values["settings"] = {key: value for key, value in merged.items() if value is not None}
        if values:
            values["updated_at"] = current_time(self._conn)
            statement = update(environment).where(environment.c.id == id).values(values)
            await self._execute_or_conflict(statement, values.get("name", row["name"]))
            await increment_epoch(self._conn, id)
        return await self.get(id)

    async def delete(self, id: str, /) -> str:
        """Delete an environment with its accounts, installs and tokens, and return its id. Raises
        NotFound."""
        await self.get(id)
        await self._conn.execute(delete(environment).where(environment.c.id == id))
        await increment_epoch(self._conn, id)
        return id

    def _select_visible(self) -> Any:
        """Return the SELECT of the environments that this repository finds."""
        statement = select(environment).where(environment.c.team_id == self._team_id)
        return statement if self._only is None else statement.where(environment.c.id == self._only)

    async def _read_row(self, statement: Executable, id: str) -> dict[str, Any]:
        """Return the one row of the statement. Raises NotFound if it has none."""
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no environment {id} that this token can see")
        return dict(row)

    async def _execute_or_conflict(self, statement: Executable, name: str) -> None:
        """Execute a write. Raises Conflict if another transaction took the name meanwhile."""
        try:
            await self._conn.execute(statement)
        except IntegrityError:
            raise _name_taken_error(name) from None

    async def _validate_name(self, name: object) -> str:
        """Return the trimmed name. Raises BadRequest for an empty or too long one, and Conflict if the team
        has an environment of this name."""
        if not isinstance(name, str) or not name.strip():
            raise BadRequest(
                "an environment needs a name.", failures=[failure("name", "must be a text", "required")]
            )
        name = name.strip()
        if len(name) > _MAX_NAME_LENGTH:
            raise BadRequest(
                f"the name of an environment has at most {_MAX_NAME_LENGTH} characters.",
                failures=[failure("name", f"must have at most {_MAX_NAME_LENGTH} characters", "too_long")],
            )
        is_taken = exists().where(environment.c.team_id == self._team_id, environment.c.name == name)
        if (await self._conn.execute(select(is_taken))).scalar_one():
            raise _name_taken_error(name)
        return name


def _name_taken_error(name: str) -> Conflict:
    """Return the error for a name that another environment of the team has."""
    return Conflict(f"the team has an environment named {name} already; choose another name.")


def _check_settings(settings: Mapping[str, Any] | None, stored: Mapping[str, Any]) -> None:
    """Raises BadRequest for unknown or invalid settings. Unknown ones that are stored already may be sent
    back, and anything may be removed."""
    if settings is None:
        raise BadRequest(
            "settings are merged by name, so null changes none. Send null for each that is to be removed.",
            failures=[failure("settings", "must be an object", "type")],
        )
    unknown = [
        name
        for name, value in settings.items()
        if name not in _SETTING_NAMES and value is not None and name not in stored
    ]
    if unknown:
        known_names = ", ".join(_SETTING_NAMES)
        raise BadRequest(
            f"settings.{unknown[0]} is no setting of an environment. There are: {known_names}.",
            failures=[
                failure(f"settings.{name}", f"must be one of {known_names}", "unknown_field")
                for name in unknown
            ],
        )
    check_connect_settings(settings)
    check_call_settings(settings)
