"""JavaScript's rules for text, truth, numbers and equality, which mappings written for Truto rely on.

Values are those of `values.py`; host values (`host/`) take part through `Host.text()` and `Host.json()`.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeGuard

from isthmus.expressions.failures import over_limit
from isthmus.expressions.hosting import Host, iso_utc
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "DEPTH",
    "as_list",
    "deeper",
    "describe",
    "double",
    "first_integers",
    "integer",
    "is_nil",
    "is_number",
    "json_text",
    "number_text",
    "parse_float",
    "plain_number",
    "same_value",
    "text",
    "to_number",
    "truthy",
    "units",
    "whole",
]

DEPTH: Final = 200
"""Levels of lists and objects that a function follows into data (`functions.md` §10)."""

_SPACE: Final = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_RADIX: Final = {
    "0x": (16, re.compile("[0-9a-f]+", re.I)),
    "0b": (2, re.compile("[01]+")),
    "0o": (8, re.compile("[0-7]+")),
}
_INDEX: Final = re.compile(r"0|[1-9]\d{0,9}", re.ASCII)
_SAFE: Final = 2**53
_DOUBLE: Final = 2**1023


def is_nil(value: object) -> bool:
    """Whether `value` is null or missing."""
    return value is None or value is UNDEFINED


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether `value` is a number; booleans are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def truthy(value: object) -> bool:
    """JavaScript's truth: false, 0, NaN, "", null and missing are false; empty lists and objects are true."""
    if value is None or value is UNDEFINED or value is False:
        return False
    if isinstance(value, str):
        return value != ""
    if isinstance(value, (int, float)):
        return value != 0 and value == value
    return True


def as_list(value: object) -> list[object]:
    """Lodash's cast: a list as it is, anything else (also null and missing) as a list of one."""
    return value if isinstance(value, list) else [value]


def deeper(level: int, function: str) -> int:
    """The next level of a walk into data; raises when it is below `DEPTH`."""
    if level >= DEPTH:
        raise over_limit(function, "data_depth", DEPTH)
    return level + 1


def double(number: int | float) -> float:
    """The number as a double; what is beyond them is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def whole(value: object, default: int, low: int, high: int) -> int:
    """A number cut to an integer from `low` to `high`; `default` for NaN and for what is no number."""
    if not is_number(value) or value != value:
        return default
    return int(min(max(value, low), high))


def number_text(number: int | float) -> str:
    """A number as JavaScript prints it: `1e+21`, `0.1`, `0` for -0, `NaN`."""
    if isinstance(number, int) and -_SAFE < number < _SAFE:
        return str(int(number))
    value = double(number)
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    return ("-" if value < 0 else "") + _digits_text(abs(value))


def _digits_text(value: float) -> str:
    shortest = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, shortest.digits))
    count = len(digits)
    assert isinstance(shortest.exponent, int)
    point = count + shortest.exponent
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1:+d}"


def text(value: object, level: int = 0) -> str:
    """The text form: `null`, `undefined`, lists joined by commas, objects as `[object Object]`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, list):
        inside = deeper(level, "text")
        return ",".join("" if is_nil(item) else text(item, inside) for item in value)
    if isinstance(value, Host):
        return value.text()
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "[object Object]"


def plain_number(value: int | float) -> int | float:
    """A number as an int where it is integral and exact, so that JSON shows no `.0`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    return value


def to_number(value: object) -> int | float:
    """lodash `toNumber`: text is trimmed, `""`, null, `[]` and false are 0; NaN where there is no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value if -_DOUBLE < value < _DOUBLE else double(value)
    if value is None:
        return 0
    if value is UNDEFINED:
        return math.nan
    if isinstance(value, Host):
        value = value.primitive()
        return value if is_number(value) else _text_number(text(value))
    if isinstance(value, datetime):
        return plain_number(round(value.timestamp() * 1000))
    return _text_number(text(value))


