"""Unified calls of an integration, made by the engine against exchanges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus.authoring.contract.catalog_entry import Cell, Choice, Entry
from isthmus.definitions.files import Exchange
from isthmus.engine import unified
from isthmus.engine.calls import NO_BODY, Call, ListResult, ValueResult
from isthmus.engine.queries import nest_pairs
from isthmus.engine.upstream import Upstream
from isthmus.expressions import Expression

__all__ = ["call_for", "records", "run", "sample"]

_WITH_ID = frozenset({"get", "update", "delete"})
_WITH_BODY = frozenset({"create", "update"})


async def run(entry: Entry, cell: Cell, choice: Choice, call: Call, upstream: Upstream) -> Any:
    """The engine's answer, as if the mapping's expressions had chosen this proxy method."""
    target = unified.UnifiedTarget(
        cell.model, cell.resource, entry.models[cell.model].file.resources[cell.resource]
    )
    return await unified.call_method(upstream, entry.file.config, target, cell.fixed(choice), call)


async def records(
    entry: Entry, cell: Cell, choice: Choice, call: Call, upstream: Upstream
) -> list[dict[str, Any]]:
    """The unified records of one answer."""
    result = await run(entry, cell, choice, call, upstream)
    if isinstance(result, ListResult):
        return list(result.records)
    return [result.body] if isinstance(result, ValueResult) else []


def call_for(
    entry: Entry,
    cell: Cell,
    choice: Choice,
    exchange: Exchange,
    *,
    body: Mapping[str, Any] | None = None,
    cursor: str | None = None,
    query: Mapping[str, str] | None = None,
) -> Call:
    """A call that makes the request of this exchange, or one like it: its id, the filters that the method's
    path needs, a body with the fields that are required."""
    schema = cell.config.request_body_schema or {}
    given = {**sample(schema), **(body or {})} if cell.method in _WITH_BODY else NO_BODY
    asked = {**_parents(entry, cell, choice, exchange), **(query or {})}
    if cursor is not None:
        asked["next_cursor"] = cursor
    recorded_id = exchange.request.path_params.get("id")
    return Call.from_values(
        cell.method,
        id=str(recorded_id) if cell.method in _WITH_ID and recorded_id is not None else None,
        query=nest_pairs(asked.items()),
        body=given,
    )


def _parents(entry: Entry, cell: Cell, choice: Choice, exchange: Exchange) -> dict[str, str]:
    """Filters by which the mapping gives the method's path the values that the exchange had in it."""
    definition = entry.file.config.method(*choice)
    if definition is None:
        return {}
    found = {}
    for name, value in exchange.request.query.items():
        if f"query.{name}" not in str(definition.path.source):
            continue
        for filter, asked in _filters(entry, cell, str(value)):
            if _reaches_path(entry, cell, asked, name, str(value)):
                found[filter] = str(value)
                break
    return found


def _reaches_path(entry: Entry, cell: Cell, query: Mapping[str, Any], name: str, value: str) -> bool:
    scope = {"query": query, "context": entry.context}
    parameters, path = cell.config.query_mapping, cell.config.path_mapping
    sent = parameters.evaluate(scope) if isinstance(parameters, Expression) else None
    if isinstance(sent, dict) and sent.get(name) == value:
        return True
    return isinstance(path, Expression) and f"/{value}/" in str(path.evaluate(scope))


def _filters(entry: Entry, cell: Cell, value: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each filter that may name a record, as it is written and as expressions see it."""
    shared = entry.models[cell.model].file.resources[cell.resource].query_schema.get(cell.method, {})
    own = cell.config.query_schema or {}
    for name, schema in {**_properties(shared), **_properties(own)}.items():
        if "id" in _properties(schema):
            yield f"{name}[id]", {name: {"id": value}}
        elif schema.get("type") == "string":
            yield name, {name: value}


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = schema.get("properties", {})
    return dict(found) if isinstance(found, Mapping) else {}


def sample(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest object that a schema lets through: required names, with some value of their type."""
    properties = _properties(schema)
    required = schema.get("required", [])
    names = required if isinstance(required, list) else []
    return {name: _value(properties.get(name, {})) for name in names}


def _value(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "string")
    if kind == "object":
        return sample(schema) or {"id": "1"}
    if kind == "array":
        return [_value(schema.get("items", {}))]
    return {"number": 1, "integer": 1, "boolean": True}.get(str(kind), "1")
