"""Reads the guide for people who connect an integration for a unified model: plans, roles, scopes and
instructions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import documentation
from isthmus.definitions.json_values import as_mapping
from isthmus.definitions.layers import merge_mapping
from isthmus.errors import NotFound
from isthmus.integrations.effective.environment_models import EnvironmentModel, read_model
from isthmus.integrations.mappings.mapping_rows import read_mapping_rows
from isthmus.integrations.meta.integration_description import IntegrationDescription
from isthmus.integrations.meta.mapped_resources import read_mapped_resources
from isthmus.integrations.rows.scope import Scope

__all__ = ["read_integration_guide"]

Json = dict[str, Any]


async def read_integration_guide(
    conn: AsyncConnection, scope: Scope, described: IntegrationDescription, model_name: str
) -> Json:
    """Returns the guide as JSON: plans, roles, OAuth scopes, instructions (Markdown), and the resources with
    their methods.

    Raises NotFound if the model is not installed, or the integration is not mapped to it.
    """
    model = await read_model(conn, scope, model_name)
    mapped = await read_mapped_resources(conn, scope, described.name, only_installed=True)
    resources = [resource for resource in mapped if resource.model.id == model.id]
    if not resources:
        raise NotFound(
            f"{described.name} is not mapped to the unified model {model.name}. "
            f"GET /integration/{described.name}/unified-apis lists the models it is mapped to."
        )
    docs = as_mapping(model.docs.get(described.name))
    return {
        "pricing_plan": _as_texts(docs.get("pricing_plan")),
        "user_role": _as_texts(docs.get("user_role")),
        "scopes": await _collect_scopes(conn, scope, described, model, docs),
        "instructions": docs.get("instructions") or await _read_instructions(conn, described, model),
        "resources": [
            {
                "resource": resource.resource,
                "description": resource.definition.get("description"),
                "methods": list(resource.methods),
                "docs_url": resource.definition.get("docs_url"),
            }
            for resource in resources
        ],
    }


async def _collect_scopes(
    conn: AsyncConnection,
    scope: Scope,
    described: IntegrationDescription,
    model: EnvironmentModel,
    docs: Mapping[str, Any],
) -> list[str]:
    """Returns the OAuth scopes that the model and its resources name, and those of every proxy method that
    may be called."""
    all_scopes = [*_as_texts(docs.get("scopes")), *_as_texts(model.scopes.get(described.name))]
    for definition in model.resources.values():
        resource_scopes = (definition.get("scopes") or {}).get(described.name) or {}
        all_scopes += [item for scopes in resource_scopes.values() for item in _as_texts(scopes)]
    methods = {(item.resource, item.name): item.definition for item in described.methods}
    configs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in await read_mapping_rows(conn, scope.environment_id, described.name, model=model.name):
        configs.setdefault((row.resource, row.method), []).append(row.config)
    for (resource, method), layers in configs.items():
        config = merge_mapping(*layers)
        for target in _list_choices(config.get("resource") or resource, "resources"):
            for name in _list_choices(config.get("method") or method, "methods"):
                all_scopes += _as_texts((methods.get((target, name)) or {}).get("scopes"))
    return list(dict.fromkeys(all_scopes))


def _list_choices(expression_or_name: Any, key: str) -> list[str]:
    """Returns the names that a mapping's `resource` or `method` can evaluate to. `expression_or_name`: a
    name, or an object with a list of names at `key`."""
    return (
        [expression_or_name]
        if isinstance(expression_or_name, str)
        else _as_texts(expression_or_name.get(key))
    )


async def _read_instructions(
    conn: AsyncConnection, described: IntegrationDescription, model: EnvironmentModel
) -> str | None:
    """Returns the page about this integration in this model, or else the integration's own page; None if
    there is neither.

    A page of the environment comes before one of the model.
    """
    statement = (
        select(documentation.c.content)
        .where(
            or_(
                documentation.c.unified_model_id == model.id,
                documentation.c.environment_unified_model_id == model.install_id,
            ),
            documentation.c.integration_name == described.name,
            documentation.c.resource.is_(None),
            documentation.c.type == "readme",
        )
        .order_by(
            documentation.c.environment_unified_model_id.is_not(None).desc(),
            documentation.c.updated_at.desc(),
        )
    )
    content: str | None = (await conn.execute(statement)).scalars().first()
    return content if content is not None else described.texts.get("readme")


def _as_texts(value: Any) -> list[str]:
    """Returns a text, or the texts of an array, as a list; empty for any other value."""
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value] if isinstance(value, list | tuple) else []
