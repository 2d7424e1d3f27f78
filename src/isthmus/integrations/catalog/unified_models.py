"""Reads and changes unified models: the record schemas that integrations are mapped to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from isthmus.db.listing import FilterColumns
from isthmus.db.tables import environment_unified_model, unified_model
from isthmus.definitions.layers import apply_patch
from isthmus.integrations.catalog.owned_definitions import OwnedDefinitions
from isthmus.integrations.catalog.renames import refuse_rename_of_model
from isthmus.integrations.rows.body_checks import SHARING, Failures, check_version
from isthmus.integrations.rows.definition_checks import check_record_schemas, check_unified_model
from isthmus.integrations.rows.wire_rows import Row, model_to_wire
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field

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


class UnifiedModels(OwnedDefinitions):
    """The models a team sees: its own, the shipped ones, and those that other teams share.

    Deleting a model deletes its mappings.
    """

    _TABLE = unified_model
    FILTERS: ClassVar[FilterColumns] = {
        name: unified_model.c[name]
        for name in ("id", "name", "category", "sharing", "team_id", "version", "created_at", "updated_at")
    }
    _NOUN = "unified model"
    _NOUN_WITH_ARTICLE = "a unified model"
    _ROUTE = "/unified-model"
    _INSTALLS = environment_unified_model
    _INSTALLS_COLUMN = "unified_model_id"
    _INSTALL_ROUTE = "/environment-unified-model"

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Creates a unified model of this team and returns it.

        `values`: `name`, `category`, `resources`, and optionally the other writable fields. Raises BadRequest
        with every failure, Conflict if the name is taken.
        """
        row: Row = {**_DEFAULTS, **{name: values[name] for name in _WRITABLE & values.keys()}}
        _check_fields(row)
        self.warnings += check_unified_model(row)
        self.warnings += check_record_schemas(row["name"], row["resources"])
        return await self._insert({**row, "id": new_id()})

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Changes a unified model of this team and returns it. Objects are merged deeply, and null deletes a
        key; `version`, if sent, must be the current one.

        Raises Forbidden for a model of another owner; Conflict for a stale version, for a taken name, and for
        a new name while accounts override mappings under the old one.
        """
        require_writable_field(changes, _WRITABLE)
        row = await self.lock_owned(id)
        check_version(changes.get("version"), row["version"])
        values = {name: changes[name] for name in _WRITABLE & changes.keys()}
        _check_fields(values)
        if values.get("name", row["name"]) != row["name"]:
            await refuse_rename_of_model(self._conn, self._scope.team_id, row)
        for name in _OBJECTS:
            if name in values:
                values[name] = apply_patch(row[name], values[name])
        self.warnings += check_unified_model({**row, **values})
        self.warnings += check_record_schemas(row["name"], changes.get("resources"))
        return await self._update(row, values)

    def _to_wire(self, row: Mapping[str, Any], installed: Sequence[str]) -> Row:
        """Returns the row in the shape of the API."""
        return model_to_wire(row, installed)


def _check_fields(values: Mapping[str, Any]) -> None:
    """Raises BadRequest listing every field whose value is not valid. Does not check that fields are
    present."""
    failures = Failures()
    checks = {
        "name": failures.check_slug,
        "category": failures.check_text,
        "description": failures.check_text_or_null,
    }
    checks |= dict.fromkeys(_OBJECTS, failures.check_object)
    for name, check in checks.items():
        if name in values:
            check(name, values[name])
    if "sharing" in values:
        failures.check_one_of("sharing", values["sharing"], SHARING)
    failures.raise_if_any("the unified model is not valid")
