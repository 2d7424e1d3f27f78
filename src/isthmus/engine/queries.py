"""Parses and serializes query strings, and formats single values for URLs, headers and forms.

Parsed: nested `a[b]=c`; arrays as indices `a[0]=x&a[1]=y`, brackets `a[]=x`, or repeats `a=x&a=y`; brackets
percent-encoded or not; `+` for a space; `a=` is the empty string. Indices make an array only where they are
0..n-1, so that `by[117]=x` stays an object.
Serialized: arrays as `comma`, `brackets`, `indices` or `repeat`; objects as `a[b]=c`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal
from urllib.parse import quote, unquote_plus

import orjson

from isthmus.errors import BadRequest, failure

__all__ = [
    "ArrayFormat",
    "Query",
    "flatten_value",
    "format_header",
    "format_scalar",
    "nest_pairs",
    "parse_query",
    "parse_whole_number",
    "serialize_query",
]

ArrayFormat = Literal["comma", "brackets", "indices", "repeat"]
FindLeaf = Callable[[Any], Any]
"""What a value stands for as a whole (a file), None where it is to be flattened."""

_MAX_PAIRS: Final = 2_000
_MAX_DEPTH: Final = 8
_MAX_CACHED_LENGTH: Final = 512
_UNESCAPED: Final = "-._~,:/@"


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query string. It may be shared, and must not be changed. `pairs`: decoded names and values, in
    the order sent. `nested`: the same as objects and arrays, their leaves text."""

    pairs: tuple[tuple[str, str], ...] = ()
    nested: Mapping[str, Any] = field(default_factory=dict)


_EMPTY_QUERY: Final = Query()


def parse_query(raw: bytes | str) -> Query:
    """Parses the query of a URL, given without its `?`. Bytes that are not UTF-8 become U+FFFD.

    Raises BadRequest for more than 2,000 parameters or more than 8 levels of brackets.
    """
    text = raw.decode("latin-1") if isinstance(raw, bytes) else raw
    if not text:
        return _EMPTY_QUERY
    return _parse_cached(text) if len(text) <= _MAX_CACHED_LENGTH else _parse_text(text)


def _parse_text(text: str) -> Query:
    """Parses a query string. Raises BadRequest for too many parameters or levels."""
    parts = [part for part in text.split("&") if part]
    if len(parts) > _MAX_PAIRS:
        raise _make_query_error("query", f"has {len(parts)} parameters; at most {_MAX_PAIRS} are read")
    pairs = []
    for part in parts:
        name, _, value = part.partition("=")
        pairs.append((unquote_plus(name), unquote_plus(value)))
    return Query(tuple(pairs), nest_pairs(pairs))


