"""Installed models: a unified model in one environment, with what it overrides (`api.md` §3.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import now_of
from isthmus.db.epochs import raise_epoch
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import environment_unified_model, team, unified_model
from isthmus.db.upsert import insert_into
from isthmus.definitions.layers import deep_merge_patch
from isthmus.errors import Forbidden, NotFound
from isthmus.integrations.checks import Failures, own_environment_only, sent_only
from isthmus.integrations.scope import Scope
from isthmus.integrations.validation import check_model
from isthmus.integrations.views import Row, environment_model_view, model_view
from isthmus.kit.ids import is_uuid, new_id

__all__ = ["EnvironmentUnifiedModels"]

_SLOTS: Final = ("resources", "scopes", "webhooks", "docs")
_FIELDS: Final[Mapping[str, ColumnElement[Any]]] = {
    **{
        name: environment_unified_model.c[name]
        for name in ("id", "environment_id", "unified_model_id", "created_at", "updated_at")
    },
    "unified_model.name": unified_model.c.name,
    "unified_model.category": unified_model.c.category,
}
_PREFIX: Final = "model__"
_MODEL: Final = tuple(column.label(f"{_PREFIX}{column.key}") for column in unified_model.c)


class EnvironmentUnifiedModels:
    """Which models an environment may call. Each write raises the environment's epoch."""

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope

    async def list(self, query: ListQuery) -> Page:
        own_environment_only(query, self._scope.environment_id)
        page = await fetch_page(self._conn, self._mine(), _FIELDS, query)
        return Page([self._view(row) for row in page.rows], page.after)

    async def get(self, id: str) -> Row:
        return self._view(await self._row(id))

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Installs: `values` has `unified_model_id` (or its name) and if wanted `override`. An install that
        is there already comes back as it is.

        Raises NotFound, Forbidden where the owner does not share the model, BadRequest.
        """
        model = await self._installable(str(values.get("unified_model_id")))
        existing = await self._find(unified_model_id=model["id"])
        if existing is not None:
            return self._view(existing)
        override = values.get("override") or {}
        _check(model, override)
        now = now_of(self._conn)
        statement: Any = insert_into(self._conn, environment_unified_model).values(
            id=new_id(),
            environment_id=self._scope.environment_id,
            unified_model_id=model["id"],
            override=override,
            revision=1,
            created_at=now,
            updated_at=now,
        )
        await self._conn.execute(statement.on_conflict_do_nothing())
        await raise_epoch(self._conn, self._scope.environment_id)
        row = await self._find(unified_model_id=model["id"])
        assert row is not None  # just written, here or by whom it conflicted with
        return self._view(row)

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """`override` takes the place of the whole stored one."""
        sent_only(changes, frozenset({"override"}), {})
        row = await self._row(id)
        model = (
            (
                await self._conn.execute(
                    select(unified_model).where(unified_model.c.id == row["unified_model_id"])
                )
            )
            .mappings()
            .one()
        )
        _check(dict(model), changes["override"])
        await self._conn.execute(
            update(environment_unified_model)
            .where(environment_unified_model.c.id == row["id"])
            .values(
                override=changes["override"],
                revision=environment_unified_model.c.revision + 1,
                updated_at=now_of(self._conn),
            )
        )
        await raise_epoch(self._conn, self._scope.environment_id)
        return await self.get(row["id"])

    async def delete(self, id: str) -> str:
        """The install's id. `id`: an install, or (`api.md` Q9) a model installed here."""
        row = await self._row(id)
        await self._conn.execute(
            delete_from(environment_unified_model).where(environment_unified_model.c.id == row["id"])
        )
        await raise_epoch(self._conn, self._scope.environment_id)
        return str(row["id"])

    def _mine(self) -> Select[Any]:
        return (
            select(
                environment_unified_model,
                *_MODEL,
                team.c.name.label("team_name"),
                unified_model.c.name.label("unified_model_name"),
                unified_model.c.category.label("unified_model_category"),
            )
            .join(unified_model, unified_model.c.id == environment_unified_model.c.unified_model_id)
            .outerjoin(team, team.c.id == unified_model.c.team_id)
            .where(environment_unified_model.c.environment_id == self._scope.environment_id)
        )

    async def _find(self, *, id: str | None = None, unified_model_id: str | None = None) -> Any:
        statement = self._mine()
        if id is not None:
            statement = statement.where(environment_unified_model.c.id == id)
        if unified_model_id is not None:
            statement = statement.where(environment_unified_model.c.unified_model_id == unified_model_id)
        return (await self._conn.execute(statement)).mappings().one_or_none()

    async def _row(self, identity: str) -> Row:
        row = await self._find(id=identity) or await self._find(unified_model_id=identity)
        if row is None:
            raise NotFound(
                f"no environment unified model {identity} in this environment. "
                "GET /environment-unified-model lists what is installed."
            )
        return dict(row)

    async def _installable(self, id_or_name: str) -> Row:
        column = unified_model.c.id if is_uuid(id_or_name) else unified_model.c.name
        statement = select(unified_model).where(
            column == id_or_name,
            or_(
                unified_model.c.team_id.is_(None),
                unified_model.c.team_id == self._scope.team_id,
                unified_model.c.sharing != "deny",
            ),
        )
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no unified model {id_or_name}. GET /unified-model lists those to install.")
        if row["team_id"] not in (None, self._scope.team_id) and row["sharing"] != "allow":
            raise Forbidden(
                f"{row['name']} belongs to another team, which has not allowed others to install it. "
                "Ask its owner to set sharing to allow."
            )
        return dict(row)

    def _view(self, row: Mapping[str, Any]) -> Row:
        model = {key[len(_PREFIX) :]: value for key, value in row.items() if key.startswith(_PREFIX)}
        embedded = model_view({**model, "team_name": row["team_name"]}, [self._scope.environment_id])
        return environment_model_view({**row, "unified_model": embedded})


def _check(model: Mapping[str, Any], override: Any) -> None:
    failures = Failures()
    failures.object("override", override)
    if isinstance(override, Mapping):
        for name in override:
            if name not in _SLOTS:
                failures.add(f"override.{name}", f"must be one of {', '.join(_SLOTS)}", "unknown_field")
    failures.throw("the environment unified model is not valid")
    merged = {name: deep_merge_patch(model[name], override.get(name) or {}) for name in _SLOTS}
    check_model({**model, **merged}, field="override")
