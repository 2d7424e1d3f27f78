"""What the schemas of a call have against its values. Asked when a mapping failed on them: then the call is
wrong, not the mapping. A value that mappings can do with is never refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

from isthmus.engine.calls import NO_BODY
from isthmus.engine.coercion import Schema
from isthmus.errors import BadRequest, failure

__all__ = ["refuse_invalid"]

_FORMATS: Final = FormatChecker(formats=())
_LONGEST: Final = 200


@_FORMATS.checks("date-time")
@_FORMATS.checks("date")
def _is_moment(value: object) -> bool:
    """ISO 8601, with or without a time."""
    if not isinstance(value, str):
        return True
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def refuse_invalid(query_schema: Schema, body_schema: Schema, query: Mapping[str, Any], body: Any) -> None:
    """Raises BadRequest that names each query parameter and body field which its schema does not allow."""
    wrong = [*_wrong(query_schema, query, "query"), *_wrong(body_schema, body, "body")]
    if wrong:
        names = ", ".join(dict.fromkeys(path for path, _ in wrong))
        raise BadRequest(
            f"The call says what its schema does not allow, and it could not be mapped: {names}.",
            failures=[failure(path, message, "invalid") for path, message in wrong],
        )


def _wrong(schema: Schema, values: Any, where: str) -> Iterator[tuple[str, str]]:
    if values is NO_BODY or not isinstance(values, Mapping):
        return
    properties = {
        # `required: true` of a property is not of JSON Schema; what is missing is told before.
        name: {key: value for key, value in item.items() if key != "required"}
        for name, item in schema.properties.items()
    }
    meant = {name: _meant(value, properties.get(name, {})) for name, value in values.items()}
    validator = Draft202012Validator({"properties": properties}, format_checker=_FORMATS)
    for error in validator.iter_errors(meant):
        path = list(error.absolute_path)
        if path and isinstance(values.get(path[0]), str):
            del path[1:]
        yield ".".join([where, *map(str, path)]), error.message[:_LONGEST]


def _meant(value: Any, schema: Mapping[str, Any]) -> Any:
    """A filter without an operator means `eq`."""
    operators = schema.get("properties")
    has_eq = isinstance(operators, Mapping) and "eq" in operators
    return {"eq": value} if has_eq and isinstance(value, str) else value
