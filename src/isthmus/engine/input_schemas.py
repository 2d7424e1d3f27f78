"""Reads the query and body of a call by their JSON Schemas: coerces the query, and requires what is
required."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from isthmus.engine.calls import NO_BODY
from isthmus.errors import BadRequest, failure

__all__ = ["InputSchema", "require_inputs"]

_BOOLEANS: Final = {"true": True, "false": False}
_MAX_DEPTH: Final = 8
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class InputSchema:
    """A JSON Schema of a query or body, compiled to what calls use of it. `{}` requires nothing.

    Used are `properties` (or a map of properties by itself), `required` (names, or `true` on a property),
    `type`, `items`, `default`, `dependentRequired` and `x-required-if`. What is not JSON Schema in it
    (`type: date`, `items: string`) requires nothing, and its values are not converted.

    `required`: names of the required properties. `conditional`: rule by name, see `_find_conditional_rules`.
    """

    __slots__ = ("_defaults", "_is_object", "_parts", "_types", "conditional", "required")

    def __init__(self, schema: Mapping[str, Any] | None, *, depth: int = _MAX_DEPTH) -> None:
        """Compiles a schema; None counts as `{}`. `depth`: how many levels of nested objects are searched for
        required properties."""
        schema = schema or {}
        properties = _find_properties(schema)
        listed = schema.get("required")
        listed_names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
        marked = [name for name, item in properties.items() if item.get("required") is True]
        self.required: Final = tuple(dict.fromkeys([*listed_names, *marked]))
        self.conditional: Final = _find_conditional_rules(schema, properties)
        self._defaults: Final = {
            name: item["default"] for name, item in properties.items() if "default" in item
        }
        self._types: Final = {name: item for name, item in properties.items() if "type" in item}
        self._is_object: Final = schema.get("type") in ("object", ["object"], ["object", "null"])
        parts = {
            name: InputSchema(item, depth=depth - 1)
            for name, item in properties.items()
            if depth and _can_require(item)
        }
        self._parts: Final[Mapping[str, InputSchema]] = {
            name: part for name, part in parts.items() if part.required or part._parts
        }

    def coerce(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the query with text converted to the types of the schema, where it can be, and with
        defaults for what is absent. Operators (`field[gt]=1`) have the field's type, `in` and `nin` are comma
        lists; nested objects are converted too. Unknown keys are kept."""
        result: dict[str, Any] = dict(query)
        for name, item in self._types.items():
            if name in result:
                result[name] = _coerce_value(result[name], item)
        for name, value in self._defaults.items():
            result.setdefault(name, value)
        return result

    def find_missing(self, values: Any) -> list[tuple[str, ...]]:
        """Returns the paths of required properties that are absent or empty. Inside of a nested object they
        are searched where the object itself is given; a value of another type in its place has none of
        them."""
        values_by_name = values if isinstance(values, Mapping) else {}
        missing: list[tuple[str, ...]] = [
            (name,) for name in self.required if values_by_name.get(name) in (None, "")
        ]
        for name, part in self._parts.items():
            value = values_by_name.get(name)
            if value not in (None, "") and (part._is_object or isinstance(value, Mapping)):
                missing += [(name, *path) for path in part.find_missing(value)]
        return missing


def require_inputs(
    query_schema: InputSchema, body_schema: InputSchema, query: Mapping[str, Any], body: Any
) -> None:
    """Raises BadRequest, with insights, where the call lacks required query parameters or body fields."""
    lacking_query = query_schema.find_missing(query)
    lacking_body = body_schema.find_missing(None if body is NO_BODY else body)
    if not lacking_query and not lacking_body:
        return
    parameters = [name + "".join(f"[{inner}]" for inner in rest) for name, *rest in lacking_query]
    fields = [".".join(path) for path in lacking_body]
    parts = [
        f"{label} {', '.join(names)}"
        for label, names in (("query parameters", parameters), ("body fields", fields))
        if names
    ]
    insight = {
        **_make_insight(
            "missing_required_query_parameters", "Query parameters that the call lacks.", parameters
        ),
        **_make_insight("missing_required_body_fields", "Body fields that the call lacks.", fields),
        **make_conditional_insights(query_schema, body_schema),
    }
    raise BadRequest(
        f"The call lacks required {' and '.join(parts)}.",
        failures=[
            *(failure(f"query.{'.'.join(path)}", "is required", "missing") for path in lacking_query),
            *(failure(f"body.{name}", "is required", "missing") for name in fields),
        ],
        insight=insight,
    )


