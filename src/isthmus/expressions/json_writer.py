"""Numbers and JSON as JavaScript writes them, for the standard functions and those of the dialect."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from json.encoder import encode_basestring
from math import inf
from typing import Any, Final

from isthmus.expressions.errors import limit_error
from isthmus.expressions.meter import Meter, pace
from isthmus.expressions.values import UNDEFINED

__all__ = ["MAX_DATA_DEPTH", "JsonWriter", "format_number_text", "quote_json", "to_double"]

MAX_DATA_DEPTH: Final = 200
"""Levels of lists and objects that a function follows into data (`functions.md` §10)."""

_SAFE: Final = 2**53
_PARTS: Final = 20_000


def to_double(number: float) -> float:
    """The number as a double; what is beyond them is infinite."""
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf


def format_number_text(value: float) -> str:
    """A number as JavaScript's `String(n)`: `1e+21`, `0.1`, `0` for -0, `NaN`."""
    if type(value) is int:
        if -_SAFE <= value <= _SAFE:
            return str(value)
        value = to_double(value)
    if value != value:
        return "NaN"
    if value in (inf, -inf):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    shortest = repr(float(value))
    mantissa, _, exponent = shortest.partition("e")
    if not exponent and 1e-6 <= abs(value) < 1e16:
        return mantissa.removesuffix(".0")
    return _placed(mantissa, int(exponent or 0))


def _placed(mantissa: str, exponent: int) -> str:
    """Digits with their point where JavaScript puts it: plain from 1e-6 to below 1e21, else `1e+21`."""
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    if fraction == "0":
        fraction = ""
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    point = len(whole) + exponent - leading
    digits = digits.rstrip("0") or "0"
    if 0 < point <= 21:
        if len(digits) <= point:
            return sign + digits + "0" * (point - len(digits))
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = point - 1
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if power >= 0 else '-'}{abs(power)}"


def quote_json(text: str) -> str:
    """A JSON string; lone surrogates are escaped, other characters stay."""
    made = encode_basestring(text)
    if made.isascii() or not any("\ud800" <= char <= "\udfff" for char in made):
        return made
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in made)


class JsonWriter:
    """Writes JSON text: missing values left out, null in lists. Its work is charged and its size bounded.

    number: writes a number. function: what stands for a function; None counts it as missing. leave: the JSON
    form of a value that is none itself. meter: what the work is charged to, if anything. room: the most
    characters. indent: spaces a level; 0 writes one line.
    """

    def __init__(
        self,
        *,
        number: Callable[[float], str],
        function: str | None,
        leave: Callable[[Any], object],
        meter: Meter | None,
        room: int,
        indent: int = 0,
    ) -> None:
        self.number = number
        self.function = function
        self.leave = leave
        self.meter = meter
        self.room = room
        self.most = room
        self.indent = indent
        self.parts: list[str] = []
        self.done: list[str] = []

    def text(self, value: Any) -> str:
        self.write(value, 0)
        return "".join(self.done) + "".join(self.parts)

    def put(self, text: str) -> None:
        self.room -= len(text)
        if self.room < 0:
            raise limit_error("string", "output_chars", self.most)
        self.parts.append(text)

    def write(self, value: Any, depth: int) -> None:
        kind = type(value)
        if kind is str:
            self.put(quote_json(value))
        elif kind is bool:
            self.put("true" if value else "false")
        elif value is None or value is UNDEFINED:
            self.put("null")
        elif kind is int or kind is float:
            self.put(self.number(value))
        elif isinstance(value, (list, Mapping)):
            self.nested(value, depth + 1)
        elif callable(value):
            self.put("null" if self.function is None else self.function)
        else:
            self.write(self.leave(value), depth)

    def nested(self, value: Any, depth: int) -> None:
        if depth > MAX_DATA_DEPTH:
            raise limit_error("string", "data_depth", MAX_DATA_DEPTH)
        if self.meter is not None:
            self.meter.charge(len(value))
        is_list = isinstance(value, list)
        opening, closing = ("[", "]") if is_list else ("{", "}")
        pad = "\n" + " " * (self.indent * depth) if self.indent else ""
        first = True
        self.put(opening)
        items: Collection[Any] = value if is_list else value.items()
        for item in pace(items, 1, self.meter):
            if not is_list:
                key, item = item
                if item is UNDEFINED or (self.function is None and callable(item)):
                    continue
            self.put(pad if first else "," + pad)
            first = False
            if not is_list:
                self.put(quote_json(str(key)) + (": " if self.indent else ":"))
            self.write(item, depth)
        if self.indent and not first:
            self.put("\n" + " " * (self.indent * (depth - 1)))
        self.put(closing)
        if len(self.parts) > _PARTS:
            self.done.append("".join(self.parts))
            self.parts.clear()
