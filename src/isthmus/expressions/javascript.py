"""JavaScript's rules for text, truth, numbers and equality, on which mappings written for Truto rely.

Values are those of `values.py`; host values (`host/`) take part through `Host.to_text()` and
`Host.to_json()`.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeGuard

from isthmus.expressions.errors import make_limit_error
from isthmus.expressions.host_value import Host, format_iso_utc
from isthmus.expressions.json_writer import MAX_DATA_DEPTH, JsonWriter, format_number_text, to_double
from isthmus.expressions.limits import DEFAULT_OUTPUT_CHARS
from isthmus.expressions.meter import (
    MAX_FREE_LENGTH,
    charge_current,
    charge_text_use,
    current_evaluation,
    pace,
)
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "MAX_DATA_DEPTH",
    "as_list",
    "clamp_to_integer",
    "convert_integral_to_int",
    "count_utf16_units",
    "describe_kind",
    "enter_level",
    "format_number_text",
    "is_nil",
    "is_number",
    "is_same_value",
    "is_truthy",
    "join_within_limit",
    "order_integer_keys_first",
    "parse_float",
    "to_double",
    "to_integer",
    "to_json_text",
    "to_number",
    "to_text",
]

_WHITESPACE: Final = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_RADIX_PREFIXES: Final = {
    "0x": (16, re.compile("[0-9a-f]+", re.I)),
    "0b": (2, re.compile("[01]+")),
    "0o": (8, re.compile("[0-7]+")),
}
_ARRAY_INDEX: Final = re.compile(r"0|[1-9]\d{0,9}", re.ASCII)
_SURELY_DOUBLE: Final = 2**1023


def is_nil(value: object) -> bool:
    """Return whether `value` is null or missing."""
    return value is None or value is UNDEFINED


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether `value` is a number; booleans are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_truthy(value: object) -> bool:
    """Return JavaScript's truth of a value: false, 0, NaN, "", null and missing are false; empty lists and
    objects are true."""
    if value is None or value is UNDEFINED or value is False:
        return False
    if isinstance(value, str):
        return value != ""
    if isinstance(value, (int, float)):
        return value != 0 and value == value
    return True


def as_list(value: object) -> list[object]:
    """Lodash's `castArray`: return a list as it is, anything else (also null and missing) as a list of
    one."""
    return value if isinstance(value, list) else [value]


def enter_level(level: int, function: str, size: int = 1) -> int:
    """Return the next level of a walk into data, of `size` items; raises `ExpressionError` below
    `MAX_DATA_DEPTH`.

    Each visit is charged: a value can hold one list so many times that it is endless as a tree.
    """
    charge_current(4 + size)
    if level >= MAX_DATA_DEPTH:
        raise make_limit_error(function, "data_depth", MAX_DATA_DEPTH)
    return level + 1


def clamp_to_integer(value: object, default: int, low: int, high: int) -> int:
    """Return a number truncated to an integer from `low` to `high`; `default` for NaN and for what is no
    number."""
    if not is_number(value) or value != value:
        return default
    return int(min(max(value, low), high))


def to_text(value: object, level: int = 0) -> str:
    """Return JavaScript's text of a value: `null`, `undefined`, lists joined by commas, objects as `[object
    Object]`."""
    if isinstance(value, str):
        if len(value) > MAX_FREE_LENGTH:
            charge_text_use(value)
        return value
    if value is None:
        return "null"
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return format_number_text(value)
    if isinstance(value, list):
        inside = enter_level(level, "text", len(value))
        return join_within_limit(
            "text", ",", ("" if is_nil(item) else to_text(item, inside) for item in pace(value))
        )
    if isinstance(value, Host):
        return value.to_text()
    if isinstance(value, datetime):
        return format_iso_utc(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "[object Object]"


def join_within_limit(function: str, between: str, parts: Iterable[str]) -> str:
    """Return the parts joined by `between`. Raises `ExpressionError` if the text is longer than one value
    may be."""
    kept: list[str] = []
    room = DEFAULT_OUTPUT_CHARS
    for part in parts:
        room -= len(part) + len(between)
        if room < 0:
            raise make_limit_error(function, "output_chars", DEFAULT_OUTPUT_CHARS)
        kept.append(part)
    return between.join(kept)


def convert_integral_to_int(value: int | float) -> int | float:
    """Return a number as an int where it is integral and exact, so that JSON shows no `.0`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    return value


def to_number(value: object) -> int | float:
    """Lodash's `toNumber`: convert any value to a number. Text is trimmed, `""`, null, `[]` and false are
    0; NaN where there is no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value if -_SURELY_DOUBLE < value < _SURELY_DOUBLE else to_double(value)
    if value is None:
        return 0
    if value is UNDEFINED:
        return math.nan
    if isinstance(value, Host):
        value = value.to_primitive()
        return value if is_number(value) else _parse_number(to_text(value))
    if isinstance(value, datetime):
        return convert_integral_to_int(round(value.timestamp() * 1000))
    return _parse_number(to_text(value))


def _parse_number(text: str) -> int | float:
    """Return the number that a text is, in decimal, hexadecimal, octal or binary; NaN if it is none."""
    trimmed = text.strip(_WHITESPACE)
    if not trimmed:
        return 0
    radix = _RADIX_PREFIXES.get(trimmed[:2].lower())
    if radix is not None:
        base, allowed = radix
        digits = trimmed[2:]
        return (
            convert_integral_to_int(to_double(int(digits, base))) if allowed.fullmatch(digits) else math.nan
        )
    if trimmed.lstrip("+-") == "Infinity" and len(trimmed) <= 9:
        return -math.inf if trimmed[0] == "-" else math.inf
    return convert_integral_to_int(float(trimmed)) if _DECIMAL.fullmatch(trimmed) else math.nan


def parse_float(value: object) -> float:
    """JavaScript's `parseFloat`: return the number that the text form starts with, else NaN."""
    text = to_text(value).lstrip(_WHITESPACE)
    match = _DECIMAL.match(text)
    if match:
        return float(match.group())
    if text.lstrip("+-").startswith("Infinity") and text[:2] not in {"+-", "-+", "--", "++"}:
        return -math.inf if text[0] == "-" else math.inf
    return math.nan


def to_integer(value: object) -> int | float:
    """Lodash's `toInteger`: return the number truncated; NaN is 0; infinities stay."""
    number = to_number(value)
    if number != number:
        return 0
    return number if math.isinf(number) else math.trunc(number)


def is_same_value(left: object, right: object) -> bool:
    """JavaScript's `SameValueZero`: return whether two values are the same. NaN equals NaN, lists and
    objects only themselves."""
    if left is right:
        return True
    if is_number(left) and is_number(right):
        return left == right or (left != left and right != right)
    return type(left) is type(right) and isinstance(left, (str, bool)) and left == right


def count_utf16_units(value: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(value) if value.isascii() else len(value) + sum(1 for c in value if c > "\uffff")


def order_integer_keys_first(entries: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Return an object with JavaScript's key order: integer-like keys ascending, then the others in the given
    order."""
    result = dict(entries)
    numbers = [key for key in pace(result) if _ARRAY_INDEX.fullmatch(key) and int(key) < 2**32 - 1]
    if not numbers:
        return result
    ordered = {key: result[key] for key in sorted(numbers, key=int)}
    ordered.update(result)
    return ordered


def _format_json_number(number: float) -> str:
    """Return a number in JSON text; infinite numbers and NaN are null."""
    return format_number_text(number) if math.isfinite(to_double(number)) else "null"


def _to_json_form(value: object) -> object:
    """Return the JSON form of a value that is no JSON; `{}` if it has none."""
    if isinstance(value, Host):
        return value.to_json()
    if isinstance(value, datetime):
        return format_iso_utc(value)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else {}


def to_json_text(value: object, indent: int = 0) -> str:
    """Return JSON as JavaScript's `JSON.stringify` writes it: missing values and functions left out, NaN
    as null.

    `indent`: spaces a level; 0 writes one line.
    """
    writer = JsonWriter(
        format_number=_format_json_number,
        function_text=None,
        to_json_form=_to_json_form,
        meter=current_evaluation.meter,
        max_chars=DEFAULT_OUTPUT_CHARS,
        indent=indent,
    )
    return writer.serialize(value)


def describe_kind(value: object) -> str:
    """Return the kind of a value, for messages: `null`, `missing`, `a list`, `text`."""
    if is_nil(value):
        return "null" if value is None else "missing"
    for types, name in ((bool, "a boolean"), ((int, float), "a number"), (str, "text"), (list, "a list")):
        if isinstance(value, types):
            return name
    if isinstance(value, Host):
        return f"a {type(value).__name__}"
    return "a function" if callable(value) else "an object"
