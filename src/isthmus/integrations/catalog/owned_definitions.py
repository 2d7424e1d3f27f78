"""The base of the repositories of integrations and unified models: visibility, ownership and versions of
definitions.

A definition belongs to a team or is shipped with Isthmus; environments install it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, Executable, Select, Table, Update, insert, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time
from isthmus.db.epochs import increment_epochs
from isthmus.db.listing import Filter, FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.tables import environment, integration, team, unified_model
from isthmus.errors import Conflict, Forbidden, NotFound
from isthmus.integrations.rows.body_checks import name_taken_error
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import OWNER_COLUMNS, Row
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.ids import is_uuid

__all__ = [
    "OwnedDefinitions",
    "build_version_update",
    "has_id_or_name",
    "is_visible_to_team",
    "lock_installable",
    "resolve_names",
]

_TABLES_BY_FIELD: Final = {"integration_id": integration, "unified_model_id": unified_model}


def has_id_or_name(table: Table, id_or_name: str) -> ColumnElement[bool]:
    """Returns the condition that a row has the id, or the name if the text is no id."""
    return (table.c.id if is_uuid(id_or_name) else table.c.name) == id_or_name


def is_visible_to_team(table: Table, team_id: str) -> ColumnElement[bool]:
    """Returns the condition that a team sees a row: it is the team's own, shipped, or shared by its owner."""
    return or_(table.c.team_id.is_(None), table.c.team_id == team_id, table.c.sharing != "deny")


async def lock_installable(
    conn: AsyncConnection, table: Table, team_id: str, id_or_name: str, *, noun: str, route: str
) -> Row:
    """Returns the row of a definition that the team may install, hidden columns included, and locks it until
    the commit, so that nobody deletes it. `table`: of integrations or of unified models.

    Raises NotFound if the team does not see it, Forbidden if its owner shows it without sharing it for
    installs. `noun` and `route` stand in the messages.
    """
    statement = select(table).where(has_id_or_name(table, id_or_name), is_visible_to_team(table, team_id))
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
    """Returns `query` in which names of integrations and unified models in the filters are replaced by their
    ids.

    An unknown name stays, so that the filter matches nothing.
    """
    filters = []
    for query_filter in query.filters:
        table = _TABLES_BY_FIELD.get(query_filter.field)
        filters.append(query_filter if table is None else await _resolve_filter(conn, table, query_filter))
    return replace(query, filters=tuple(filters))


async def _resolve_filter(conn: AsyncConnection, table: Table, query_filter: Filter) -> Filter:
    """Returns the filter with ids in place of names of rows in `table`."""
    names = [value for value in query_filter.values if not is_uuid(value)]
    if not names:
        return query_filter
    rows = await conn.execute(select(table.c.name, table.c.id).where(table.c.name.in_(names)))
    ids = {row.name: row.id for row in rows}
    return replace(query_filter, values=tuple(ids.get(value, value) for value in query_filter.values))


def build_version_update(
    conn: AsyncConnection, table: Table, row: Mapping[str, Any], values: Mapping[str, Any]
) -> Update:
    """Returns an UPDATE of `row` with `values` to its next version. It changes nothing if another version is
    stored."""
    return (
        update(table)
        .where(table.c.id == row["id"], table.c.version == row["version"])
        .values(
            **values,
            version=row["version"] + 1,
            revision=table.c.revision + 1,
            updated_at=current_time(conn),
        )
    )


