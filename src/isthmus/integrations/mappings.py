"""Mapping rows: one cell of (model, integration, resource, method) (`api.md` §3.7, §3.8).

`ModelMappings` are the base rows of a model; `EnvironmentMappings` what one environment lays over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, insert, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import now_of
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import (
    environment_unified_model,
    environment_unified_model_resource_method,
    unified_model,
    unified_model_resource_method,
)
from isthmus.definitions.layers import deep_merge_patch
from isthmus.errors import Conflict, NotFound
from isthmus.integrations.checks import Failures, check_version, sent_only
from isthmus.integrations.scope import Scope
from isthmus.integrations.unified_models import UnifiedModels
from isthmus.integrations.validation import check_mapping
from isthmus.integrations.views import Row, mapping_view
from isthmus.kit.ids import new_id

__all__ = ["EnvironmentMappings", "ModelMappings"]

_CELL: Final = ("integration_name", "resource_name", "method_name")
_WRITABLE: Final = frozenset({*_CELL, "config"})


def _fields(table: Table, parent: str) -> Mapping[str, ColumnElement[Any]]:
    return {name: table.c[name] for name in ("id", parent, *_CELL, "version", "created_at", "updated_at")}


class ModelMappings:
    """Base mappings. Shipped models' rows are read by all and written by none but the catalogue."""

    _FIELDS: Final = _fields(unified_model_resource_method, "unified_model_id")

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope
        self._models = UnifiedModels(conn, scope)

    async def list(self, query: ListQuery) -> Page:
        page = await fetch_page(self._conn, self._visible(), self._FIELDS, query)
        return Page([mapping_view(row, "unified_model_id") for row in page.rows], page.after)

    async def get(self, id: str) -> Row:
        return mapping_view(await self._row(id), "unified_model_id")

    async def create(self, values: Mapping[str, Any]) -> Row:
        """`values`: `unified_model_id`, the cell's three names, `config`.

        Raises NotFound or Forbidden for the model, BadRequest for the config, Conflict for a taken cell.
        """
        model = await self._models.owned(str(values.get("unified_model_id")))
        cell = {name: values.get(name) for name in (*_CELL, "config")}
        _check(cell, model)
        now = now_of(self._conn)
        identity = new_id()
        statement = insert(unified_model_resource_method).values(
            **cell,
            id=identity,
            unified_model_id=model["id"],
            version=1,
            revision=1,
            created_at=now,
            updated_at=now,
        )
        await self._write(statement, model["name"], cell)
        await self._models.raise_epochs(model["id"])
        return await self.get(identity)

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """`config` is merged deep over objects, null deletes a key, texts and arrays are replaced."""
        sent_only(changes, _WRITABLE, {})
        row = await self._row(id)
        model = await self._models.owned(row["unified_model_id"])
        row = await self._row(id)
        check_version(changes.get("version"), row["version"])
        values = {name: changes[name] for name in _WRITABLE & changes.keys()}
        if isinstance(values.get("config"), Mapping):
            values["config"] = deep_merge_patch(row["config"], values["config"])
        _check({**row, **values}, model)
        statement = (
            update(unified_model_resource_method)
            .where(
                unified_model_resource_method.c.id == row["id"],
                unified_model_resource_method.c.version == row["version"],
            )
            .values(
                **values,
                version=row["version"] + 1,
                revision=unified_model_resource_method.c.revision + 1,
                updated_at=now_of(self._conn),
            )
        )
        await self._write(statement, model["name"], {**row, **values})
        await self._models.raise_epochs(model["id"])
        return await self.get(id)

    async def delete(self, id: str) -> str:
        row = await self._row(id)
        model = await self._models.owned(row["unified_model_id"])
        await self._conn.execute(
            delete_from(unified_model_resource_method).where(unified_model_resource_method.c.id == row["id"])
        )
        await self._models.raise_epochs(model["id"])
        return str(row["id"])

    def _visible(self) -> Select[Any]:
        return (
            select(unified_model_resource_method)
            .join(unified_model, unified_model.c.id == unified_model_resource_method.c.unified_model_id)
            .where(
                or_(
                    unified_model.c.team_id.is_(None),
                    unified_model.c.team_id == self._scope.team_id,
                    unified_model.c.sharing != "deny",
                )
            )
        )

    async def _row(self, identity: str) -> Row:
        statement = self._visible().where(unified_model_resource_method.c.id == identity)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(
                f"no mapping {identity}. GET /unified-model-resource-method?unified_model_id= lists them."
            )
        return dict(row)

    async def _write(self, statement: Any, model_name: str, cell: Mapping[str, Any]) -> None:
        try:
            await self._conn.execute(statement)
        except IntegrityError:
            raise Conflict(
                f"{model_name} already maps {cell['integration_name']} {cell['resource_name']}"
                f".{cell['method_name']}. GET /unified-model-resource-method finds it; update that row."
            ) from None


class EnvironmentMappings:
    """What this environment lays over base mappings; read only, calls already follow it."""

    _FIELDS: Final = _fields(environment_unified_model_resource_method, "environment_unified_model_id")

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope

    async def list(self, query: ListQuery) -> Page:
        page = await fetch_page(self._conn, self._mine(), self._FIELDS, query)
        return Page([mapping_view(row, "environment_unified_model_id") for row in page.rows], page.after)

    async def get(self, id: str) -> Row:
        statement = self._mine().where(environment_unified_model_resource_method.c.id == id)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no environment mapping {id} in this environment.")
        return mapping_view(row, "environment_unified_model_id")

    def _mine(self) -> Select[Any]:
        table = environment_unified_model_resource_method
        return (
            select(table)
            .join(
                environment_unified_model,
                environment_unified_model.c.id == table.c.environment_unified_model_id,
            )
            .where(environment_unified_model.c.environment_id == self._scope.environment_id)
        )


def _check(cell: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    failures = Failures()
    for name in _CELL:
        failures.text(name, cell[name])
    failures.object("config", cell["config"])
    resource = model["resources"].get(cell["resource_name"])
    if resource is None:
        known = ", ".join(sorted(model["resources"]))
        failures.add("resource_name", f"must be a resource of {model['name']}: {known}", "unknown_resource")
    failures.throw("the mapping is not valid")
    check_mapping(cell["config"], source=f"{model['name']}/{cell['resource_name']}.{cell['method_name']}")
