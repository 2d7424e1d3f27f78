"""Unified calls that repeat a recorded exchange: building them, and running them on the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus.authoring.contract.catalog_entry import CatalogEntry, Cell, Choice
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.definitions.file_models import Exchange
from isthmus.engine import unified
from isthmus.engine.calls import NO_BODY, Call, ListResult, ValueResult
from isthmus.engine.queries import nest_pairs
from isthmus.engine.upstream import Upstream
from isthmus.expressions import Expression

__all__ = ["build_call", "build_sample", "call_unified", "map_answer", "read_unified_records"]

_WITH_ID = frozenset({"get", "update", "delete"})
_WITH_BODY = frozenset({"create", "update"})


async def call_unified(
    entry: CatalogEntry, cell: Cell, choice: Choice, call: Call, upstream: Upstream
) -> Any:
    """Returns the engine's result of a unified call, with the proxy method fixed to `choice`."""
    target = unified.UnifiedTarget(
        cell.model, cell.resource, entry.models[cell.model].file.resources[cell.resource]
    )
    return await unified.call_method(upstream, entry.file.config, target, cell.with_choice(choice), call)


async def read_unified_records(
    entry: CatalogEntry, cell: Cell, choice: Choice, call: Call, upstream: Upstream
) -> list[dict[str, Any]]:
    """Returns the unified records in the result of a call: of a list, or the single one."""
    result = await call_unified(entry, cell, choice, call, upstream)
    if isinstance(result, ListResult):
        return list(result.records)
    return [result.body] if isinstance(result, ValueResult) else []


async def map_answer(
    entry: CatalogEntry, cell: Cell, choice: Choice, exchange: Exchange, body: Any = ...
) -> list[dict[str, Any]]:
    """Returns the unified records that the mapping makes of an exchange's answer, or of that answer with
    another body."""
    call = build_call(entry, cell, choice, exchange)
    return await read_unified_records(entry, cell, choice, call, SingleAnswerUpstream(entry, exchange, body))


def build_call(
    entry: CatalogEntry,
    cell: Cell,
    choice: Choice,
    exchange: Exchange,
    *,
    body: Mapping[str, Any] | None = None,
    cursor: str | None = None,
    query: Mapping[str, str] | None = None,
) -> Call:
    """Returns a unified call that makes a request like the exchange's.

    It has the exchange's id, the filters that the method's path needs, and a body with the required fields.
    `body` and `query` add to these.
    """
    schema = cell.config.request_body_schema or {}
    given = {**build_sample(schema), **(body or {})} if cell.method in _WITH_BODY else NO_BODY
    asked = {**_find_parent_filters(entry, cell, choice, exchange), **(query or {})}
    if cursor is not None:
        asked["next_cursor"] = cursor
    recorded_id = exchange.request.path_params.get("id")
    return Call.from_values(
        cell.method,
        id=str(recorded_id) if cell.method in _WITH_ID and recorded_id is not None else None,
        query=nest_pairs(asked.items()),
        body=given,
    )


def _find_parent_filters(
    entry: CatalogEntry, cell: Cell, choice: Choice, exchange: Exchange
) -> dict[str, str]:
    """Returns unified filters that make the mapping put the exchange's query values into the method's
    path."""
    definition = entry.file.config.find_method(*choice)
    if definition is None:
        return {}
    found = {}
    for name, value in exchange.request.query.items():
        if f"query.{name}" not in str(definition.path.source):
            continue
        for filter, asked in _iter_record_filters(entry, cell, str(value)):
            if _puts_value_in_path(entry, cell, asked, name, str(value)):
                found[filter] = str(value)
                break
    return found


def _puts_value_in_path(
    entry: CatalogEntry, cell: Cell, query: Mapping[str, Any], name: str, value: str
) -> bool:
    """Returns True if the mapping, given this query, puts the value into the method's path or its parameter
    `name`."""
    scope = {"query": query, "context": entry.example_context}
    parameters, path = cell.config.query_mapping, cell.config.path_mapping
    sent = parameters.evaluate(scope) if isinstance(parameters, Expression) else None
    if isinstance(sent, dict) and sent.get(name) == value:
        return True
    return isinstance(path, Expression) and f"/{value}/" in str(path.evaluate(scope))


def _iter_record_filters(entry: CatalogEntry, cell: Cell, value: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each filter that may hold a record's id: as query parameter, and as nested object that
    expressions see."""
    shared = entry.models[cell.model].file.resources[cell.resource].query_schema.get(cell.method, {})
    own = cell.config.query_schema or {}
    for name, schema in {**_get_properties(shared), **_get_properties(own)}.items():
        if "id" in _get_properties(schema):
            yield f"{name}[id]", {name: {"id": value}}
        elif schema.get("type") == "string":
            yield name, {name: value}


def _get_properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = schema.get("properties", {})
    return dict(found) if isinstance(found, Mapping) else {}


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
