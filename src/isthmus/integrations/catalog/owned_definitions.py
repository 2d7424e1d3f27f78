"""Definitions that a team owns or Isthmus ships, and that environments install: what integrations and unified
models have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, Select, Table, or_, select
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.epochs import raise_epochs
from isthmus.db.listing import Filter, ListQuery, Page, fetch_page
from isthmus.db.tables import environment, integration, team, unified_model
from isthmus.errors import Conflict, Forbidden, NotFound
from isthmus.integrations.rows.body_checks import name_taken_error
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import Row
from isthmus.kit.ids import is_uuid

__all__ = ["OwnedDefinitions", "is_visible_to_team", "lock_installable", "resolve_names"]

_TABLES_BY_FIELD: Final = {"integration_id": integration, "unified_model_id": unified_model}


def is_visible_to_team(table: Table, team_id: str) -> ColumnElement[bool]:
    """Which rows a team sees: its own, the shipped ones, and those that their owners share."""
    return or_(table.c.team_id.is_(None), table.c.team_id == team_id, table.c.sharing != "deny")


async def lock_installable(
    conn: AsyncConnection, table: Table, team_id: str, id_or_name: str, *, noun: str, route: str
) -> Row:
    """The row a team may install, which until the commit nobody deletes. Raises NotFound for one that it does
    not see, Forbidden for one that its owner shows and does not hand out."""
    column = table.c.id if is_uuid(id_or_name) else table.c.name
    statement = select(table).where(column == id_or_name, is_visible_to_team(table, team_id))
    locked = statement.with_for_update(read=True, key_share=True)
    row = (await conn.execute(locked)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no {noun} {id_or_name}. GET {route} lists those to install.")
    if row["team_id"] not in (None, team_id) and row["sharing"] != "allow":
        raise Forbidden(
            f"{row['name']} belongs to another team, which has not allowed others to install it. "
            "Ask its owner to set sharing to allow."
        )
    return dict(row)


async def resolve_names(conn: AsyncConnection, query: ListQuery) -> ListQuery:
    """`query` with an id for each name that its filters give in the place of one; an unknown name stays, and
    finds nothing."""
    filters = []
    for each in query.filters:
        table = _TABLES_BY_FIELD.get(each.field)
        filters.append(each if table is None else await _resolve_filter(conn, table, each))
    return replace(query, filters=tuple(filters))


async def _resolve_filter(conn: AsyncConnection, table: Table, each: Filter) -> Filter:
    wanted = [value for value in each.values if not is_uuid(value)]
    if not wanted:
        return each
    found = await conn.execute(select(table.c.name, table.c.id).where(table.c.name.in_(wanted)))
    ids = {row.name: row.id for row in found}
    return replace(each, values=tuple(ids.get(value, value) for value in each.values))


class OwnedDefinitions(ABC):
    """The rows of one table that a team sees; only its own can be changed, and deleted while nobody has them
    installed. Reads work on any connection; writes need that of a `Database.write()`."""

    _TABLE: ClassVar[Table]
    _FIELDS: ClassVar[Mapping[str, ColumnElement[Any]]]
    _NOUN: ClassVar[str]
    _ROUTE: ClassVar[str]
    _HIDDEN: ClassVar[frozenset[str]] = frozenset()
    """Columns that only `owned` reads."""

    _INSTALLS: ClassVar[Table]
    _INSTALLED: ClassVar[str]
    """The column of `_INSTALLS` that names a row of this table."""

    _INSTALL_ROUTE: ClassVar[str]

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope

    async def list(self, query: ListQuery) -> Page:
        page = await fetch_page(self._conn, self._select_visible(), self._FIELDS, query)
        return Page(await self._to_wire_rows(page.rows), page.after)

    async def get(self, id: str) -> Row:
        """By id or name. Raises NotFound for a row that this team does not see."""
        return (await self._to_wire_rows([await self._read_row(id)]))[0]

    async def lock_owned(self, id_or_name: str) -> Row:
        """The locked row, with every column, if this team may change it. Raises NotFound or Forbidden."""
        row = await self._read_row(id_or_name, lock=True)
        if row["team_id"] != self._scope.team_id:
            owner = "ships with Isthmus" if row["team_id"] is None else "belongs to another team"
            raise Forbidden(
                f"{row['name']} {owner} and is not edited in place. Change it for this environment with "
                f"PATCH {self._INSTALL_ROUTE}/{{id}} {{override}}, or create {self._noun_with_article()} of "
                "your own."
            )
        return row

    async def delete(self, id: str) -> str:
        """The id. Raises Conflict, with the installs in its details, while any environment has it."""
        row = await self.lock_owned(id)
        await self._refuse_while_installed(row)
        await self._conn.execute(delete_from(self._TABLE).where(self._TABLE.c.id == row["id"]))
        return str(row["id"])

    async def raise_epochs(self, id: str) -> None:
        """For every environment that has the row installed."""
        installs = self._INSTALLS
        statement = select(installs.c.environment_id).where(installs.c[self._INSTALLED] == id)
        await raise_epochs(self._conn, (await self._conn.execute(statement)).scalars().all())

    @abstractmethod
    def _to_wire(self, row: Mapping[str, Any], installed: Sequence[str]) -> Row:
        """`row`: columns that are not hidden, and `team_name`. `installed`: environments of the team."""

    def _select_visible(self) -> Select[Any]:
        table = self._TABLE
        return (
            select(
                *(column for column in table.c if column.key not in self._HIDDEN),
                team.c.name.label("team_name"),
            )
            .outerjoin(team, team.c.id == table.c.team_id)
            .where(is_visible_to_team(table, self._scope.team_id))
        )

    async def _read_row(self, id_or_name: str, *, lock: bool = False) -> Row:
        table = self._TABLE
        column = table.c.id if is_uuid(id_or_name) else table.c.name
        statement = self._select_visible().where(column == id_or_name)
        if lock:
            hidden = (table.c[name] for name in sorted(self._HIDDEN))
            statement = statement.add_columns(*hidden).with_for_update(of=table)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no {self._NOUN} {id_or_name}. GET {self._ROUTE} lists those this token sees.")
        return dict(row)

    async def _execute_write(self, statement: Any, name: str) -> None:
        try:
            await self._conn.execute(statement)
        except IntegrityError:
            raise name_taken_error(self._noun_with_article(), name) from None

    async def _to_wire_rows(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        installs = self._INSTALLS
        installed: dict[str, list[str]] = {}
        statement = (
            select(installs.c[self._INSTALLED], installs.c.environment_id)
            .join(environment, environment.c.id == installs.c.environment_id)
            .where(environment.c.team_id == self._scope.team_id)
        )
        for identity, place in (await self._conn.execute(statement)).all() if rows else ():
            installed.setdefault(identity, []).append(place)
        return [self._to_wire(row, sorted(installed.get(row["id"], ()))) for row in rows]

    async def _refuse_while_installed(self, row: Mapping[str, Any]) -> None:
        installs = self._INSTALLS
        statement = (
            select(installs.c.id, installs.c.environment_id, environment.c.team_id)
            .join(environment, environment.c.id == installs.c.environment_id)
            .where(installs.c[self._INSTALLED] == row["id"])
            .order_by(installs.c.created_at, installs.c.id)
        )
        found = (await self._conn.execute(statement)).all()
        if not found:
            return
        own = [each for each in found if each.team_id == self._scope.team_id]
        raise Conflict(
            f"{row['name']} is installed in {len(found)} environment(s), which would lose it. Uninstall it "
            f"there first: DELETE {self._INSTALL_ROUTE}/{{id}}.",
            details={
                "installed": [{"id": each.id, "environment_id": each.environment_id} for each in own],
                "installed_by_other_teams": len(found) - len(own),
            },
        )

    def _noun_with_article(self) -> str:
        return f"{'an' if self._NOUN[0] in 'aeio' else 'a'} {self._NOUN}"
