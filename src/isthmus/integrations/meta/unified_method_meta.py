"""Reads the schemas, defaults and documentation of one unified method of an integration, for authors and
forms.

The rows are read each time; calls use the cached `effective_definitions` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.definitions.aliases import add_aliases
from isthmus.definitions.authored_schemas import as_object_schema
from isthmus.definitions.layers import find_account_mapping, merge_mapping
from isthmus.definitions.load import load_mapping
from isthmus.definitions.object_mapping import LITERAL_KEY
from isthmus.definitions.unified_model import UnifiedResource
from isthmus.engine.unified.aliases import plan_aliases
from isthmus.engine.unified.caller_reads import find_caller_reads
from isthmus.engine.unified.mapping_plans import merge_schemas
from isthmus.expressions import Expression
from isthmus.expressions.field_reads import FieldReads
from isthmus.integrations.effective.environment_models import EnvironmentModel, read_model
from isthmus.integrations.effective.unified_names import match_names, unmapped_error
from isthmus.integrations.mappings.mapping_rows import read_mapping_rows
from isthmus.integrations.rows.scope import Scope

__all__ = ["read_method_meta"]

_ALWAYS_FILLED: frozenset[str] = frozenset({"remote_data"})
"""Fields of a unified record that are set beside those of its mapping."""

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
    """Returns the response body of the API's method metadata, from the mapping with all layers merged.

    `query_schema` and `request_body_schema` are those that calls are checked with: the model's, with the
    mapping's merged over them, and the aliases that the method takes. `used_query` and `used_body` are the
    dotted paths of what the mapping uses of a call, None for everything. `response_schema` is `schema`
    reduced to the fields that the mapping fills. Raises NotFound for a name that does not exist, or is not
    mapped.
    """
    model = await read_model(conn, scope, model_name)
    methods = {
        resource_name: definition.get("methods") for resource_name, definition in model.resources.items()
    }
    name, method = match_names(model.name, methods, resource, method)
    definition = model.resources[name]
    config = await _read_merged_mapping(conn, scope, integration_name, model, name, method, account_override)
    reads = find_caller_reads(load_mapping(config))
    schema = definition.get("schema") or {}
    query, body = (
        merge_schemas((definition.get(kind) or {}).get(method), config.get(kind))
        for kind in ("query_schema", "request_body_schema")
    )
    aliases = plan_aliases(reads, UnifiedResource.model_validate(definition), method, query, body)
    return {
        "method": method,
        "schema": schema,
        "documentation_link": config.get("documentation_link"),
        "response_mapping": config.get("response_mapping"),
        "query_schema": add_aliases(as_object_schema(query), aliases.query),
        "request_body_schema": add_aliases(as_object_schema(body), aliases.body, schema),
        "used_query": _list_paths(reads.query),
        "used_body": _list_paths(reads.body),
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
    """Returns the mapping's config with all layers merged. Raises NotFound if there is none."""
    rows = await read_mapping_rows(
        conn, scope.environment_id, integration_name, model=model.name, resource=resource, method=method
    )
    layers = [row.config for row in rows]
    account_mapping = find_account_mapping(account_override, model.name, resource, method)
    if account_mapping is not None:
        layers.append(account_mapping)
    if not layers:
        others = await read_mapping_rows(conn, scope.environment_id, integration_name, model=model.name)
        mapped = {f"{row.resource}.{row.method}" for row in others}
        raise unmapped_error(integration_name, model.name, resource, method, mapped)
    return merge_mapping(*layers)


def _list_paths(reads: FieldReads) -> list[str] | None:
    """Returns the dotted paths of what a mapping reads; None where it may read everything."""
    return None if reads.is_whole else [".".join(path) for path in reads.iterate_paths()]


def _select_filled_properties(schema: Mapping[str, Any], response_mapping: Any) -> Json:
    """Returns the schema with only the properties that the mapping fills; all of it if these cannot be
    determined."""
    fields = _find_filled_fields(response_mapping)
    properties = schema.get("properties")
    if fields is None or not isinstance(properties, Mapping):
        return dict(schema)
    filled_properties = {name: part for name, part in properties.items() if name in fields | _ALWAYS_FILLED}
    filled = {**schema, "properties": filled_properties}
    if isinstance(schema.get("required"), list):
        filled["required"] = [name for name in schema["required"] if name in filled_properties]
    return filled


def _find_filled_fields(response_mapping: Any) -> frozenset[str] | None:
    """Returns the top-level fields that a response mapping sets; None if its text does not determine them."""
    mapping = load_mapping({"response_mapping": response_mapping}).response_mapping
    if mapping is None:
        return None
    if isinstance(mapping, Expression):
        return mapping.find_record_fields()
    source = mapping.source
    if "result" in source:
        result = source["result"]
        return _find_filled_fields(result) if isinstance(result, str | Mapping) else None
    return None if LITERAL_KEY in source else frozenset(source)