def nest_pairs(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Returns the objects and arrays that pairs with bracketed names (`a[b]`, `a[]`) stand for. Raises
    BadRequest for more than 8 levels."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _insert_value(tree, _split_key(name), value)
    return {key: _to_plain_value(value) for key, value in tree.items()}


# One call reads its query more than once, and clients that poll send the same one for hours.
_parse_cached: Final = lru_cache(maxsize=512)(_parse_text)


def _split_key(key: str) -> list[str]:
    """Returns the steps of a bracketed name: `a[b][]` -> `["a", "b", ""]`. A key whose brackets do not
    balance is one plain name."""
    start = key.find("[")
    if start <= 0 or not key.endswith("]"):
        return [key]
    inner = key[start + 1 : -1].split("][")
    if any("[" in step or "]" in step for step in inner):
        return [key]
    if len(inner) > _MAX_DEPTH:
        raise _make_query_error(
            key[:60], f"has {len(inner)} levels of brackets; at most {_MAX_DEPTH} are read"
        )
    return [key[:start], *inner]


class _Node(dict[str, Any]):
    """One level while it is built: values by their `[...]` step, `[]` numbered in the order sent."""


class _RepeatedValues(list[Any]):
    """Values that were sent under one name more than once."""


def _insert_value(tree: dict[str, Any], steps: list[str], value: Any) -> None:
    """Puts `value` into `tree` at the place that `steps` lead to, next to values already there."""
    level = tree
    for step in steps[:-1]:
        name = step if step or level is tree else str(len(level))
        below = level.get(name)
        if isinstance(below, _RepeatedValues):
            below = next((item for item in below if isinstance(item, _Node)), None) or _append_node(below)
        elif below is None:
            below = level[name] = _Node()
        elif not isinstance(below, _Node):
            node = _Node()
            level[name] = _RepeatedValues([below, node])
            below = node
        level = below
    last = steps[-1] if steps[-1] or level is tree else str(len(level))
    if last not in level:
        level[last] = value
    elif isinstance(level[last], _RepeatedValues):
        level[last].append(value)
    else:
        level[last] = _RepeatedValues([level[last], value])


def _append_node(values: _RepeatedValues) -> _Node:
    """Adds a new node to repeated values, and returns it."""
    node = _Node()
    values.append(node)
    return node


def _to_plain_value(value: Any) -> Any:
    """Returns the value with lists and dictionaries in place of the nodes that it was built of."""
    if isinstance(value, _RepeatedValues):
        items: list[Any] = []
        for item in value:
            plain = _to_plain_value(item)
            items.extend(plain) if isinstance(plain, list) else items.append(plain)
        return items
    if not isinstance(value, _Node):
        return value
    if all(str(index) in value for index in range(len(value))):
        return [_to_plain_value(value[str(index)]) for index in range(len(value))]
    return {key: _to_plain_value(item) for key, item in value.items()}


def _make_query_error(path: str, message: str) -> BadRequest:
    """Returns the error for a query string that cannot be parsed."""
    return BadRequest(
        f"The query string cannot be read: {path} {message}.", failures=[failure(path, message, "bad_query")]
    )


def serialize_query(values: Mapping[str, Any], array_format: ArrayFormat = "repeat") -> str:
    """Returns the encoded query string, without a `?`. None is dropped at any level. A key of `values` with
    brackets is one name, and percent-encoded like any."""
    return "&".join(
        f"{_percent_encode(name)}={_percent_encode(text)}"
        for key, value in values.items()
        for name, text in flatten_value(key, value, array_format)
    )


def _percent_encode(text: str) -> str:
    """Percent-encodes a name or value of a query."""
    return quote(text, safe=_UNESCAPED, errors="replace")


def flatten_value(
    name: str, value: Any, array_format: ArrayFormat, find_leaf: FindLeaf | None = None
) -> Iterator[tuple[str, Any]]:
    """Yields a value as pairs of bracketed name and text; none for null. `find_leaf`: returns what to yield
    for a value that is kept whole, None for one to flatten."""
    if value is None:
        return
    leaf = None if find_leaf is None else find_leaf(value)
    if leaf is not None:
        yield name, leaf
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from flatten_value(f"{name}[{key}]", item, array_format, find_leaf)
    elif isinstance(value, (list, tuple)):
        yield from _flatten_array(name, value, array_format, find_leaf)
    else:
        yield name, format_scalar(value)


def _flatten_array(
    name: str,
    values: list[Any] | tuple[Any, ...],
    array_format: ArrayFormat,
    find_leaf: FindLeaf | None,
) -> Iterator[tuple[str, Any]]:
    """Yields an array as pairs, by the array format; an array that holds objects or arrays always by
    indices."""
    present = [value for value in values if value is not None]
    if any(
        isinstance(item, (Mapping, list, tuple)) and not (find_leaf and find_leaf(item)) for item in present
    ):
        array_format = "indices"
    if array_format == "comma":
        if present:
            yield name, ",".join(format_scalar(value) for value in present)
        return
    for index, value in enumerate(present):
        inner = {"brackets": f"{name}[]", "indices": f"{name}[{index}]"}.get(array_format, name)
        yield from flatten_value(inner, value, array_format, find_leaf)


def format_scalar(value: Any) -> str:
    """Returns the text of a scalar in a URL, header or form: `true`, `1`, `1.5`; a whole float has no
    fraction. Null is no scalar here: callers leave it out."""
    if isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)


def format_header(value: Any) -> str:
    """Returns the text of a value in a header: a scalar as `format_scalar` has it, arrays and objects as
    JSON."""
    if not isinstance(value, (Mapping, list, tuple)):
        return format_scalar(value)
    return orjson.dumps(value, default=str).decode()


def parse_whole_number(value: Any) -> int | None:
    """Returns the integer that a JSON number or a text of digits stands for; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 16:
        return int(value)
    return None