def make_conditional_insights(query_schema: InputSchema, body_schema: InputSchema) -> dict[str, Any]:
    """Returns the insights that any error of a call has whose schemas hold conditional rules."""
    return {
        **_make_insight(
            "conditionally_required_query_parameters",
            "Query parameters that are required under a condition.",
            query_schema.conditional,
        ),
        **_make_insight(
            "conditionally_required_body_fields",
            "Body fields that are required under a condition.",
            body_schema.conditional,
        ),
    }


def _make_insight(key: str, description: str, value: Any) -> dict[str, Any]:
    """Returns the insight under its key; empty where it has no value."""
    return {key: {"description": description, "value": value}} if value else {}


def _find_properties(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Returns the schemas of the properties; a schema that has neither `properties` nor `type` is such a map
    itself."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        properties = {} if isinstance(schema.get("type"), str) else schema
    return {name: item for name, item in properties.items() if isinstance(item, Mapping)}


def _can_require(schema: Mapping[str, Any]) -> bool:
    """Returns True if a property is an object that can have required properties itself."""
    return isinstance(schema.get("properties"), Mapping) or isinstance(schema.get("required"), list)


def _find_conditional_rules(
    schema: Mapping[str, Any], properties: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Returns, by name of a property, when it is required: the expression of `x-required-if`, or a phrase."""
    rules = {
        name: str(item["x-required-if"]) for name, item in properties.items() if item.get("x-required-if")
    }
    dependent = schema.get("dependentRequired")
    for trigger, names in dependent.items() if isinstance(dependent, Mapping) else ():
        for name in names if isinstance(names, list) else ():
            rules.setdefault(str(name), f"required with {trigger}")
    return rules


def _coerce_value(value: Any, schema: Mapping[str, Any]) -> Any:
    """Returns the value converted to the type of its schema, where that is possible; else as it is."""
    kinds = schema.get("type")
    kind = next((item for item in kinds if item != "null"), None) if isinstance(kinds, list) else kinds
    if isinstance(value, Mapping) and kind not in ("object", "array"):
        return {
            operator: _coerce_list(item, schema) if operator in {"in", "nin"} else _coerce_value(item, schema)
            for operator, item in value.items()
        }
    if kind == "object" and isinstance(value, Mapping):
        inner = _find_properties(schema)
        return {name: _coerce_value(item, inner.get(name, {})) for name, item in value.items()}
    if kind == "array":
        items = schema.get("items")
        return _coerce_list(value, items if isinstance(items, Mapping) else {})
    if isinstance(value, list):
        return [_coerce_value(item, schema) for item in value]
    return _coerce_text(value, kind) if isinstance(value, str) else value


def _coerce_list(value: Any, items: Mapping[str, Any]) -> Any:
    """Returns the list that a value or a comma list stands for, its items converted by `items`."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if value else []
    return [_coerce_value(item, items) for item in value] if isinstance(value, list) else value


def _coerce_text(text: str, kind: Any) -> Any:
    """Returns the boolean or number that a text stands for, by the `type` of its schema; else the text."""
    if kind == "boolean":
        return _BOOLEANS.get(text.strip().lower(), text)
    plain = text.strip()
    if kind not in ("integer", "number") or len(plain) > 40:
        return text
    if _INTEGER.fullmatch(plain):
        return int(plain)
    number = float(plain) if _NUMBER.fullmatch(plain) else math.inf
    if math.isinf(number) or (kind == "integer" and not number.is_integer()):
        return text
    return number if kind == "number" else int(number)