def _text_number(given: str) -> int | float:
    trimmed = given.strip(_SPACE)
    if not trimmed:
        return 0
    radix = _RADIX.get(trimmed[:2].lower())
    if radix is not None:
        base, allowed = radix
        digits = trimmed[2:]
        return plain_number(double(int(digits, base))) if allowed.fullmatch(digits) else math.nan
    if trimmed.lstrip("+-") == "Infinity" and len(trimmed) <= 9:
        return -math.inf if trimmed[0] == "-" else math.inf
    return plain_number(float(trimmed)) if _DECIMAL.fullmatch(trimmed) else math.nan


def parse_float(value: object) -> float:
    """JavaScript's `parseFloat`: the number that the text form starts with, else NaN."""
    given = text(value).lstrip(_SPACE)
    found = _DECIMAL.match(given)
    if found:
        return float(found.group())
    if given.lstrip("+-").startswith("Infinity") and given[:2] not in {"+-", "-+", "--", "++"}:
        return -math.inf if given[0] == "-" else math.inf
    return math.nan


def integer(value: object) -> int | float:
    """lodash `toInteger`: towards zero; NaN is 0; infinities stay (as the largest double)."""
    number = to_number(value)
    if number != number:
        return 0
    return number if math.isinf(number) else math.trunc(number)


def same_value(left: object, right: object) -> bool:
    """Equality of `SameValueZero`: NaN equals NaN, lists and objects only themselves."""
    if left is right:
        return True
    if is_number(left) and is_number(right):
        return left == right or (left != left and right != right)
    return type(left) is type(right) and isinstance(left, (str, bool)) and left == right


def units(value: str) -> int:
    """The length in UTF-16 code units."""
    return len(value) if value.isascii() else len(value) + sum(1 for c in value if c > "\uffff")


def first_integers(entries: Iterable[tuple[str, object]]) -> dict[str, object]:
    """An object with JavaScript's key order: integer-like keys ascending, then the others as given."""
    result = dict(entries)
    numbers = [key for key in result if _INDEX.fullmatch(key) and int(key) < 2**32 - 1]
    if not numbers:
        return result
    ordered = {key: result[key] for key in sorted(numbers, key=int)}
    ordered.update(result)
    return ordered


def _json_number(number: int | float) -> str:
    return number_text(number) if math.isfinite(double(number)) else "null"


def json_text(
    value: object,
    indent: int = 0,
    level: int = 0,
    *,
    number: Callable[[int | float], str] = _json_number,
    function: str | None = None,
) -> str:
    """JSON as JavaScript writes it: its numbers, missing values left out (null in lists), NaN as null.

    `indent`: spaces a level; 0 writes one line. `number` writes the numbers. `function` stands for
    functions; None counts them as missing.
    """
    if isinstance(value, Host):
        value = value.json()
    elif isinstance(value, datetime):
        value = iso_utc(value)
    elif isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    if value is None or value is UNDEFINED:
        return "null"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number(value)
    if callable(value):
        return "null" if function is None else function
    inside = deeper(level, "JSON text")
    if isinstance(value, list):
        items = [json_text(item, indent, inside, number=number, function=function) for item in value]
        return _bracketed("[]", items, indent, level)
    if isinstance(value, Mapping):
        colon = ": " if indent else ":"
        members = [
            json.dumps(str(key), ensure_ascii=False)
            + colon
            + json_text(item, indent, inside, number=number, function=function)
            for key, item in value.items()
            if item is not UNDEFINED and not (function is None and callable(item))
        ]
        return _bracketed("{}", members, indent, level)
    return "{}"


def _bracketed(pair: str, parts: list[str], indent: int, level: int) -> str:
    if not parts:
        return pair
    if not indent:
        return pair[0] + ",".join(parts) + pair[1]
    inner, outer = " " * (indent * (level + 1)), " " * (indent * level)
    return f"{pair[0]}\n{inner}" + f",\n{inner}".join(parts) + f"\n{outer}{pair[1]}"


def describe(value: object) -> str:
    """What kind of value this is, for messages: `null`, `missing`, `a list`, `text`."""
    if is_nil(value):
        return "null" if value is None else "missing"
    for types, name in ((bool, "a boolean"), ((int, float), "a number"), (str, "text"), (list, "a list")):
        if isinstance(value, types):
            return name
    if isinstance(value, Host):
        return f"a {type(value).__name__}"
    return "a function" if callable(value) else "an object"
