"""Reads the JSON Schemas that authors write, and gives them the standard form that validators take.

Authors may write YAML text or an object, a map of properties by itself, and `required: true` on a property.
The standard form is the JSON Schema (2020-12) of an object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from isthmus.definitions.schema_checks import check_schema
from isthmus.definitions.yaml_source import Unreadable, parse_document

__all__ = [
    "SCHEMA_TYPES",
    "as_json_schema",
    "as_object_schema",
    "check_schema_part",
    "make_empty_schema",
    "parse_schema",
]

SCHEMA_TYPES: Final = frozenset({"query_schema", "body_schema", "response_schema"})
_NAMED: Final = ("properties", "$defs", "patternProperties")
_NESTED: Final = ("items", "additionalProperties", "not", "if", "then", "else")
_LISTED: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_KEYWORDS: Final[Mapping[str, tuple[type, ...]]] = {
    "type": (str, list),
    "properties": (Mapping,),
    "$ref": (str,),
    **dict.fromkeys(_LISTED, (list,)),
}
"""The types of keywords by which a schema is told from a map of properties: `type: {type: string}` is a
property called type."""


def make_empty_schema() -> dict[str, Any]:
    """Returns the schema of an object without properties."""
    return {"type": "object", "properties": {}}


def as_json_schema(written: Any) -> dict[str, Any] | None:
    """Returns the schema in the standard form; None where it is absent or invalid. `written`: as its author
    wrote it."""
    return None if written in (None, "", {}) else parse_schema(written)[0]


def as_object_schema(written: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the schema of an object in the standard form. What only resembles JSON Schema (`type: date`) is
    kept. None and {} give the empty schema of an object."""
    if not written:
        return make_empty_schema()
    standard: dict[str, Any] = _standardize(_wrap_properties(written))
    return standard


def parse_schema(written: Any) -> tuple[dict[str, Any] | None, list[tuple[str, str]]]:
    """Returns `(schema, [])`, the schema in the standard form; or `(None, problems)`, each problem `(dotted
    path, what would be right)`. `written`: as its author wrote it."""
    data = written
    if isinstance(written, str):
        try:
            data = parse_document(written).data
        except Unreadable as error:
            return None, [("", f"must be YAML or JSON of a JSON Schema: {error}")]
    if not isinstance(data, Mapping):
        return None, [("", "must be a JSON Schema: an object")]
    whole = _wrap_properties(data)
    problems = _find_problems(whole, "")
    return (None, problems) if problems else (_standardize(whole), [])


def check_schema_part(part: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    """Returns the problems of one layer's part of a schema that calls could not work with, whatever it is
    merged over, each `(dotted path, what would be right)`. Anything else that is no JSON Schema (`type:
    date`) is accepted."""
    if _is_schema(part) or "properties" in part or isinstance(part.get("required"), list):
        return list(_find_unusable(part, path))
    return [problem for name, value in part.items() for problem in _find_unusable(value, f"{path}.{name}")]


def _find_unusable(schema: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yields `(dotted path, what would be right)` of wrong `required` names and `properties` in a schema and
    those nested in it."""
    if not isinstance(schema, Mapping):
        return
    required, properties = schema.get("required"), schema.get("properties")
    for name in required if isinstance(required, list) else ():
        if not isinstance(name, str):
            yield f"{path}.required", f"{name!r} is no name; name properties"
    if properties is not None and not isinstance(properties, Mapping):
        yield f"{path}.properties", "must be an object of schemas"
    for name, part in properties.items() if isinstance(properties, Mapping) else ():
        yield from _find_unusable(part, f"{path}.properties.{name}")


def _find_problems(schema: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    """Returns the errors that `schema_checks` finds, each `(dotted path, what would be right)`."""
    return [
        (finding.path, finding.message if finding.fix is None else f"{finding.message}; {finding.fix}")
        for finding in check_schema(schema, path, "schema")
        if finding.severity == "error"
    ]


def _wrap_properties(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the schema of an object: the data itself, or around it where it is a map of properties."""
    return dict(data) if _is_schema(data) or not data else {"type": "object", "properties": dict(data)}


def _is_schema(data: Mapping[str, Any]) -> bool:
    """Returns True for a JSON Schema, false for a map of properties."""
    return any(isinstance(data.get(name), kinds) for name, kinds in _KEYWORDS.items())


def _standardize(schema: Any) -> Any:
    """Returns the schema with `required` as a list beside the properties, at every depth."""
    if not isinstance(schema, Mapping):
        return schema
    result = dict(schema)
    if not isinstance(result.get("required"), list):
        result.pop("required", None)
    for key in _NAMED:
        if isinstance(result.get(key), Mapping):
            result[key] = {name: _standardize(part) for name, part in result[key].items()}
    for key in _NESTED:
        if isinstance(result.get(key), Mapping):
            result[key] = _standardize(result[key])
    for key in _LISTED:
        if isinstance(result.get(key), list):
            result[key] = [_standardize(part) for part in result[key]]
    properties = schema.get("properties")
    marked = [
        name
        for name, part in (properties.items() if isinstance(properties, Mapping) else ())
        if isinstance(part, Mapping) and part.get("required") is True
    ]
    names = [*result.get("required", ()), *marked]
    if names:
        result["required"] = list(dict.fromkeys(str(name) for name in names))
    return result
