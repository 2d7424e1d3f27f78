"""`$parseQuery` and `$stringifyQuery`: query strings as objects and back, by the rules of npm `qs`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import check_input_text, check_output_text, get_options
from isthmus.expressions.host_value import Host
from isthmus.expressions.javascript import (
    clamp_to_integer,
    enter_level,
    is_nil,
    is_truthy,
    join_within_limit,
    to_text,
)
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import charge_current
from isthmus.expressions.values import UNDEFINED

if TYPE_CHECKING:
    import qs_codec

__all__ = ["parse_query", "stringify_query"]

_MAX_DEPTH: Final = 20
_MAX_PARAMETERS: Final = 1_000
_OTHER_ARRAY_FORMATS: Final = frozenset({"brackets", "repeat", "comma"})
"""Forms of lists beside `indices`."""


def parse_query(evaluation: Evaluation, query: object = UNDEFINED, options: object = UNDEFINED) -> object:
    """A query string as an object: repeated names give lists, `a[b]=c` and `a[]=1` nest.

    Arguments:
        query: the text without `?`, or with it and the option `ignoreQueryPrefix`.
        options: `ignoreQueryPrefix`, `depth` (default 5), `arrayLimit` (20), `parameterLimit` (1000),
            `delimiter`, `allowDots`, `comma`, `strictNullHandling`, `parseArrays`, `strictDepth`,
            `throwOnLimitExceeded`.
    Null and missing: `{}` for `""`, null, missing and values that are neither text nor an object.
    Errors: none by default; with `strictDepth` or `throwOnLimitExceeded` going over a limit.
    Example:
        $parseQuery("a=1&b[c]=x&d[]=1&d[]=2&e")
        => {"a": "1", "b": {"c": "x"}, "d": ["1", "2"], "e": ""}
    """
    if isinstance(query, Mapping):
        return dict(query)
    if not isinstance(query, str):
        return {}
    import qs_codec  # few need it, and it is slow to import

    source = check_input_text(evaluation, query, "parseQuery")
    try:
        decoded: object = qs_codec.decode(source, _to_decode_options(options))
    except (ValueError, IndexError) as error:
        raise make_function_error("parseQuery", str(error)) from None
    return _remove_gaps(decoded)


def _to_decode_options(options: object) -> qs_codec.DecodeOptions:
    """Return the options of `$parseQuery` for the library, with its limits held within ours."""
    import qs_codec

    options = get_options(options)
    delimiter = options.get("delimiter")
    return qs_codec.DecodeOptions(
        allow_dots=options.get("allowDots") is True,
        comma=options.get("comma") is True,
        ignore_query_prefix=options.get("ignoreQueryPrefix") is True,
        strict_null_handling=options.get("strictNullHandling") is True,
        parse_lists=options.get("parseArrays") is not False,
        strict_depth=options.get("strictDepth") is True,
        raise_on_limit_exceeded=options.get("throwOnLimitExceeded") is True,
        depth=clamp_to_integer(options.get("depth"), 5, 0, _MAX_DEPTH),
        list_limit=clamp_to_integer(options.get("arrayLimit"), 20, 0, _MAX_PARAMETERS),
        parameter_limit=clamp_to_integer(options.get("parameterLimit"), _MAX_PARAMETERS, 1, _MAX_PARAMETERS),
        delimiter=delimiter if isinstance(delimiter, str) and delimiter else "&",
    )


def _remove_gaps(value: object) -> object:
    """Return the value with its lists closed up: without the places that no parameter filled."""
    if isinstance(value, Mapping):
        return {str(key): _remove_gaps(item) for key, item in value.items()}
    if isinstance(value, list):
        from qs_codec.models.undefined import Undefined as Gap

        return [_remove_gaps(item) for item in value if not isinstance(item, Gap)]
    return value


def stringify_query(evaluation: Evaluation, value: object = UNDEFINED, options: object = UNDEFINED) -> str:
    """An object as a query string, nested values with brackets.

    Arguments:
        obj: an object or list.
        options: `arrayFormat` (`indices`, the default, `brackets`, `repeat` or `comma`), `encode`,
            `encodeValuesOnly`, `addQueryPrefix`, `skipNulls`, `strictNullHandling`, `allowDots`,
            `delimiter`, `format` (`RFC3986` or `RFC1738`).
    Null and missing: `""` for anything that is no object; null values give `a=`, missing ones are left out.
    Example:
        $stringifyQuery({"a": {"b": 2}, "c": [1, 2], "d": "x y"})
        => "a%5Bb%5D=2&c%5B0%5D=1&c%5B1%5D=2&d=x%20y"
    """
    if not isinstance(value, (Mapping, list)):
        return ""
    return check_output_text(
        evaluation, _write_query(value, _QueryStyle.from_options(options)), "stringifyQuery"
    )


@dataclass(frozen=True, slots=True)
class _QueryStyle:
    """The options of `$stringifyQuery`. `array_format`: how items are named."""

    array_format: str = "indices"
    encode: bool = True
    encodes_values_only: bool = False
    prefix: bool = False
    skip_nulls: bool = False
    strict_nulls: bool = False
    dots: bool = False
    delimiter: str = "&"
    space_as_plus: bool = False

    @classmethod
    def from_options(cls, options: object) -> _QueryStyle:
        """Return the style that an options object asks for; the default for anything else."""
        options = get_options(options)
        array_format, delimiter = to_text(options.get("arrayFormat")), options.get("delimiter", UNDEFINED)
        return cls(
            array_format=array_format if array_format in _OTHER_ARRAY_FORMATS else "indices",
            encode=options.get("encode") is not False,
            encodes_values_only=options.get("encodeValuesOnly") is True,
            prefix=options.get("addQueryPrefix") is True,
            skip_nulls=options.get("skipNulls") is True,
            strict_nulls=options.get("strictNullHandling") is True,
            dots=is_truthy(options.get("allowDots")),
            delimiter="&" if delimiter is UNDEFINED else to_text(delimiter),
            space_as_plus=options.get("format") == "RFC1738",
        )


def _write_query(value: object, style: _QueryStyle) -> str:
    """Return the query string, as `a%5Bb%5D=2&…`; `""` where nothing is to be written."""
    parts = (part for key, item in _iterate_entries(value) for part in _write_pairs(style, key, item, 0))
    joined = join_within_limit("stringifyQuery", style.delimiter, parts)
    return f"?{joined}" if joined and style.prefix else joined


def _iterate_entries(value: object) -> Iterator[tuple[str, object]]:
    """Yield the fields of an object or items of a list, without those that are missing."""
    entries = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in entries:
        if item is not UNDEFINED and not callable(item):
            yield str(key), item


def _write_pairs(style: _QueryStyle, name: str, value: object, level: int) -> Iterator[str]:
    """Yield the `name=value` pairs of a value; one for each value inside a list or object."""
    if isinstance(value, Host):
        value = value.to_json()
    if isinstance(value, list) and style.array_format == "comma":
        charge_current(len(value))
        joined = join_within_limit(
            "stringifyQuery", ",", ("" if is_nil(item) else _format_comma_item(style, item) for item in value)
        )
        if value:
            yield from _write_pair(style, name, joined or None, encoded=style.encodes_values_only)
        return
    if not isinstance(value, (Mapping, list)):
        yield from _write_pair(style, name, value, encoded=False)
        return
    inside = enter_level(level, "stringifyQuery", len(value))
    for key, item in _iterate_entries(value):
        yield from _write_pairs(style, _append_key(style, name, key, isinstance(value, list)), item, inside)


def _append_key(style: _QueryStyle, name: str, key: str, is_item: bool) -> str:
    """Return the name of a field or item inside `name`: `name[key]`, `name.key`, `name[]`, or `name`
    alone."""
    if is_item and style.array_format != "indices":
        return f"{name}[]" if style.array_format == "brackets" else name
    return f"{name}.{key}" if style.dots and not is_item else f"{name}[{key}]"


def _write_pair(style: _QueryStyle, name: str, value: object, *, encoded: bool) -> Iterator[str]:
    """Yield one `name=value` pair, or none for a null that is left out. `encoded`: the value is escaped
    already."""
    if value is None and style.skip_nulls:
        return
    key = name if style.encodes_values_only else _escape(style, name)
    if value is None and style.strict_nulls:
        yield key
        return
    value_text = "" if value is None else to_text(value)
    yield f"{key}={value_text if encoded else _escape(style, value_text)}"


def _format_comma_item(style: _QueryStyle, item: object) -> str:
    """Return the text of one item of a list that is written as one value with commas: percent-encoded where
    only values are encoded, so that the commas stay; otherwise `_write_pair` encodes the joined list."""
    return _escape(style, to_text(item)) if style.encodes_values_only else to_text(item)


def _escape(style: _QueryStyle, value: str) -> str:
    """Return the text percent-encoded, as the options ask for it."""
    if not style.encode:
        return value
    if style.space_as_plus:
        return quote(value, safe="-._~() ", errors="replace").replace(" ", "+")
    return quote(value, safe="-._~", errors="replace")
