"""What callers may put into the body of a unified write, whatever the mapping expects there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod
from isthmus.engine.unified.mapping_plans import merge_schemas
from tests.contract.odd_values import Steps, exchanged, places

__all__ = ["bodies_of"]

_ODD: Final[tuple[Any, ...]] = (
    None,
    "",
    "nonsense",
    "2024-13-01T25:00:61.000Z",
    "0001-01-01T00:00:00+23:00",
    "9" * 400,
    0,
    10**18,
    True,
    [],
    [None, [1], "nonsense", {}],
    {},
    {"nonsense": {"id": 1}},
)
_READ: Final = re.compile(r"\bbody\.(\w+)(?:\.(\w+))?")


def bodies_of(entry: CatalogEntry, mapped_method: MappedMethod) -> Iterator[tuple[str, Any]]:
    """Yields bodies with one odd value each, after a description of it: the body itself, and each field that
    the model or the mapping knows, at any depth, once beside all others and once alone beside what is
    required."""
    schema = _schema(entry, mapped_method)
    usual = _usual(schema)
    required = {name: usual[name] for name in schema.get("required", ())}
    for odd in _ODD:
        yield f"body is {_shown(odd)}", odd
    for steps in places(usual):
        for odd in _ODD:
            description = f"{'.'.join(map(str, steps))} is {_shown(odd)}"
            yield description, exchanged(usual, steps, odd)
            yield f"{description}, alone", {**required, **_only(steps, odd)}


def _schema(entry: CatalogEntry, mapped_method: MappedMethod) -> Mapping[str, Any]:
    """Returns the schema of the body, with what the model says below each field that is written."""
    model, config = entry.models[mapped_method.model], mapped_method.config
    shared = model.file.resources[mapped_method.resource].request_body_schema.get(mapped_method.method)
    written = merge_schemas(shared, config.request_body_schema) or {}
    record = model.schemas[mapped_method.resource]["properties"]
    known: dict[str, Any] = {name: record.get(name, {}) for name in written.get("properties", {})}
    for name, inner in _READ.findall(f"{_text(config.request_body_mapping)} {_text(config.method)}"):
        schema = known.setdefault(name, record.get(name, {}))
        if name == "custom_fields" and inner:
            known[name] = merge_schemas(schema, {"properties": {inner: {}}})
    return merge_schemas({"properties": known}, written) or {}


def _text(mapping: object) -> str:
    """Returns the text of an expression."""
    return str(getattr(mapping, "text", None) or getattr(mapping, "source", None) or mapping)


def _usual(schema: Mapping[str, Any]) -> Any:
    """Returns a value that the schema allows, with all fields."""
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "object":
        return {name: _usual(item) for name, item in schema.get("properties", {}).items()}
    if kind == "array":
        return [_usual(schema.get("items", {}))]
    return {"boolean": True, "integer": 1, "number": 1}.get(kind) or schema.get("x-enum", ["1"])[0]


def _only(steps: Steps, odd: Any) -> Any:
    """Returns a value with nothing but the way to the odd one."""
    for step in reversed(steps):
        odd = [odd] if step == 0 else {step: odd}
    return odd


def _shown(odd: Any) -> str:
    """Formats the value for a description, cut."""
    return json.dumps(odd)[:40]