class OwnedDefinitions(ABC):
    """The rows of one table that a team sees.

    A team changes only its own, and deletes them only while no environment has them installed. Reads work on
    any connection; writes need that of a `Database.write()`. `warnings`: on what it has written.
    """

    _TABLE: ClassVar[Table]
    FILTERS: ClassVar[FilterColumns]

    _NOUN: ClassVar[str]
    _NOUN_WITH_ARTICLE: ClassVar[str]
    _ROUTE: ClassVar[str]
    _HIDDEN: ClassVar[frozenset[str]] = frozenset()
    """Columns that only `lock_owned` reads."""

    _INSTALLS: ClassVar[Table]
    _INSTALLS_COLUMN: ClassVar[str]
    """The column of `_INSTALLS` with the id of a row of this table."""

    _INSTALL_ROUTE: ClassVar[str]

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope
        self.warnings: list[CallWarning] = []

    async def list(self, query: ListQuery) -> Page:
        """Returns a page of the rows that the team sees."""
        page = await fetch_page(self._conn, self._select_visible(), self.FILTERS, query)
        return Page(await self._to_wire_rows(page.rows), page.after)

    async def get(self, id: str) -> Row:
        """Returns the row with the id or name. Raises NotFound for a row that this team does not see."""
        return (await self._to_wire_rows([await self._read_row(id)]))[0]

    async def lock_owned(self, id_or_name: str) -> Row:
        """Locks a row that this team may change and returns all its columns. Raises NotFound or Forbidden."""
        row = await self._read_row(id_or_name, lock=True)
        if row["team_id"] != self._scope.team_id:
            owner = "ships with Isthmus" if row["team_id"] is None else "belongs to another team"
            raise Forbidden(
                f"{row['name']} {owner} and is not edited in place. Change it for this environment with "
                f"PATCH {self._INSTALL_ROUTE}/{{id}} {{override}}, or create {self._NOUN_WITH_ARTICLE} of "
                "your own."
            )
        return row

    async def delete(self, id: str) -> str:
        """Deletes an own row and returns its id. `id` may be the name.

        Raises NotFound, Forbidden, and Conflict with a list of installs while an environment has it
        installed.
        """
        row = await self.lock_owned(id)
        await self._refuse_while_installed(row)
        await self._conn.execute(delete_from(self._TABLE).where(self._TABLE.c.id == row["id"]))
        return str(row["id"])

    async def increment_epochs(self, id: str) -> None:
        """Increments the epoch of every environment that has the row installed, so that caches drop it."""
        installs = self._INSTALLS
        statement = select(installs.c.environment_id).where(installs.c[self._INSTALLS_COLUMN] == id)
        await increment_epochs(self._conn, (await self._conn.execute(statement)).scalars().all())

    @abstractmethod
    def _to_wire(self, row: Mapping[str, Any], installed: Sequence[str]) -> Row:
        """Returns the row in the shape of the API.

        `row`: the columns that are not hidden, and OWNER_COLUMNS. `installed`: ids of the team's environments
        that have it installed.
        """

    def _select_visible(self) -> Select[Any]:
        """Returns the SELECT of the rows that the team sees, without hidden columns, with OWNER_COLUMNS."""
        table = self._TABLE
        return (
            select(
                *(column for column in table.c if column.key not in self._HIDDEN),
                *OWNER_COLUMNS,
            )
            .outerjoin(team, team.c.id == table.c.team_id)
            .where(is_visible_to_team(table, self._scope.team_id))
        )

    async def _read_row(self, id_or_name: str, *, lock: bool = False) -> Row:
        """Returns a visible row; with `lock`, locked for update and with hidden columns. Raises NotFound."""
        table = self._TABLE
        statement = self._select_visible().where(has_id_or_name(table, id_or_name))
        if lock:
            hidden = (table.c[name] for name in sorted(self._HIDDEN))
            statement = statement.add_columns(*hidden).with_for_update(of=table)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no {self._NOUN} {id_or_name}. GET {self._ROUTE} lists those this token sees.")
        return dict(row)

    async def _insert(self, values: Mapping[str, Any]) -> Row:
        """Inserts the first version of a row of this team. `values`: its other columns, with `id`.

        Returns the row in its wire shape. Raises Conflict if the name is taken.
        """
        now = current_time(self._conn)
        owned = {
            "team_id": self._scope.team_id,
            "version": 1,
            "revision": 1,
            "created_at": now,
            "updated_at": now,
        }
        await self._execute_write(insert(self._TABLE).values(**values, **owned), values["name"])
        return await self.get(values["id"])

    async def _update(self, row: Mapping[str, Any], values: Mapping[str, Any]) -> Row:
        """Writes the next version of a locked row, for all environments that have it installed.

        Returns the row in its wire shape. Raises Conflict if the name is taken.
        """
        statement = build_version_update(self._conn, self._TABLE, row, values)
        await self._execute_write(statement, str(values.get("name", row["name"])))
        await self.increment_epochs(row["id"])
        return await self.get(row["id"])

    async def _execute_write(self, statement: Executable, name: str) -> None:
        """Executes a write. Raises Conflict if another row has the name."""
        try:
            await self._conn.execute(statement)
        except IntegrityError:
            raise name_taken_error(self._NOUN_WITH_ARTICLE, name) from None

    async def _to_wire_rows(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        """Returns the rows in the shape of the API, each with the team's environments that have it
        installed."""
        installs = self._INSTALLS
        installed: dict[str, list[str]] = {}
        statement = (
            select(installs.c[self._INSTALLS_COLUMN], installs.c.environment_id)
            .join(environment, environment.c.id == installs.c.environment_id)
            .where(environment.c.team_id == self._scope.team_id)
        )
        for id, environment_id in (await self._conn.execute(statement)).all() if rows else ():
            installed.setdefault(id, []).append(environment_id)
        return [self._to_wire(row, sorted(installed.get(row["id"], ()))) for row in rows]

    async def _refuse_while_installed(self, row: Mapping[str, Any]) -> None:
        """Raises Conflict if any environment has the row installed. Installs of other teams are only
        counted."""
        installs = self._INSTALLS
        statement = (
            select(installs.c.id, installs.c.environment_id, environment.c.team_id)
            .join(environment, environment.c.id == installs.c.environment_id)
            .where(installs.c[self._INSTALLS_COLUMN] == row["id"])
            .order_by(installs.c.created_at, installs.c.id)
        )
        all_installs = (await self._conn.execute(statement)).all()
        if not all_installs:
            return
        own_installs = [install for install in all_installs if install.team_id == self._scope.team_id]
        raise Conflict(
            f"{row['name']} is installed in {len(all_installs)} environment(s), which would lose it. "
            f"Uninstall it there first: DELETE {self._INSTALL_ROUTE}/{{id}}.",
            details={
                "installed": [
                    {"id": install.id, "environment_id": install.environment_id} for install in own_installs
                ],
                "installed_by_other_teams": len(all_installs) - len(own_installs),
            },
        )
