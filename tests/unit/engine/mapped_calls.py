"""A unified call of a small definition, on an upstream in memory."""

from __future__ import annotations

from typing import Any

from tests.unit.engine.upstreams import MemoryUpstream, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import UnifiedResource, load_mapping
from isthmus.engine import unified
from isthmus.engine.calls import Call, ListResult, ValueResult
from isthmus.engine.queries import parse_query
from isthmus.engine.unified import UnifiedTarget

__all__ = ["METHODS", "RAW", "RECORD", "SCHEMA", "listed", "records_of", "run", "target", "value_of"]

METHODS = {
    "list": {"path": "/things", "response_path": "items"},
    "get": {"path": "/things/{{id}}"},
    "create": {"path": "/things", "method": "post"},
    "update": {"path": "/things/{{id}}", "method": "put"},
    "delete": {"path": "/things/{{id}}", "method": "delete"},
    "search": {"path": "/search", "method": "post", "response_path": "items"},
}
SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "size": {}}}
RECORD = "{'id': $string(response.no), 'name': response.label}"
RAW = [{"no": 1, "label": "a"}, {"no": 2, "label": "b"}]


def target(**extra: Any) -> UnifiedTarget:
    """Returns the unified resource that is called. `extra`: further fields of its definition."""
    definition = UnifiedResource.model_validate({"schema": SCHEMA, "methods": [*METHODS, "zap"], **extra})
    return UnifiedTarget("crm", "contacts", definition)


async def run(
    upstream: MemoryUpstream, mapping: dict[str, Any], call: Call, methods: Any = None, **config: Any
) -> Any:
    """Makes a unified call; returns its result. `methods`: of the resource, else METHODS. `config`: further
    fields of the integration."""
    mapping_values = {"resource": "things", **mapping}
    return await unified.call_method(
        upstream, integration(methods or METHODS, **config), target(), load_mapping(mapping_values), call
    )


async def listed(
    upstream: MemoryUpstream, mapping: dict[str, Any], query: str = "", **config: Any
) -> ListResult:
    """Makes a list call; returns its result."""
    result = await run(upstream, mapping, parse_call("list", query=parse_query(query)), **config)
    assert isinstance(result, ListResult)
    return result


async def records_of(upstream: MemoryUpstream, mapping: dict[str, Any], **config: Any) -> list[Any]:
    """Makes a list call; returns its records."""
    records = (await listed(upstream, mapping, **config)).records
    assert isinstance(records, list)
    return records


async def value_of(upstream: MemoryUpstream, mapping: dict[str, Any], call: Call, **config: Any) -> Any:
    """Makes a call of one record; returns the body."""
    result = await run(upstream, mapping, call, **config)
    assert isinstance(result, ValueResult)
    return result.body
