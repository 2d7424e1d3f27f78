"""Query strings out of objects, as npm `qs` writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from isthmus.expressions.host_value import Host
from isthmus.expressions.javascript import enter_level, is_nil, is_truthy, join_within_limit, to_text
from isthmus.expressions.meter import charge_current
from isthmus.expressions.values import UNDEFINED

__all__ = ["QueryStyle", "query_text"]

_LISTS: Final = frozenset({"indices", "brackets", "repeat", "comma"})


@dataclass(frozen=True, slots=True)
class QueryStyle:
    """`lists`: how items are named (`indices`, `brackets`, `repeat`, `comma`)."""

    lists: str = "indices"
    encode: bool = True
    values_only: bool = False
    prefix: bool = False
    skip_nulls: bool = False
    strict_nulls: bool = False
    dots: bool = False
    delimiter: str = "&"
    plus: bool = False

    @classmethod
    def of(cls, options: object) -> QueryStyle:
        given = options if isinstance(options, Mapping) else {}
        lists, delimiter = to_text(given.get("arrayFormat")), given.get("delimiter", UNDEFINED)
        return cls(
            lists=lists if lists in _LISTS else "indices",
            encode=given.get("encode") is not False,
            values_only=given.get("encodeValuesOnly") is True,
            prefix=given.get("addQueryPrefix") is True,
            skip_nulls=given.get("skipNulls") is True,
            strict_nulls=given.get("strictNullHandling") is True,
            dots=is_truthy(given.get("allowDots")),
            delimiter="&" if delimiter is UNDEFINED else to_text(delimiter),
            plus=given.get("format") == "RFC1738",
        )


def query_text(value: object, style: QueryStyle) -> str:
    """`a%5Bb%5D=2&…`; `""` where nothing is to be written."""
    parts = (part for key, item in _entries(value) for part in _pairs(style, key, item, 0))
    joined = join_within_limit("stringifyQuery", style.delimiter, parts)
    return f"?{joined}" if joined and style.prefix else joined


def _entries(value: object) -> Iterator[tuple[str, object]]:
    """Fields of an object or items of a list, without those that are missing."""
    found = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in found:
        if item is not UNDEFINED and not callable(item):
            yield str(key), item


def _pairs(style: QueryStyle, name: str, value: object, level: int) -> Iterator[str]:
    if isinstance(value, Host):
        value = value.to_json()
    if isinstance(value, list) and style.lists == "comma":
        charge_current(len(value))
        joined = join_within_limit(
            "stringifyQuery", ",", ("" if is_nil(item) else _comma_item(style, item) for item in value)
        )
        if value:
            yield from _pair(style, name, joined or None, encoded=style.values_only)
        return
    if not isinstance(value, (Mapping, list)):
        yield from _pair(style, name, value, encoded=False)
        return
    inside = enter_level(level, "stringifyQuery", len(value))
    for key, item in _entries(value):
        if item is None and style.skip_nulls:
            continue
        yield from _pairs(style, _named(style, name, key, isinstance(value, list)), item, inside)


def _named(style: QueryStyle, name: str, key: str, is_item: bool) -> str:
    if is_item and style.lists != "indices":
        return f"{name}[]" if style.lists == "brackets" else name
    return f"{name}.{key}" if style.dots and not is_item else f"{name}[{key}]"


def _pair(style: QueryStyle, name: str, value: object, *, encoded: bool) -> Iterator[str]:
    if value is None and style.skip_nulls:
        return
    key = name if style.values_only else _escaped(style, name)
    if value is None and style.strict_nulls:
        yield key
        return
    shown = "" if value is None else to_text(value)
    yield f"{key}={shown if encoded else _escaped(style, shown)}"


def _comma_item(style: QueryStyle, item: object) -> str:
    return _escaped(style, to_text(item)) if style.values_only else to_text(item)


def _escaped(style: QueryStyle, value: str) -> str:
    if not style.encode:
        return value
    if style.plus:
        return quote(value, safe="-._~() ", errors="replace").replace(" ", "+")
    return quote(value, safe="-._~", errors="replace")
