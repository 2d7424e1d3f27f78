"""Unified models: the records that products are mapped onto (`api.md` §3.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, insert, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import now_of
from isthmus.db.epochs import raise_epochs
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import environment, environment_unified_model, team, unified_model
from isthmus.definitions.layers import deep_merge_patch
from isthmus.errors import Conflict, Forbidden, NotFound
from isthmus.integrations.checks import SHARING, Failures, check_version, conflict_of_name, sent_only
from isthmus.integrations.scope import Scope
from isthmus.integrations.validation import check_model
from isthmus.integrations.views import Row, model_view
from isthmus.kit.ids import is_uuid, new_id

__all__ = ["UnifiedModels"]

_OBJECTS: Final = ("resources", "scopes", "docs", "webhooks")
_WRITABLE: Final = frozenset({"name", "category", "description", "sharing", *_OBJECTS})
_DEFAULTS: Final[Mapping[str, Any]] = {
    "name": None,
    "category": None,
    "description": None,
    "sharing": "deny",
    "resources": None,
    "scopes": {},
    "docs": {},
    "webhooks": {},
}
_FIELDS: Final[Mapping[str, ColumnElement[Any]]] = {
    name: unified_model.c[name]
    for name in ("id", "name", "category", "sharing", "team_id", "version", "created_at", "updated_at")
}


class UnifiedModels:
    """The models a team sees: its own, the shipped ones, and those that other teams share."""

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope

    async def list(self, query: ListQuery) -> Page:
        page = await fetch_page(self._conn, self._visible(), _FIELDS, query)
        return Page(await self._views(page.rows), page.after)

    async def get(self, id: str) -> Row:
        return (await self._views([await self._row(id)]))[0]

    async def create(self, values: Mapping[str, Any]) -> Row:
        """`values`: `name`, `category`, `resources`, and if wanted the other fields of `api.md` §3.6.

        Raises BadRequest with every failure, Conflict for a name that is taken.
        """
        row: Row = {**_DEFAULTS, **{name: values[name] for name in _WRITABLE & values.keys()}}
        _check(row)
        check_model(row)
        now = now_of(self._conn)
        identity = new_id()
        statement = insert(unified_model).values(
            **row,
            id=identity,
            team_id=self._scope.team_id,
            version=1,
            revision=1,
            created_at=now,
            updated_at=now,
        )
        await self._write(statement, row["name"])
        return await self.get(identity)

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Objects are merged deep, null deletes a key; `version` as for integrations."""
        sent_only(changes, _WRITABLE, {})
        row = await self.owned(id)
        check_version(changes.get("version"), row["version"])
        values = {name: changes[name] for name in _WRITABLE & changes.keys()}
        _check(values)
        for name in _OBJECTS:
            if name in values:
                values[name] = deep_merge_patch(row[name], values[name])
        check_model({**row, **values})
        statement = (
            update(unified_model)
            .where(unified_model.c.id == row["id"], unified_model.c.version == row["version"])
            .values(
                **values,
                version=row["version"] + 1,
                revision=unified_model.c.revision + 1,
                updated_at=now_of(self._conn),
            )
        )
        await self._write(statement, str(values.get("name", row["name"])))
        await self.raise_epochs(row["id"])
        return await self.get(row["id"])

    async def delete(self, id: str) -> str:
        """The id; its mappings go with it. Raises Conflict while any environment has it installed."""
        row = await self.owned(id)
        installed = await self._installed_in(row["id"])
        if installed:
            raise Conflict(
                f"{row['name']} is installed in {len(installed)} environment(s). Uninstall it there first: "
                "DELETE /environment-unified-model/{id}."
            )
        await self._conn.execute(delete_from(unified_model).where(unified_model.c.id == row["id"]))
        return str(row["id"])

    async def owned(self, id_or_name: str) -> Row:
        """The locked row of a model that this team may change. Raises NotFound or Forbidden."""
        row = await self._row(id_or_name, lock=True)
        if row["team_id"] != self._scope.team_id:
            owner = "ships with Isthmus" if row["team_id"] is None else "belongs to another team"
            raise Forbidden(
                f"{row['name']} {owner} and is not edited in place. Change what this environment sees of it "
                "with PATCH /environment-unified-model/{id} {override}, or create a model of your own."
            )
        return row

    async def raise_epochs(self, model_id: str) -> None:
        """For every environment that has the model installed."""
        await raise_epochs(self._conn, await self._installed_in(model_id))

    def _visible(self) -> Select[Any]:
        return (
            select(unified_model, team.c.name.label("team_name"))
            .outerjoin(team, team.c.id == unified_model.c.team_id)
            .where(
                or_(
                    unified_model.c.team_id.is_(None),
                    unified_model.c.team_id == self._scope.team_id,
                    unified_model.c.sharing != "deny",
                )
            )
        )

    async def _row(self, id_or_name: str, *, lock: bool = False) -> Row:
        column = unified_model.c.id if is_uuid(id_or_name) else unified_model.c.name
        statement = self._visible().where(column == id_or_name)
        if lock:
            statement = statement.with_for_update(of=unified_model)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no unified model {id_or_name}. GET /unified-model lists those this token sees.")
        return dict(row)

    async def _write(self, statement: Any, name: str) -> None:
        try:
            await self._conn.execute(statement)
        except IntegrityError:
            raise conflict_of_name("a unified model", name) from None

    async def _views(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        installed: dict[str, list[str]] = {}
        statement = (
            select(environment_unified_model.c.unified_model_id, environment_unified_model.c.environment_id)
            .join(environment, environment.c.id == environment_unified_model.c.environment_id)
            .where(environment.c.team_id == self._scope.team_id)
        )
        for identity, place in (await self._conn.execute(statement)).all() if rows else ():
            installed.setdefault(identity, []).append(place)
        return [model_view(row, sorted(installed.get(row["id"], ()))) for row in rows]

    async def _installed_in(self, model_id: str) -> Sequence[str]:
        statement = select(environment_unified_model.c.environment_id).where(
            environment_unified_model.c.unified_model_id == model_id
        )
        return (await self._conn.execute(statement)).scalars().all()


def _check(values: Mapping[str, Any]) -> None:
    failures = Failures()
    checks = {"name": failures.slug, "category": failures.text, "description": failures.text_or_null}
    checks |= dict.fromkeys(_OBJECTS, failures.object)
    for name, check in checks.items():
        if name in values:
            check(name, values[name])
    if "sharing" in values:
        failures.one_of("sharing", values["sharing"], SHARING)
    failures.throw("the unified model is not valid")
