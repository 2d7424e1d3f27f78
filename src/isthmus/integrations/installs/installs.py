"""The base of the repositories of installed integrations and installed unified models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Select, Table, update
from sqlalchemy import delete as delete_from
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time
from isthmus.db.epochs import increment_epoch
from isthmus.db.listing import FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.upsert import insert_into
from isthmus.errors import NotFound
from isthmus.integrations.catalog.owned_definitions import lock_installable, resolve_names
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import Row
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.ids import new_id

__all__ = ["InstalledDefinitions"]


class InstalledDefinitions(ABC):
    """The installs of one environment. A write increments the environment's epoch.

    An install is found by its own id or by the id of its definition, which some clients send. `warnings`: on
    the overrides that it has written.
    """

    _TABLE: ClassVar[Table]
    FILTERS: ClassVar[FilterColumns]

    _DEFINITION: ClassVar[Table]
    _PARENT_COLUMN: ClassVar[str]
    """The column with the id of the definition."""

    _NOUN: ClassVar[str]
    _ROUTE: ClassVar[str]
    _DEFINITION_NOUN: ClassVar[str]
    _DEFINITION_ROUTE: ClassVar[str]
    _HIDDEN: ClassVar[frozenset[str]] = frozenset()
    """Columns that are read only with a lock."""

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope
        self.warnings: list[CallWarning] = []

    async def list(self, query: ListQuery) -> Page:
        """Returns a page of the installs."""
        query = await resolve_names(self._conn, query)
        page = await fetch_page(self._conn, self._select_installs(), self.FILTERS, query)
        return Page(await self._to_wire_rows(page.rows), page.after)

    async def get(self, id: str) -> Row:
        """Returns an install. Raises NotFound."""
        return (await self._to_wire_rows([await self._read_row(id)]))[0]

    async def lock(self, id: str) -> str:
        """Locks an install until the commit and returns its own id. Raises NotFound."""
        return str((await self._read_row(id, lock=True))["id"])

    @abstractmethod
    def _select_installs(self) -> Select[Any]:
        """Returns the SELECT of the environment's rows without hidden columns, with the columns that
        `_to_wire_rows` needs."""

    @abstractmethod
    async def _to_wire_rows(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        """Returns the rows in the shape of the API."""

    async def _lock_installable(self, id_or_name: str) -> Row:
        """Locks a definition that the team may install against deletion, and returns its row. Raises NotFound
        or Forbidden."""
        return await lock_installable(
            self._conn,
            self._DEFINITION,
            self._scope.team_id,
            id_or_name,
            noun=self._DEFINITION_NOUN,
            route=self._DEFINITION_ROUTE,
        )

    async def _insert_install(self, definition_id: str, values: Mapping[str, Any]) -> tuple[Row, bool]:
        """Inserts the install of a definition. Returns (row, is_new): `is_new` is False for an install that
        exists already, also one that a concurrent call has just inserted."""
        now = current_time(self._conn)
        row = {
            "id": new_id(),
            **values,
            "environment_id": self._scope.environment_id,
            self._PARENT_COLUMN: definition_id,
            "revision": 1,
            "created_at": now,
            "updated_at": now,
        }
        statement: Any = insert_into(self._conn, self._TABLE).values(**row)
        result = await self._conn.execute(statement.on_conflict_do_nothing())
        await increment_epoch(self._conn, self._scope.environment_id)
        return await self._read_row(definition_id), bool(result.rowcount)

    async def _update_row(self, id: str, values: Mapping[str, Any]) -> Row:
        """Writes columns, increases the revision, and returns the changed row. `id`: of the install."""
        table = self._TABLE
        await self._conn.execute(
            update(table)
            .where(table.c.id == id)
            .values(**values, revision=table.c.revision + 1, updated_at=current_time(self._conn))
        )
        await increment_epoch(self._conn, self._scope.environment_id)
        return await self._read_row(id)

    async def _delete_row(self, id: str) -> str:
        """Deletes an install and returns its own id. Raises NotFound."""
        identity = await self.lock(id)
        await self._conn.execute(delete_from(self._TABLE).where(self._TABLE.c.id == identity))
        await increment_epoch(self._conn, self._scope.environment_id)
        return identity

    def _warn_of_unchanged(self, values: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        """Adds a warning for each value that a create sent and the install that there was already does not
        have. `row`: in the shape of the API."""
        self.warnings += [
            CallWarning(
                "unused_name",
                f"{name} was not stored: the {self._DEFINITION_NOUN} was installed already. PATCH "
                f"{self._ROUTE}/{row['id']} changes the install",
                f"body.{name}",
            )
            for name, value in values.items()
            if name != self._PARENT_COLUMN and value is not None and value != row.get(name)
        ]

    async def _find_row(self, column: str, value: str, *, lock: bool = False) -> Row | None:
        """Returns the row whose column has the value, None if there is none; with `lock`, locked for update
        and with hidden columns."""
        statement = self._select_installs().where(self._TABLE.c[column] == value)
        if lock:
            hidden = (self._TABLE.c[name] for name in sorted(self._HIDDEN))
            statement = statement.add_columns(*hidden).with_for_update(of=self._TABLE)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        return None if row is None else dict(row)

    async def _read_row(self, id: str, *, lock: bool = False) -> Row:
        """Returns a row as `_find_row` does, by the id of the install or of its definition. Raises
        NotFound."""
        row = await self._find_row("id", id, lock=lock) or await self._find_row(
            self._PARENT_COLUMN, id, lock=lock
        )
        if row is None:
            raise NotFound(
                f"no {self._NOUN} {id} in this environment. GET {self._ROUTE} lists what is installed."
            )
        return row
