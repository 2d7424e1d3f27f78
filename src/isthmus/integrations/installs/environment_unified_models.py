"""Installs unified models in one environment, with the environment's overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import Select, select

from isthmus.db.listing import FilterColumns
from isthmus.db.tables import environment_unified_model, team, unified_model
from isthmus.definitions.layers import apply_patch
from isthmus.integrations.installs.installs import InstalledDefinitions
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.definition_checks import check_record_schemas, check_unified_model
from isthmus.integrations.rows.wire_rows import OWNER_COLUMNS, Row, environment_model_to_wire, model_to_wire
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["EnvironmentUnifiedModels"]

_SLOTS: Final = ("resources", "scopes", "webhooks", "docs")
_PREFIX: Final = "model__"
_MODEL: Final = tuple(column.label(f"{_PREFIX}{column.key}") for column in unified_model.c)


class EnvironmentUnifiedModels(InstalledDefinitions):
    """The unified models that one environment has installed, and so may call."""

    _TABLE = environment_unified_model
    FILTERS: ClassVar[FilterColumns] = {
        **{
            name: environment_unified_model.c[name]
            for name in ("id", "environment_id", "unified_model_id", "created_at", "updated_at")
        },
        "unified_model.name": unified_model.c.name,
        "unified_model.category": unified_model.c.category,
    }
    _DEFINITION = unified_model
    _PARENT_COLUMN = "unified_model_id"
    _NOUN = "environment unified model"
    _ROUTE = "/environment-unified-model"
    _DEFINITION_NOUN = "unified model"
    _DEFINITION_ROUTE = "/unified-model"

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Installs a model and returns the install; an existing install is returned unchanged.

        `values`: `unified_model_id` (or its name), and optionally `override`. Raises NotFound for a model
        that this team does not see, Forbidden if its owner does not share it, BadRequest for an override that
        does not fit.
        """
        model = await self._lock_installable(str(values.get("unified_model_id")))
        row = await self._find_row("unified_model_id", model["id"])
        is_new = False
        if row is None:
            override = values.get("override") or {}
            self.warnings += _check_override(model, override)
            row, is_new = await self._insert_install(model["id"], {"override": override})
        installed = self._to_wire(row)
        if not is_new:
            self._warn_of_unchanged(values, installed)
        return installed

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Changes an install and returns it. `override` replaces the stored one as a whole. Raises NotFound,
        BadRequest, DefinitionInvalid."""
        require_writable_field(changes, frozenset({"override"}))
        row = await self._read_row(id, lock=True)
        self.warnings += _check_override(_extract_model(row), changes["override"])
        return self._to_wire(await self._update_row(row["id"], {"override": changes["override"]}))

    async def delete(self, id: str) -> str:
        """Uninstalls, deletes the environment's own mappings of the model, and returns the install's id."""
        return await self._delete_row(id)

    def _select_installs(self) -> Select[Any]:
        """Returns the SELECT of the environment's installs with the columns of their models."""
        return (
            select(
                environment_unified_model,
                *_MODEL,
                *OWNER_COLUMNS,
                unified_model.c.name.label("unified_model_name"),
                unified_model.c.category.label("unified_model_category"),
            )
            .join(unified_model, unified_model.c.id == environment_unified_model.c.unified_model_id)
            .outerjoin(team, team.c.id == unified_model.c.team_id)
            .where(environment_unified_model.c.environment_id == self._scope.environment_id)
        )

    async def _to_wire_rows(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        """Returns the rows in the shape of the API."""
        return [self._to_wire(row) for row in rows]

    def _to_wire(self, row: Mapping[str, Any]) -> Row:
        """Returns an install in the shape of the API, with its model."""
        owner = {column.name: row[column.name] for column in OWNER_COLUMNS}
        embedded = model_to_wire({**_extract_model(row), **owner}, [self._scope.environment_id])
        return environment_model_to_wire({**row, "unified_model": embedded})


def _extract_model(row: Mapping[str, Any]) -> Row:
    """Returns the columns of the model in a row of `_select_installs`."""
    return {key[len(_PREFIX) :]: value for key, value in row.items() if key.startswith(_PREFIX)}


def _check_override(model: Mapping[str, Any], override: Any) -> list[CallWarning]:
    """Returns warnings on what the override adds. Raises BadRequest or DefinitionInvalid if it, or the model
    with it, is not valid."""
    failures = Failures()
    failures.check_object("override", override)
    if isinstance(override, Mapping):
        for name, value in override.items():
            if name not in _SLOTS:
                failures.add(f"override.{name}", f"must be one of {', '.join(_SLOTS)}", "unknown_field")
            elif value is not None:
                failures.check_object(f"override.{name}", value)
    failures.raise_if_any("the environment unified model is not valid")
    merged = {name: apply_patch(model[name], override.get(name) or {}) for name in _SLOTS}
    resources = override.get("resources") or {}
    of_model = check_unified_model(model, field="override", own={})
    of_both = check_unified_model({**model, **merged}, field="override", own=resources)
    of_schemas = check_record_schemas(model["name"], resources, field="override.resources")
    return [warning for warning in of_both if warning not in of_model] + of_schemas
