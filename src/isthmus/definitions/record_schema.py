"""JSON Schemas inside definitions: of unified records, of queries and bodies (`definitions.md` §3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_list, as_mapping

__all__ = ["check", "is_record_schema"]

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_OPERATORS: Final = frozenset({"eq", "in", "gt", "lt", "gte", "lte", "ne", "like"})
_NESTED: Final = ("items", "additionalProperties", "not", "if", "then", "else")
_LISTED: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED: Final = ("properties", "$defs", "patternProperties")


def is_record_schema(data: Mapping[str, Any]) -> bool:
    """Whether a document is a schema, and no definition."""
    return "$schema" in data or ("properties" in data and "type" in data)


def check(schema: Any, path: str, section: str) -> Iterator[Finding]:
    """What can be told without an instance: unknown types, required names that are not declared, operators
    that do not exist."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        yield _finding("error", path, section, "must be a JSON Schema: an object", None)
        return
    yield from _own(schema, path, section)
    for below, part in _parts(schema, path):
        yield from check(part, below, section)


def _own(schema: Mapping[str, Any], path: str, section: str) -> Iterator[Finding]:
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind is not None and not _is_one_of(kind, _TYPES):
            known = ", ".join(sorted(_TYPES))
            yield _finding("error", _at(path, "type"), section, f"{kind!r} is no type", f"use one of {known}")
    declared = as_mapping(schema.get("properties"))
    for name in as_list(schema.get("required")):
        if not isinstance(name, str):
            yield _finding("error", _at(path, "required"), section, f"{name!r} is no name", "name properties")
        elif declared and name not in declared:
            yield _finding(
                "warn", _at(path, "required"), section, f"{name} is required and not declared", "declare it"
            )
    for name in as_list(schema.get("x-filter-operators")):
        if not _is_one_of(name, _OPERATORS):
            known = ", ".join(sorted(_OPERATORS))
            yield _finding(
                "error",
                _at(path, "x-filter-operators"),
                section,
                f"{name!r} is no operator",
                f"use some of {known}",
            )
    for key in _NAMED:
        if schema.get(key) is not None and not isinstance(schema[key], Mapping):
            yield _finding("error", _at(path, key), section, "must be an object of schemas", None)
    if "enum" in schema and not isinstance(schema["enum"], list):
        yield _finding("error", _at(path, "enum"), section, "must be a list of values", None)


def _is_one_of(value: Any, names: frozenset[str]) -> bool:
    return isinstance(value, str) and value in names


def _parts(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key in _NESTED:
        if key in schema:
            yield _at(path, key), schema[key]
    for key in _LISTED:
        for index, part in enumerate(as_list(schema.get(key))):
            yield _at(path, f"{key}.{index}"), part
    for key in _NAMED:
        for name, part in as_mapping(schema.get(key)).items():
            yield _at(path, f"{key}.{name}"), part


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _finding(severity: Severity, path: str, section: str, message: str, fix: str | None) -> Finding:
    return Finding(severity=severity, section=section, source="schema", path=path, message=message, fix=fix)
