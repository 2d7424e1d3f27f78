"""Reads and writes values at paths of plain names in the bodies of recorded responses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.methods import MethodDefinition
from isthmus.expressions import UNDEFINED

__all__ = [
    "Path",
    "as_text",
    "find_record_path",
    "get_path",
    "iterate_leaves",
    "normalize_name",
    "read_integer",
    "set_at_place",
    "set_path",
    "split_plain_path",
]

Path: TypeAlias = tuple[str, ...]
"""The names of the fields that lead to a value."""

_PLAIN_PATH: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")
_SEPARATORS: Final = re.compile(r"[\W_]+")
_MAX_DIGITS: Final = 18  # of integers that every database and JSON reader holds


def split_plain_path(text: str) -> Path:
    """Split a dotted path of plain names into the names; return an empty tuple for an expression."""
    return tuple(text.split(".")) if _PLAIN_PATH.match(text) else ()


def find_record_path(method: MethodDefinition) -> Path | None:
    """Return the path of the records in a method's responses, empty for the whole body; None if an expression
    finds them."""
    text = "" if method.response_path is None else method.response_path.text.strip()
    return split_plain_path(text) or (None if text else ())


def get_path(body: Any, path: Sequence[str]) -> Any:
    """Return the value at a path of object keys, UNDEFINED if there is none."""
    for name in path:
        body = body.get(name, UNDEFINED) if isinstance(body, Mapping) else UNDEFINED
    return body


def set_path(body: Any, path: Sequence[str], value: Any) -> Any:
    """Return a copy of `body` with `value` at `path`. Missing objects on the way are created, unless `value`
    is None."""
    if not path:
        return value
    if not isinstance(body, Mapping):
        if value is None:
            return body
        body = {}
    name, *rest = path
    if value is None and name not in body:
        return body
    return {**body, name: set_path(body.get(name), rest, value)}


def set_at_place(body: Any, place: BodyPath | None, value: Any) -> Any:
    """Return a copy of `body` with `value` at the path `place`; `body` itself if that is no path of plain
    names."""
    names = () if place is None else split_plain_path(place.text)
    return set_path(body, names, value) if names else body


def iterate_leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the paths and values below an object that are no objects themselves. An array is one value."""
    if isinstance(value, Mapping) and (value or path == ()):
        for name, below in value.items():
            yield from iterate_leaves(below, (*path, name))
    else:
        yield path, value


def normalize_name(*names: str) -> str:
    """Return names as one, in lower case and without separators: the same for `project_id` and
    `project.id`."""
    return _SEPARATORS.sub("", "".join(names)).lower()


def as_text(value: Any) -> str | None:
    """Return a scalar as text, `true` and `false` in lower case; None for None, objects and arrays."""
    if value is None or isinstance(value, (Mapping, list)):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_integer(text: str) -> int | None:
    """Return the number that a text of up to 18 ASCII digits is; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None
