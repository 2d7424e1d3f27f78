"""Reads and changes mappings: the base mappings of a model, and those that an environment merges over them.

A mapping belongs to one combination of unified model, integration, resource and method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import Select, Table, insert, select
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time
from isthmus.db.epochs import increment_epoch
from isthmus.db.listing import FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.tables import (
    environment_unified_model,
    environment_unified_model_resource_method,
    unified_model,
    unified_model_resource_method,
)
from isthmus.definitions.layers import apply_patch
from isthmus.errors import Conflict, NotFound
from isthmus.integrations.catalog.owned_definitions import (
    build_version_update,
    is_visible_to_team,
    resolve_names,
)
from isthmus.integrations.catalog.unified_models import UnifiedModels
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.rows.body_checks import Failures, check_version
from isthmus.integrations.rows.definition_checks import check_mapping, check_mapping_override
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.unknown_names import check_resource_and_method
from isthmus.integrations.rows.wire_rows import Row, mapping_to_wire
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["EnvironmentMappings", "ModelMappings"]

_NAME_COLUMNS: Final = ("integration_name", "resource_name", "method_name")
_WRITABLE: Final = frozenset({*_NAME_COLUMNS, "config"})
_MAX_NAME_LENGTH: Final = 200


def _list_filters(table: Table, parent: str) -> FilterColumns:
    """Returns the columns that a list can be filtered and sorted by."""
    return {
        name: table.c[name] for name in ("id", parent, *_NAME_COLUMNS, "version", "created_at", "updated_at")
    }


class _MappingRepository(ABC):
    """The rows of one of the two tables. A subclass decides who sees, writes and caches them.
    `warnings`: on the mappings that it has written."""

    _TABLE: ClassVar[Table]
    FILTERS: ClassVar[FilterColumns]

    _PARENT_COLUMN: ClassVar[str]
    """The column with the id of the unified model, or of its install, that a row belongs to."""

    _ROUTE: ClassVar[str]

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope
        self.warnings: list[CallWarning] = []

    async def list(self, query: ListQuery) -> Page:
        """Returns a page of the mappings that the caller sees, as the API shows them. A filter may name an
        integration or a model in place of its id. Raises BadRequest for an invalid filter."""
        query = await resolve_names(self._conn, query)
        page = await fetch_page(self._conn, self._select_visible(), self.FILTERS, query)
        return Page([mapping_to_wire(row, self._PARENT_COLUMN) for row in page.rows], page.after)

    async def get(self, id: str) -> Row:
        """Returns a mapping. Raises NotFound."""
        return mapping_to_wire(await self._read_row(id), self._PARENT_COLUMN)

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Creates a mapping and returns it. `values`: the parent's id, the names of integration, resource and
        method, and `config`.

        The integration need not exist yet, because a model may be copied to another server first. Raises
        NotFound or Forbidden for the parent, BadRequest for the config, Conflict if there is a mapping of
        these names already.
        """
        parent, model = await self._lock_parent(str(values.get(self._PARENT_COLUMN)))
        columns = {name: values.get(name) for name in (*_NAME_COLUMNS, "config")}
        self.warnings += self._check_mapping(columns, model)
        now = current_time(self._conn)
        identity = new_id()
        row = {**columns, "id": identity, self._PARENT_COLUMN: parent, "created_at": now, "updated_at": now}
        await self._execute_write(
            insert(self._TABLE).values(**row, version=1, revision=1), model["name"], columns
        )
        await self._increment_epochs(parent)
        return await self.get(identity)

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Changes a mapping and returns it. `config` is merged deeply: null deletes a key, and texts and
        arrays are replaced. Raises NotFound, Forbidden, BadRequest, Conflict."""
        require_writable_field(changes, _WRITABLE)
        parent, model = await self._lock_parent((await self._read_row(id))[self._PARENT_COLUMN])
        row = await self._read_row(id)
        check_version(changes.get("version"), row["version"])
        values = {name: changes[name] for name in _WRITABLE & changes.keys()}
        if isinstance(values.get("config"), Mapping):
            values["config"] = apply_patch(row["config"], values["config"])
        self.warnings += self._check_mapping({**row, **values}, model)
        statement = build_version_update(self._conn, self._TABLE, row, values)
        await self._execute_write(statement, model["name"], {**row, **values})
        await self._increment_epochs(parent)
        return await self.get(id)

    async def delete(self, id: str) -> str:
        """Deletes a mapping and returns its id. Raises NotFound or Forbidden."""
        row = await self._read_row(id)
        parent, _ = await self._lock_parent(row[self._PARENT_COLUMN])
        await self._conn.execute(delete_from(self._TABLE).where(self._TABLE.c.id == row["id"]))
        await self._increment_epochs(parent)
        return str(row["id"])

    @abstractmethod
    def _select_visible(self) -> Select[Any]:
        """Returns the SELECT of the rows that the caller may read."""

    @abstractmethod
    async def _lock_parent(self, parent: str) -> tuple[str, Mapping[str, Any]]:
        """Locks the parent, the unified model or its install, and returns (its id, its model with `name` and
        `resources`).

        Raises NotFound or Forbidden if this caller may not write its mappings.
        """

    @abstractmethod
    def _check_mapping(self, columns: Mapping[str, Any], model: Mapping[str, Any]) -> Sequence[CallWarning]:
        """Returns warnings on the mapping. Raises BadRequest or DefinitionInvalid for an invalid one.
        `columns`: the columns of its row. `model`: as `_lock_parent` returns it."""

    @abstractmethod
    async def _increment_epochs(self, parent: str) -> None:
        """Increments the epochs of the environments whose mappings change with the parent's."""

    async def _read_row(self, identity: str) -> Row:
        """Returns a mapping that the caller may read. Raises NotFound."""
        statement = self._select_visible().where(self._TABLE.c.id == identity)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no mapping {identity}. GET {self._ROUTE}?{self._PARENT_COLUMN}= lists them.")
        return dict(row)

    async def _execute_write(self, statement: Any, model_name: str, columns: Mapping[str, Any]) -> None:
        """Executes a write. Raises Conflict if there is a mapping of the same integration, resource and
        method already."""
        try:
            await self._conn.execute(statement)
        except IntegrityError:
            raise Conflict(
                f"{model_name} already maps {columns['integration_name']} {columns['resource_name']}"
                f".{columns['method_name']}. GET {self._ROUTE} finds it; update that row."
            ) from None


