"""Reading which unified resources and methods an integration is mapped to, in an environment or for an
account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import (
    category,
    environment_unified_model,
    environment_unified_model_resource_method,
    unified_model_resource_method,
)
from isthmus.integrations.effective.environment_models import EnvironmentModel, read_models
from isthmus.integrations.rows.scope import Scope

__all__ = ["MappedResource", "read_mapped_resources"]


@dataclass(frozen=True, slots=True)
class MappedResource:
    """A resource of a unified model, with the methods that the integration is mapped to.

    `is_overridden`: True if the environment has its own mapping of one of the methods.
    """

    model: EnvironmentModel = field(repr=False)
    model_label: str
    resource: str
    methods: tuple[str, ...]
    is_overridden: bool

    @property
    def definition(self) -> Mapping[str, Any]:
        """The resource as the unified model defines it."""
        found: Mapping[str, Any] = self.model.resources[self.resource]
        return found


Cells = dict[tuple[str, str], dict[str, bool]]
"""(id of the model, resource) -> method -> True if the environment has its own mapping of it."""


async def read_mapped_resources(
    conn: AsyncConnection,
    scope: Scope,
    integration_name: str,
    *,
    only_installed: bool,
    account_override: Mapping[str, Any] | None = None,
) -> list[MappedResource]:
    """Returns the resources that an integration is mapped to, sorted by model and resource.

    `only_installed`: True for the models that the environment has installed, False for all that the team
    sees. `account_override`: the account's own mappings, by model, resource and method.
    """
    cells = await _read_mapped_cells(conn, scope.environment_id, integration_name)
    models = await read_models(conn, scope, only_installed=only_installed)
    labels = await _read_category_labels(conn)
    found = []
    for model in models:
        own = account_override.get(model.name) if account_override else None
        for resource, definition in sorted(model.resources.items()):
            mapped = dict(cells.get((model.id, resource), {}))
            if isinstance(own, Mapping) and isinstance(own.get(resource), Mapping):
                mapped |= {name: mapped.get(name, False) for name, value in own[resource].items() if value}
            allowed = definition.get("methods") or sorted(mapped)
            methods = tuple(name for name in allowed if name in mapped)
            if methods:
                label = labels.get(model.name) or model.name.replace("-", " ").replace("_", " ").title()
                found.append(
                    MappedResource(
                        model=model,
                        model_label=f"Unified {label} API",
                        resource=resource,
                        methods=methods,
                        is_overridden=any(mapped[name] for name in methods),
                    )
                )
    return found


async def _read_mapped_cells(conn: AsyncConnection, environment_id: str, integration_name: str) -> Cells:
    """Returns the base mappings of an integration, and those of the environment."""
    base, over = unified_model_resource_method, environment_unified_model_resource_method
    cells: Cells = {}
    statement = select(base.c.unified_model_id, base.c.resource_name, base.c.method_name).where(
        base.c.integration_name == integration_name
    )
    for model_id, resource, method in (await conn.execute(statement)).all():
        cells.setdefault((model_id, resource), {})[method] = False
    statement = (
        select(environment_unified_model.c.unified_model_id, over.c.resource_name, over.c.method_name)
        .join(
            environment_unified_model,
            environment_unified_model.c.id == over.c.environment_unified_model_id,
        )
        .where(
            over.c.integration_name == integration_name,
            environment_unified_model.c.environment_id == environment_id,
        )
    )
    for model_id, resource, method in (await conn.execute(statement)).all():
        cells.setdefault((model_id, resource), {})[method] = True
    return cells


async def _read_category_labels(conn: AsyncConnection) -> dict[str, str]:
    """Returns the labels of the categories, by name."""
    found = (await conn.execute(select(category.c.name, category.c.label))).all()
    return {row.name: row.label for row in found}
