"""Builds unified calls that repeat a recorded exchange, and runs them on the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod, ProxyMethodName
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.definitions.file_models import Exchange
from isthmus.engine import unified
from isthmus.engine.calls import NO_BODY, Call, CallResult, ListResult, ValueResult
from isthmus.engine.queries import nest_pairs
from isthmus.engine.upstream import Upstream
from isthmus.expressions import Expression

__all__ = ["build_call", "build_sample", "map_answer", "read_unified_records", "run_unified_call"]

_WITH_ID = frozenset({"get", "update", "delete"})
_WITH_BODY = frozenset({"create", "update"})


async def run_unified_call(
    entry: CatalogEntry,
    mapped_method: MappedMethod,
    proxy_method: ProxyMethodName,
    call: Call,
    upstream: Upstream,
) -> CallResult:
    """Runs a unified call on the engine, with the mapping's proxy method fixed. Returns its result; raises
    what the engine raises."""
    target = unified.UnifiedTarget(
        mapped_method.model,
        mapped_method.resource,
        entry.models[mapped_method.model].file.resources[mapped_method.resource],
    )
    return await unified.call_method(
        upstream, entry.file.config, target, mapped_method.with_proxy_method(proxy_method), call
    )


async def read_unified_records(
    entry: CatalogEntry,
    mapped_method: MappedMethod,
    proxy_method: ProxyMethodName,
    call: Call,
    upstream: Upstream,
) -> list[dict[str, Any]]:
    """Runs a unified call. Returns the unified records in its result: those of a list, or the single one;
    none for bytes."""
    result = await run_unified_call(entry, mapped_method, proxy_method, call, upstream)
    if isinstance(result, ListResult):
        return list(result.records)
    return [result.body] if isinstance(result, ValueResult) else []


async def map_answer(
    entry: CatalogEntry,
    mapped_method: MappedMethod,
    proxy_method: ProxyMethodName,
    exchange: Exchange,
    body: Any = ...,
) -> list[dict[str, Any]]:
    """Maps the answer of an exchange, or that answer with another body, to unified records. Raises what the
    engine raises. `body`: absent for the recorded one."""
    call = build_call(entry, mapped_method, proxy_method, exchange)
    return await read_unified_records(
        entry, mapped_method, proxy_method, call, SingleAnswerUpstream(entry, exchange, body)
    )


def build_call(
    entry: CatalogEntry,
    mapped_method: MappedMethod,
    proxy_method: ProxyMethodName,
    exchange: Exchange,
    *,
    body: Mapping[str, Any] | None = None,
    cursor: str | None = None,
    query: Mapping[str, str] | None = None,
) -> Call:
    """Builds a unified call that makes a request like the exchange's.

    It has the exchange's id, the filters that the method's path needs, and a body with the required fields.
    `body` and `query` add to these.
    """
    schema = mapped_method.config.request_body_schema or {}
    call_body = {**build_sample(schema), **(body or {})} if mapped_method.method in _WITH_BODY else NO_BODY
    parameters = {**_find_parent_filters(entry, mapped_method, proxy_method, exchange), **(query or {})}
    if cursor is not None:
        parameters["next_cursor"] = cursor
    recorded_id = exchange.request.path_params.get("id")
    return Call.from_values(
        mapped_method.method,
        id=str(recorded_id) if mapped_method.method in _WITH_ID and recorded_id is not None else None,
        query=nest_pairs(parameters.items()),
        body=call_body,
    )


def _find_parent_filters(
    entry: CatalogEntry, mapped_method: MappedMethod, proxy_method: ProxyMethodName, exchange: Exchange
) -> dict[str, str]:
    """Some methods have a value of the query in their path (`{{query.board}}`), often the id of a parent
    record. Returns for each such value of the exchange the unified filter that the mapping turns into it:
    query parameter -> value."""
    definition = entry.file.config.find_method(*proxy_method)
    if definition is None:
        return {}
    filters = {}
    for name, value in exchange.request.query.items():
        if f"query.{name}" not in str(definition.path.source):
            continue
        for filter, nested_query in _iter_record_filters(entry, mapped_method, str(value)):
            if _puts_value_in_path(entry, mapped_method, nested_query, name, str(value)):
                filters[filter] = str(value)
                break
    return filters


def _puts_value_in_path(
    entry: CatalogEntry, mapped_method: MappedMethod, query: Mapping[str, Any], name: str, value: str
) -> bool:
    """Returns True if the mapping, given this query, puts the value into the method's path or its parameter
    `name`."""
    scope = {"query": query, "context": entry.example_context}
    parameters, path = mapped_method.config.query_mapping, mapped_method.config.path_mapping
    sent = parameters.evaluate(scope) if isinstance(parameters, Expression) else None
    if isinstance(sent, dict) and sent.get(name) == value:
        return True
    return isinstance(path, Expression) and f"/{value}/" in str(path.evaluate(scope))


def _iter_record_filters(
    entry: CatalogEntry, mapped_method: MappedMethod, value: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each filter that may hold an id, an object with an `id` or any text, as `(query parameter,
    nested object that expressions see)`."""
    model_schema = (
        entry.models[mapped_method.model]
        .file.resources[mapped_method.resource]
        .query_schema.get(mapped_method.method, {})
    )
    mapping_schema = mapped_method.config.query_schema or {}
    for name, schema in {**_get_properties(model_schema), **_get_properties(mapping_schema)}.items():
        if "id" in _get_properties(schema):
            yield f"{name}[id]", {name: {"id": value}}
        elif schema.get("type") == "string":
            yield name, {name: value}


def _get_properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the properties of a schema by name."""
    properties = schema.get("properties", {})
    return dict(properties) if isinstance(properties, Mapping) else {}


def build_sample(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a minimal object that is valid against a schema: its required properties with values of their
    types."""
    properties = _get_properties(schema)
    required = schema.get("required", [])
    names = required if isinstance(required, list) else []
    return {name: _build_value(properties.get(name, {})) for name in names}


def _build_value(schema: Mapping[str, Any]) -> Any:
    """Returns a minimal value of the schema's type."""
    kind = schema.get("type", "string")
    if kind == "object":
        return build_sample(schema) or {"id": "1"}
    if kind == "array":
        return [_build_value(schema.get("items", {}))]
    return {"number": 1, "integer": 1, "boolean": True}.get(str(kind), "1")