class ModelMappings(_MappingRepository):
    """The base mappings of unified models. Those of shipped models are written only by the catalogue."""

    _TABLE = unified_model_resource_method
    _PARENT_COLUMN = "unified_model_id"
    FILTERS = _list_filters(_TABLE, _PARENT_COLUMN)
    _ROUTE = "/unified-model-resource-method"

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        super().__init__(conn, scope)
        self._models = UnifiedModels(conn, scope)

    def _select_visible(self) -> Select[Any]:
        """Returns the SELECT of the mappings of all models that the team sees."""
        return (
            select(unified_model_resource_method)
            .join(unified_model, unified_model.c.id == unified_model_resource_method.c.unified_model_id)
            .where(is_visible_to_team(unified_model, self._scope.team_id))
        )

    async def _lock_parent(self, parent: str) -> tuple[str, Mapping[str, Any]]:
        """Locks a unified model of this team; returns (its id, its row)."""
        model = await self._models.lock_owned(parent)
        return model["id"], model

    def _check_mapping(self, columns: Mapping[str, Any], model: Mapping[str, Any]) -> Sequence[CallWarning]:
        """Checks the columns and the whole mapping."""
        _check_columns(columns, model)
        return check_mapping(columns["config"], source=_describe_mapping(columns, model))

    async def _increment_epochs(self, parent: str) -> None:
        """Increments the epoch of every environment that has the model installed."""
        await self._models.increment_epochs(parent)


class EnvironmentMappings(_MappingRepository):
    """The mappings of one environment. Each is merged over the base mapping of its columns, if there is
    one."""

    _TABLE = environment_unified_model_resource_method
    _PARENT_COLUMN = "environment_unified_model_id"
    FILTERS = _list_filters(_TABLE, _PARENT_COLUMN)
    _ROUTE = "/environment-unified-model-resource-method"

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        super().__init__(conn, scope)
        self._installs = EnvironmentUnifiedModels(conn, scope)

    def _select_visible(self) -> Select[Any]:
        """Returns the SELECT of the mappings of the environment."""
        table = environment_unified_model_resource_method
        return (
            select(table)
            .join(
                environment_unified_model,
                environment_unified_model.c.id == table.c.environment_unified_model_id,
            )
            .where(environment_unified_model.c.environment_id == self._scope.environment_id)
        )

    async def _lock_parent(self, parent: str) -> tuple[str, Mapping[str, Any]]:
        """Locks the install of a unified model; returns (its id, the model with the environment's
        override)."""
        install = await self._installs.get(await self._installs.lock(parent))
        model = install["unified_model"]
        resources = apply_patch(model["resources"], install["override"].get("resources") or {})
        return install["id"], {**model, "resources": resources}

    def _check_mapping(self, columns: Mapping[str, Any], model: Mapping[str, Any]) -> Sequence[CallWarning]:
        """Checks the columns, and the mapping as a partial one."""
        _check_columns(columns, model)
        return check_mapping_override(
            columns["config"], source=_describe_mapping(columns, model), field="config"
        )

    async def _increment_epochs(self, parent: str) -> None:
        """Increments the epoch of the environment."""
        await increment_epoch(self._conn, self._scope.environment_id)


def _describe_mapping(columns: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """Returns the name of a mapping for messages, such as `crm/contacts.list`."""
    return f"{model['name']}/{columns['resource_name']}.{columns['method_name']}"


def _check_columns(columns: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Raises BadRequest for values of the wrong type, and for a resource or method that the model does not
    have."""
    failures = Failures()
    for name in _NAME_COLUMNS:
        failures.check_text(name, columns[name], max_length=_MAX_NAME_LENGTH)
    if not failures.entries:
        names = (columns["resource_name"], columns["method_name"])
        check_resource_and_method(
            failures, model["name"], model["resources"], names, ("resource_name", "method_name")
        )
    failures.check_object("config", columns["config"])
    failures.raise_if_any("the mapping is not valid")
