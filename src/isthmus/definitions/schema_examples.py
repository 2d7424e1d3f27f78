"""Makes an example value for a JSON Schema: its own where it has one, else from types, formats and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["make_example"]

_BY_FORMAT: Final = {
    "date-time": "2024-05-17T09:30:00.000Z",
    "date": "2024-05-17",
    "time": "09:30:00",
    "email": "ada@example.com",
    "uri": "https://example.com/ada",
    "url": "https://example.com/ada",
    "uuid": "3f2b8c1e-6d1a-4c5b-9a53-0e4f6f1f2a77",
}
_BY_NAME: Final = {
    "id": "1042",
    "name": "Ada Example",
    "first_name": "Ada",
    "last_name": "Example",
    "email": "ada@example.com",
    "phone": "+1 555 0100",
    "number": "+1 555 0100",
    "url": "https://example.com/ada",
    "currency": "EUR",
    "description": "An example.",
}
_MAX_DEPTH: Final = 8


def make_example(schema: Any, name: str = "", depth: int = 0) -> Any:
    """Returns an example value that is valid by the schema, as far as that uses `type`, `properties`,
    `items`, `enum`, `const`, `minimum` and lengths. `name`: of the property that has the value.

    `example`, `examples`, `x-example`, `default`, and the first of `enum` and `x-enum` are preferred to an
    invented value.
    """
    if not isinstance(schema, Mapping):
        return None
    for key in ("x-example", "example", "const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum", "x-enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    for key in ("allOf", "anyOf", "oneOf"):
        if isinstance(schema.get(key), list) and schema[key] and "type" not in schema:
            return make_example(schema[key][0], name, depth)
    return _make_value(schema, _choose_type(schema), name, depth)


def _choose_type(schema: Mapping[str, Any]) -> Any:
    """Returns the first type of the schema that is not null; None where it names none."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return next((kind for kind in kinds if kind != "null"), "null")
    return kinds or ("object" if "properties" in schema else None)


def _make_value(schema: Mapping[str, Any], kind: Any, name: str, depth: int) -> Any:
    """Returns an invented value of a type. `kind`: the type."""
    if kind == "object":
        parts = schema.get("properties") if depth < _MAX_DEPTH else None
        shown = parts.items() if isinstance(parts, Mapping) else ()
        return {key: make_example(part, key, depth + 1) for key, part in shown}
    if kind == "array":
        items = schema.get("items")
        return [make_example(items, name, depth + 1)] if isinstance(items, Mapping) else []
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    return _make_text(schema, name) if kind == "string" else None


def _make_text(schema: Mapping[str, Any], name: str) -> str:
    """Returns an invented text, by the format of the schema or the name of the property, within its
    lengths."""
    text = _BY_FORMAT.get(schema.get("format", "")) or _BY_NAME.get(name) or name.replace("_", " ") or "text"
    longest, shortest = schema.get("maxLength"), schema.get("minLength", 0)
    cut = text[:longest] if isinstance(longest, int) else text
    return cut.ljust(shortest, "x") if isinstance(shortest, int) else cut
