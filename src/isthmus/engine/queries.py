"""Query strings, both ways: one parser for every client's spelling, one writer for every provider's.

Read (`api.md` §1.2 Q4): nested `a[b]=c`; arrays as indices `a[0]=x&a[1]=y`, brackets `a[]=x`, or repeats
`a=x&a=y`; brackets percent-encoded or not; `+` for a space; `a=` is the empty string. Indices make an array
only where they are 0..n-1, so that `by[117]=x` stays an object.
Written (`definitions.md` §1.5): arrays as `comma`, `brackets`, `indices` or `repeat`; objects as `a[b]=c`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal
from urllib.parse import quote, unquote_plus

import orjson

from isthmus.errors import BadRequest, failure

__all__ = [
    "ArrayFormat",
    "Query",
    "flat",
    "header_text",
    "nest",
    "parse",
    "scalar_text",
    "serialize",
]

ArrayFormat = Literal["comma", "brackets", "indices", "repeat"]
Leaf = Callable[[Any], Any]

_MAX_PAIRS: Final = 2_000
_MAX_DEPTH: Final = 8
_SHORT: Final = 512
_SAFE: Final = "-._~,:/@"


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query string; shared, so never changed. `pairs`: decoded, in the order sent. `nested`: text
    leaves, objects, arrays."""

    pairs: tuple[tuple[str, str], ...] = ()
    nested: Mapping[str, Any] = field(default_factory=dict)

    def without(self, names: Collection[str]) -> Query:
        """The same query less the parameters with these names, nested forms included."""
        return Query(
            tuple(pair for pair in self.pairs if pair[0].partition("[")[0] not in names),
            {key: value for key, value in self.nested.items() if key not in names},
        )


_EMPTY: Final = Query()


def parse(raw: bytes | str) -> Query:
    """The query of a URL, without its `?`. Bytes that are not UTF-8 become U+FFFD.

    Raises BadRequest for more than 2,000 parameters or more than 8 levels of brackets.
    """
    text = raw.decode("latin-1") if isinstance(raw, bytes) else raw
    if not text:
        return _EMPTY
    return _parse_again(text) if len(text) <= _SHORT else _parse(text)


def _parse(text: str) -> Query:
    parts = [part for part in text.split("&") if part]
    if len(parts) > _MAX_PAIRS:
        raise _bad("query", f"has {len(parts)} parameters; at most {_MAX_PAIRS} are read")
    pairs = []
    for part in parts:
        name, _, value = part.partition("=")
        pairs.append((unquote_plus(name), unquote_plus(value)))
    return Query(tuple(pairs), nest(pairs))


def nest(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs under bracketed names as objects and arrays; raises BadRequest for too many levels."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _insert(tree, _steps(name), value)
    return {key: _settle(value) for key, value in tree.items()}


# One call reads its query more than once, and walkers and pollers send the same one for hours.
_parse_again: Final = lru_cache(maxsize=512)(_parse)


def _steps(key: str) -> list[str]:
    """`a[b][]` -> `["a", "b", ""]`. A key whose brackets do not balance is one plain name."""
    start = key.find("[")
    if start <= 0 or not key.endswith("]"):
        return [key]
    inner = key[start + 1 : -1].split("][")
    if any("[" in step or "]" in step for step in inner):
        return [key]
    if len(inner) > _MAX_DEPTH:
        raise _bad(key[:60], f"has {len(inner)} levels of brackets; at most {_MAX_DEPTH} are read")
    return [key[:start], *inner]


class _Node(dict[str, Any]):
    """A level in the making: what `[...]` steps were seen under one name, `[]` numbered as it came."""


class _Several(list[Any]):
    """Values that were sent under one name more than once."""


def _insert(tree: dict[str, Any], steps: list[str], value: Any) -> None:
    level = tree
    for step in steps[:-1]:
        name = step if step or level is tree else str(len(level))
        below = level.get(name)
        if isinstance(below, _Several):
            below = next((item for item in below if isinstance(item, _Node)), None) or _append(below)
        elif below is None:
            below = level[name] = _Node()
        elif not isinstance(below, _Node):
            node = _Node()
            level[name] = _Several([below, node])
            below = node
        level = below
    last = steps[-1] if steps[-1] or level is tree else str(len(level))
    if last not in level:
        level[last] = value
    elif isinstance(level[last], _Several):
        level[last].append(value)
    else:
        level[last] = _Several([level[last], value])


def _append(several: _Several) -> _Node:
    node = _Node()
    several.append(node)
    return node


def _settle(value: Any) -> Any:
    if isinstance(value, _Several):
        settled: list[Any] = []
        for item in value:
            plain = _settle(item)
            settled.extend(plain) if isinstance(plain, list) else settled.append(plain)
        return settled
    if not isinstance(value, _Node):
        return value
    if all(str(index) in value for index in range(len(value))):
        return [_settle(value[str(index)]) for index in range(len(value))]
    return {key: _settle(item) for key, item in value.items()}


def _bad(path: str, message: str) -> BadRequest:
    return BadRequest(
        f"The query string cannot be read: {path} {message}.", failures=[failure(path, message, "bad_query")]
    )


def serialize(values: Mapping[str, Any], array_format: ArrayFormat = "repeat") -> str:
    """The encoded query string, without a `?`. None is dropped, at any level; a key is sent literally,
    brackets included, as one name."""
    return "&".join(
        f"{_encoded(name)}={_encoded(text)}"
        for key, value in values.items()
        for name, text in flat(key, value, array_format)
    )


def _encoded(text: str) -> str:
    return quote(text, safe=_SAFE, errors="replace")


def flat(
    name: str, value: Any, array_format: ArrayFormat, leaf: Leaf | None = None
) -> Iterator[tuple[str, Any]]:
    """A value as pairs of name and text. `leaf` gives what a value stands for as a whole (a file)."""
    if value is None:
        return
    kept = None if leaf is None else leaf(value)
    if kept is not None:
        yield name, kept
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from flat(f"{name}[{key}]", item, array_format, leaf)
    elif isinstance(value, (list, tuple)):
        yield from _flat_array(name, value, array_format, leaf)
    else:
        yield name, scalar_text(value)


def _flat_array(
    name: str,
    values: list[Any] | tuple[Any, ...],
    array_format: ArrayFormat,
    leaf: Leaf | None,
) -> Iterator[tuple[str, Any]]:
    present = [value for value in values if value is not None]
    if any(isinstance(item, (Mapping, list, tuple)) and not (leaf and leaf(item)) for item in present):
        array_format = "indices"
    if array_format == "comma":
        if present:
            yield name, ",".join(scalar_text(value) for value in present)
        return
    for index, value in enumerate(present):
        inner = {"brackets": f"{name}[]", "indices": f"{name}[{index}]"}.get(array_format, name)
        yield from flat(inner, value, array_format, leaf)


def scalar_text(value: Any) -> str:
    """A scalar as providers expect it in a URL, header or form: `true`, `1`, `1.5`; a whole float has no
    fraction."""
    if isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)


def header_text(value: Any) -> str:
    """A value of an expression or template as that of a header: arrays and objects as JSON (RFC 8259)."""
    if not isinstance(value, (Mapping, list, tuple)):
        return scalar_text(value)
    return orjson.dumps(value, default=str).decode()


def parse_whole_number(value: Any) -> int | None:
    """An integer from JSON or text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 16:
        return int(value)
    return None
