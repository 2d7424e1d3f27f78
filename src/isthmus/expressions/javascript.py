"""JavaScript's rules for text, truth, numbers and equality, which mappings written for Truto rely on.

Values are those of `values.py`; host values (`host/`) take part through `Host.text()` and `Host.json()`.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeGuard

from isthmus.expressions.errors import over_limit
from isthmus.expressions.host_value import Host, iso_utc
from isthmus.expressions.json_writer import DEPTH, JsonWriter, double, number_text
from isthmus.expressions.limits import DEFAULT_OUTPUT
from isthmus.expressions.meter import LONG, paced, running, spend, use_text
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "DEPTH",
    "as_list",
    "bounded_text",
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


def deeper(level: int, function: str, size: int = 1) -> int:
    """The next level of a walk into data, of `size` items; raises when it is below `DEPTH`.

    Each visit is accounted for: a value can hold one list so many times that it is endless as a tree.
    """
    spend(4 + size)
    if level >= DEPTH:
        raise over_limit(function, "data_depth", DEPTH)
    return level + 1


def whole(value: object, default: int, low: int, high: int) -> int:
    """A number cut to an integer from `low` to `high`; `default` for NaN and for what is no number."""
    if not is_number(value) or value != value:
        return default
    return int(min(max(value, low), high))


def text(value: object, level: int = 0) -> str:
    """The text form: `null`, `undefined`, lists joined by commas, objects as `[object Object]`."""
    if isinstance(value, str):
        if len(value) > LONG:
            use_text(value)
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
        inside = deeper(level, "text", len(value))
        return bounded_text(
            "text", ",", ("" if is_nil(item) else text(item, inside) for item in paced(value))
        )
    if isinstance(value, Host):
        return value.text()
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "[object Object]"


def bounded_text(function: str, between: str, parts: Iterable[str]) -> str:
    """The parts joined, if that does not come to more than one value may have."""
    kept: list[str] = []
    room = DEFAULT_OUTPUT
    for part in parts:
        room -= len(part) + len(between)
        if room < 0:
            raise over_limit(function, "output_chars", DEFAULT_OUTPUT)
        kept.append(part)
    return between.join(kept)


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
    numbers = [key for key in paced(result) if _INDEX.fullmatch(key) and int(key) < 2**32 - 1]
    if not numbers:
        return result
    ordered = {key: result[key] for key in sorted(numbers, key=int)}
    ordered.update(result)
    return ordered


def _json_number(number: float) -> str:
    return number_text(number) if math.isfinite(double(number)) else "null"


def _json_form(value: object) -> object:
    if isinstance(value, Host):
        return value.json()
    if isinstance(value, datetime):
        return iso_utc(value)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else {}


def json_text(value: object, indent: int = 0) -> str:
    """JSON as JavaScript writes it: missing values and functions left out (null in lists), NaN as null.

    `indent`: spaces a level; 0 writes one line.
    """
    writer = JsonWriter(
        number=_json_number,
        function=None,
        leave=_json_form,
        meter=running.meter,
        room=DEFAULT_OUTPUT,
        indent=indent,
    )
    return writer.text(value)


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
