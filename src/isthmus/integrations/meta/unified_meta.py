"""What a unified method takes and gives for one integration, and what people should know of it before they
connect (`api.md` §4.2). Read anew, for authors and forms; calls go by `effective`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import documentation
from isthmus.definitions.layers import account_mapping, merge_mapping
from isthmus.definitions.load import load_mapping
from isthmus.definitions.object_mapping import LITERAL_KEY
from isthmus.definitions.schema_forms import as_object_schema
from isthmus.engine.unified.mapping_plans import layered
from isthmus.errors import NotFound
from isthmus.expressions import Expression
from isthmus.integrations.effective.environment_models import EnvironmentModel, read_model
from isthmus.integrations.effective.unified_names import match_resource, unmapped_error
from isthmus.integrations.mappings.mapping_rows import read_mapping_rows
from isthmus.integrations.meta.integration_description import IntegrationDescription
from isthmus.integrations.meta.mapped_resources import read_mapped_resources
from isthmus.integrations.rows.scope import Scope

__all__ = ["read_integration_guide", "read_method_meta"]

_OWN: frozenset[str] = frozenset({"remote_data"})
"""Set beside what a mapping gives."""

Json = dict[str, Any]


async def read_method_meta(
    conn: AsyncConnection,
    scope: Scope,
    integration_name: str,
    model_name: str,
    resource: str,
    method: str,
    account_override: Mapping[str, Any] | None = None,
) -> Json:
    """All layers merged. `query_schema` and `request_body_schema` are what calls are checked by: the model's
    with the mapping's over it. `response_schema`: of `schema`, the fields that the mapping fills.

    Raises NotFound that names what is not there, or not mapped.
    """
    model = await read_model(conn, scope, model_name)
    methods = {each: definition.get("methods") for each, definition in model.resources.items()}
    name = match_resource(model.name, methods, resource, method)
    definition = model.resources[name]
    config = await _read_merged_mapping(conn, scope, integration_name, model, name, method, account_override)
    schema = definition.get("schema") or {}
    query, body = (
        as_object_schema(layered((definition.get(kind) or {}).get(method), config.get(kind)))
        for kind in ("query_schema", "request_body_schema")
    )
    return {
        "method": method,
        "schema": schema,
        "documentation_link": config.get("documentation_link"),
        "response_mapping": config.get("response_mapping"),
        "query_schema": query,
        "request_body_schema": body,
        "default_query": config.get("query") or {},
        "default_body": config.get("body") or {},
        "response_schema": _select_filled_properties(schema, config.get("response_mapping")),
    }


async def _read_merged_mapping(
    conn: AsyncConnection,
    scope: Scope,
    integration_name: str,
    model: EnvironmentModel,
    resource: str,
    method: str,
    account_override: Mapping[str, Any] | None,
) -> Json:
    rows = await read_mapping_rows(
        conn, scope.environment_id, integration_name, model=model.name, resource=resource, method=method
    )
    layers = [row.config for row in rows]
    own = account_mapping(account_override, model.name, resource, method)
    if own is not None:
        layers.append(own)
    if not layers:
        there = await read_mapping_rows(conn, scope.environment_id, integration_name, model=model.name)
        mapped = {f"{row.resource}.{row.method}" for row in there}
        raise unmapped_error(integration_name, model.name, resource, method, mapped)
    return merge_mapping(*layers)


def _select_filled_properties(schema: Mapping[str, Any], response_mapping: Any) -> Json:
    """The whole schema where the mapping does not tell what it fills."""
    fields = _find_filled_fields(response_mapping)
    properties = schema.get("properties")
    if fields is None or not isinstance(properties, Mapping):
        return dict(schema)
    kept = {name: part for name, part in properties.items() if name in fields | _OWN}
    filled = {**schema, "properties": kept}
    if isinstance(schema.get("required"), list):
        filled["required"] = [name for name in schema["required"] if name in kept]
    return filled


def _find_filled_fields(response_mapping: Any) -> frozenset[str] | None:
    mapping = load_mapping({"response_mapping": response_mapping}).response_mapping
    if mapping is None:
        return None
    if isinstance(mapping, Expression):
        return mapping.record_fields()
    source = mapping.source
    if "result" in source:
        result = source["result"]
        return _find_filled_fields(result) if isinstance(result, str | Mapping) else None
    return None if LITERAL_KEY in source else frozenset(source)


async def read_integration_guide(
    conn: AsyncConnection, scope: Scope, described: IntegrationDescription, model_name: str
) -> Json:
    """What the customer's people need to know: plans, roles, scopes, instructions (Markdown), and the
    resources with their methods. Raises NotFound where the model is not installed or nothing is mapped.
    """
    model = await read_model(conn, scope, model_name)
    mapped = await read_mapped_resources(conn, scope, described.name, only_installed=True)
    mine = [each for each in mapped if each.model.id == model.id]
    if not mine:
        raise NotFound(
            f"{described.name} is not mapped to the unified model {model.name}. "
            f"GET /integration/{described.name}/unified-apis lists the models it is mapped to."
        )
    said = model.docs.get(described.name)
    docs = said if isinstance(said, Mapping) else {}
    return {
        "pricing_plan": _as_texts(docs.get("pricing_plan")),
        "user_role": _as_texts(docs.get("user_role")),
        "scopes": await _collect_scopes(conn, scope, described, model, docs),
        "instructions": docs.get("instructions") or await _read_instructions(conn, described, model),
        "resources": [
            {
                "resource": each.resource,
                "description": each.definition.get("description"),
                "methods": list(each.methods),
                "docs_url": each.definition.get("docs_url"),
            }
            for each in mine
        ],
    }


async def _collect_scopes(
    conn: AsyncConnection,
    scope: Scope,
    described: IntegrationDescription,
    model: EnvironmentModel,
    docs: Mapping[str, Any],
) -> list[str]:
    """Those that are said, of the model and its resources, and those of every proxy method that may be
    called."""
    found = [*_as_texts(docs.get("scopes")), *_as_texts(model.scopes.get(described.name))]
    for definition in model.resources.values():
        own = (definition.get("scopes") or {}).get(described.name) or {}
        found += [each for scopes in own.values() for each in _as_texts(scopes)]
    methods = {(each.resource, each.name): each.definition for each in described.methods}
    configs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in await read_mapping_rows(conn, scope.environment_id, described.name, model=model.name):
        configs.setdefault((row.resource, row.method), []).append(row.config)
    for (resource, method), layers in configs.items():
        config = merge_mapping(*layers)
        for target in _list_choices(config.get("resource") or resource, "resources"):
            for name in _list_choices(config.get("method") or method, "methods"):
                found += _as_texts((methods.get((target, name)) or {}).get("scopes"))
    return list(dict.fromkeys(found))


def _list_choices(written: Any, listed: str) -> list[str]:
    """Names that a mapping's `resource` or `method` may come to."""
    return [written] if isinstance(written, str) else _as_texts(written.get(listed))


async def _read_instructions(
    conn: AsyncConnection, described: IntegrationDescription, model: EnvironmentModel
) -> str | None:
    """The page about this integration in this model, the environment's before the model's; else the
    integration's own."""
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
    found: str | None = (await conn.execute(statement)).scalars().first()
    return found if found is not None else described.rows.get("readme")


def _as_texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value] if isinstance(value, list | tuple) else []
