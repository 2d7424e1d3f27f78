"""Paths into the body of a response, as the pagination block uses them, and how values are read by them:
dotted names, or a JSONata expression. Defines the pydantic fields that hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from isthmus.definitions.field_types import compile_expression
from isthmus.expressions import UNDEFINED, Expression, Limits, Services

__all__ = ["BodyPath", "BodyPathField", "OptionalBodyPath", "is_dotted"]

_DOTTED = re.compile(r"[A-Za-z_@][A-Za-z0-9_@$-]*(?:\.[A-Za-z0-9_@$-]+)*\Z")


def is_dotted(text: str) -> bool:
    """Returns True if a path is nothing but names, so that no expression is evaluated."""
    return _DOTTED.match(text) is not None


class BodyPath:
    """A dotted path, or a JSONata expression where it is more than names.

    A plain path is walked without evaluating anything. Names may hold hyphens and `@`; a key that is the
    whole rest of the path (`@odata.nextLink`) wins; a number is an index of an array; no name is mapped over
    an array.
    """

    __slots__ = ("_expression", "_names", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self._names: Final = tuple(text.split(".")) if is_dotted(text) else ()
        self._expression: Final[Expression | None] = None if self._names else compile_expression(text)

    def __repr__(self) -> str:
        return f"BodyPath({self.text!r})"

    def read(self, body: object, *, limits: Limits | None = None, services: Services | None = None) -> object:
        """Returns the value at the path; UNDEFINED where there is none. Raises ExpressionError for an
        expression that fails."""
        if self._expression is not None:
            return self._expression.evaluate(body, limits=limits, services=services)
        value = body
        for depth, name in enumerate(self._names):
            if isinstance(value, Mapping):
                rest = ".".join(self._names[depth:])
                if rest in value:
                    return value[rest]
                value = value.get(name, UNDEFINED)
            elif isinstance(value, list) and name.isdigit():
                value = value[int(name)] if int(name) < len(value) else UNDEFINED
            else:
                return UNDEFINED
        return value


def _parse_path(value: object) -> BodyPath:
    """Parses the text of a path. Raises PydanticCustomError for anything but a text, and for one that is
    neither dotted names nor a JSONata expression."""
    if isinstance(value, BodyPath):
        return value
    if not isinstance(value, str) or not value.strip():
        raise PydanticCustomError("path_type", "must be a dotted path (or JSONata) into the response body")
    return BodyPath(value.strip())


def _parse_optional_path(value: object) -> BodyPath | None:
    """Parses the text of a path; None for null and an empty text."""
    return None if value is None or value == "" else _parse_path(value)


def _serialize_path(value: BodyPath | None) -> str | None:
    """Returns the text of a path; None for None."""
    return None if value is None else value.text


_SCHEMA: Final[dict[str, object]] = {"type": "string", "format": "path"}

BodyPathField = Annotated[
    BodyPath, PlainValidator(_parse_path), PlainSerializer(_serialize_path), WithJsonSchema(dict(_SCHEMA))
]
OptionalBodyPath = Annotated[
    BodyPath | None,
    PlainValidator(_parse_optional_path),
    PlainSerializer(_serialize_path),
    WithJsonSchema({"anyOf": [_SCHEMA, {"type": "null"}]}),
]
