"""Reads which unified resources and methods an integration is mapped to, in an environment or for an
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
        definition: Mapping[str, Any] = self.model.resources[self.resource]
        return definition


MappedMethods = dict[tuple[str, str], dict[str, bool]]
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
    mapped_methods = await _read_mapped_methods(conn, scope.environment_id, integration_name)
    models = await read_models(conn, scope, only_installed=only_installed)
    labels = await _read_category_labels(conn)
    resources = []
    for model in models:
        account_mappings = account_override.get(model.name) if account_override else None
        for resource, definition in sorted(model.resources.items()):
            mapped = dict(mapped_methods.get((model.id, resource), {}))
            if isinstance(account_mappings, Mapping) and isinstance(account_mappings.get(resource), Mapping):
                mapped |= {
                    name: mapped.get(name, False)
                    for name, value in account_mappings[resource].items()
                    if value
                }
            allowed = definition.get("methods") or sorted(mapped)
            methods = tuple(name for name in allowed if name in mapped)
            if methods:
                label = labels.get(model.name) or model.name.replace("-", " ").replace("_", " ").title()
                resources.append(
                    MappedResource(
                        model=model,
                        model_label=f"Unified {label} API",
                        resource=resource,
                        methods=methods,
                        is_overridden=any(mapped[name] for name in methods),
                    )
                )
    return resources


async def _read_mapped_methods(
    conn: AsyncConnection, environment_id: str, integration_name: str
) -> MappedMethods:
    """Returns the base mappings of an integration, and those of the environment."""
    base, over = unified_model_resource_method, environment_unified_model_resource_method
    mapped_methods: MappedMethods = {}
    statement = select(base.c.unified_model_id, base.c.resource_name, base.c.method_name).where(
        base.c.integration_name == integration_name
    )
    for model_id, resource, method in (await conn.execute(statement)).all():
        mapped_methods.setdefault((model_id, resource), {})[method] = False
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
        mapped_methods.setdefault((model_id, resource), {})[method] = True
    return mapped_methods


async def _read_category_labels(conn: AsyncConnection) -> dict[str, str]:
    """Returns the labels of the categories, by name."""
    rows = (await conn.execute(select(category.c.name, category.c.label))).all()
    return {row.name: row.label for row in rows}
