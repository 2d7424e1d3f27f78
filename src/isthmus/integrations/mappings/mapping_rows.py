"""Reads the stored mappings of an integration, layer by layer, as calls and descriptions need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import (
    environment_unified_model,
    environment_unified_model_resource_method,
    unified_model,
    unified_model_resource_method,
)

__all__ = ["LAYERS", "MappingRow", "iter_override_mappings", "read_mapping_rows"]

LAYERS: Final = ("model", "environment", "account")
"""The layers of a mapping, from the one that is overridden to the one that overrides."""


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A stored mapping of one resource and method. `layer`: `model` or `environment`."""

    layer: str
    id: str
    revision: int
    model: str
    resource: str
    method: str
    config: Mapping[str, Any]


async def read_mapping_rows(
    conn: AsyncConnection,
    environment_id: str,
    integration_name: str,
    *,
    model: str | None = None,
    resource: str | None = None,
    method: str | None = None,
) -> list[MappingRow]:
    """Returns the mappings of an integration in the models that the environment has installed.

    `model`, `resource` and `method` select by name; None selects all. Rows of the `model` layer come first.
    """
    rows: list[MappingRow] = []
    base, over = unified_model_resource_method, environment_unified_model_resource_method
    installs = environment_unified_model
    for layer, table, joins in (
        ("model", base, base.c.unified_model_id == installs.c.unified_model_id),
        ("environment", over, over.c.environment_unified_model_id == installs.c.id),
    ):
        statement = (
            select(
                table.c.id,
                table.c.revision,
                table.c.resource_name,
                table.c.method_name,
                table.c.config,
                unified_model.c.name,
            )
            .join(installs, joins)
            .join(unified_model, unified_model.c.id == installs.c.unified_model_id)
            .where(
                installs.c.environment_id == environment_id,
                table.c.integration_name == integration_name,
            )
            .order_by(unified_model.c.name, table.c.resource_name, table.c.method_name)
        )
        for column, name in (
            (unified_model.c.name, model),
            (table.c.resource_name, resource),
            (table.c.method_name, method),
        ):
            if name is not None:
                statement = statement.where(column == name)
        for row in (await conn.execute(statement)).all():
            rows.append(
                MappingRow(
                    layer, row.id, row.revision, row.name, row.resource_name, row.method_name, row.config
                )
            )
    return rows


def iter_override_mappings(override: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Returns `(model, resource, method)` of each mapping in an account's `unified_model_override`."""
    for model, resources in override.items():
        for resource, methods in resources.items() if isinstance(resources, Mapping) else ():
            for method, config in methods.items() if isinstance(methods, Mapping) else ():
                if isinstance(config, Mapping):
                    yield model, resource, method
