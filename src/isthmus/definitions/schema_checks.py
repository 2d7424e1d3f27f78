"""Checks the JSON Schemas in definitions: those of unified records, queries and bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_list, as_mapping

__all__ = ["check_schema", "is_record_schema"]

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_OPERATORS: Final = frozenset({"eq", "in", "gt", "lt", "gte", "lte", "ne", "like"})
_NESTED: Final = ("items", "additionalProperties", "not", "if", "then", "else")
_LISTED: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED: Final = ("properties", "$defs", "patternProperties")


def is_record_schema(data: Mapping[str, Any]) -> bool:
    """Returns True if a document is a JSON Schema, not a definition."""
    return "$schema" in data or ("properties" in data and "type" in data)


def check_schema(schema: Any, path: str, section: str) -> Iterator[Finding]:
    """Yields findings on unknown types and filter operators, undeclared required names, and wrong types of
    keywords.

    `path`, `section`: of the findings.
    """
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        yield _make_schema_finding("error", path, section, "must be a JSON Schema: an object", None)
        return
    yield from _check_keywords(schema, path, section)
    for below, part in _iter_subschemas(schema, path):
        yield from check_schema(part, below, section)


def _check_keywords(schema: Mapping[str, Any], path: str, section: str) -> Iterator[Finding]:
    """Yields the findings on the schema's own keywords, without those of subschemas."""
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind is not None and not _is_known(kind, _TYPES):
            allowed = ", ".join(sorted(_TYPES))
            yield _make_schema_finding(
                "error", _join_path(path, "type"), section, f"{kind!r} is no type", f"use one of {allowed}"
            )
    declared = as_mapping(schema.get("properties"))
    for name in as_list(schema.get("required")):
        if not isinstance(name, str):
            yield _make_schema_finding(
                "error", _join_path(path, "required"), section, f"{name!r} is no name", "name properties"
            )
        elif declared and name not in declared:
            yield _make_schema_finding(
                "warn",
                _join_path(path, "required"),
                section,
                f"{name} is required and not declared",
                "declare it",
            )
    for name in as_list(schema.get("x-filter-operators")):
        if not _is_known(name, _OPERATORS):
            allowed = ", ".join(sorted(_OPERATORS))
            yield _make_schema_finding(
                "error",
                _join_path(path, "x-filter-operators"),
                section,
                f"{name!r} is no operator",
                f"use some of {allowed}",
            )
    for key in _NAMED:
        if schema.get(key) is not None and not isinstance(schema[key], Mapping):
            yield _make_schema_finding(
                "error", _join_path(path, key), section, "must be an object of schemas", None
            )
    if "enum" in schema and not isinstance(schema["enum"], list):
        yield _make_schema_finding(
            "error", _join_path(path, "enum"), section, "must be a list of values", None
        )


def _is_known(value: Any, names: frozenset[str]) -> bool:
    """Returns True if a value is one of these names."""
    return isinstance(value, str) and value in names


def _iter_subschemas(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Yields `(path, value)` of each direct subschema."""
    for key in _NESTED:
        if key in schema:
            yield _join_path(path, key), schema[key]
    for key in _LISTED:
        for index, part in enumerate(as_list(schema.get(key))):
            yield _join_path(path, f"{key}.{index}"), part
    for key in _NAMED:
        for name, part in as_mapping(schema.get(key)).items():
            yield _join_path(path, f"{key}.{name}"), part


def _join_path(path: str, name: str) -> str:
    """Returns the dotted path of a name below `path`, which may be empty."""
    return f"{path}.{name}" if path else name


def _make_schema_finding(
    severity: Severity, path: str, section: str, message: str, fix: str | None
) -> Finding:
    """Makes a finding of the checks of schemas."""
    return Finding(severity=severity, section=section, source="schema", path=path, message=message, fix=fix)
