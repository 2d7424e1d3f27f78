"""JSON text and numbers as JavaScript writes them, for the standard functions and those of the dialect."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from json.encoder import encode_basestring
from math import inf
from typing import Any, Final

from isthmus.expressions.errors import make_limit_error
from isthmus.expressions.meter import Meter, pace
from isthmus.expressions.values import UNDEFINED

__all__ = ["MAX_DATA_DEPTH", "JsonWriter", "format_number_text", "quote_json", "to_double"]

MAX_DATA_DEPTH: Final = 200
"""Levels of lists and objects that a function follows into data."""

_MAX_SAFE: Final = 2**53
_MAX_PARTS: Final = 20_000


def to_double(number: float) -> float:
    """Return the number as a double; infinite if it is too large for one."""
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf


def format_number_text(value: float) -> str:
    """Return a number as JavaScript's `String(n)`: `1e+21`, `0.1`, `0` for -0, `NaN`."""
    if type(value) is int:
        if -_MAX_SAFE <= value <= _MAX_SAFE:
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
    return _place_point(mantissa, int(exponent or 0))


def _place_point(mantissa: str, exponent: int) -> str:
    """Return digits with their point where JavaScript puts it: plain from 1e-6 to below 1e21, else as in
    `1e+21`."""
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
    """Return the text as a JSON string; lone surrogates are escaped, other characters stay."""
    quoted = encode_basestring(text)
    if quoted.isascii() or not any("\ud800" <= char <= "\udfff" for char in quoted):
        return quoted
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in quoted)


class JsonWriter:
    """Serializes one value as JSON text. Missing values are left out of objects and are null in lists.

    format_number: gives the text of a number. function_text: the text that stands for a function; None treats
    a function as missing. to_json_form: converts a value that is not JSON. meter: what the work is charged
    to, if anything. max_chars: a longer text raises `ExpressionError`. indent: spaces a level; 0 writes one
    line.
    """

    def __init__(
        self,
        *,
        format_number: Callable[[float], str],
        function_text: str | None,
        to_json_form: Callable[[Any], object],
        meter: Meter | None,
        max_chars: int,
        indent: int = 0,
    ) -> None:
        self.format_number = format_number
        self.function_text = function_text
        self.to_json_form = to_json_form
        self.meter = meter
        self.chars_left = max_chars
        self.max_chars = max_chars
        self.indent = indent
        self.parts: list[str] = []
        self.joined: list[str] = []

    def serialize(self, value: Any) -> str:
        """Return the JSON text of a value."""
        self.write_value(value, 0)
        return "".join(self.joined) + "".join(self.parts)

    def append(self, text: str) -> None:
        """Add text. Raises `ExpressionError` if the whole becomes longer than `max_chars`."""
        self.chars_left -= len(text)
        if self.chars_left < 0:
            raise make_limit_error("string", "output_chars", self.max_chars)
        self.parts.append(text)

    def write_value(self, value: Any, depth: int) -> None:
        """Append the JSON text of any value; `depth` is the number of containers around it."""
        kind = type(value)
        if kind is str:
            self.append(quote_json(value))
        elif kind is bool:
            self.append("true" if value else "false")
        elif value is None or value is UNDEFINED:
            self.append("null")
        elif kind is int or kind is float:
            self.append(self.format_number(value))
        elif isinstance(value, (list, Mapping)):
            self.write_nested(value, depth + 1)
        elif callable(value):
            self.append("null" if self.function_text is None else self.function_text)
        else:
            self.write_value(self.to_json_form(value), depth)

    def write_nested(self, value: Any, depth: int) -> None:
        """Append the JSON text of a list or object; `depth` counts it too. Raises for too deep data."""
        if depth > MAX_DATA_DEPTH:
            raise make_limit_error("string", "data_depth", MAX_DATA_DEPTH)
        if self.meter is not None:
            self.meter.charge(len(value))
        is_list = isinstance(value, list)
        opening, closing = ("[", "]") if is_list else ("{", "}")
        pad = "\n" + " " * (self.indent * depth) if self.indent else ""
        first = True
        self.append(opening)
        items: Collection[Any] = value if is_list else value.items()
        for item in pace(items, 1, self.meter):
            if not is_list:
                key, item = item
                if item is UNDEFINED or (self.function_text is None and callable(item)):
                    continue
            self.append(pad if first else "," + pad)
            first = False
            if not is_list:
                self.append(quote_json(str(key)) + (": " if self.indent else ":"))
            self.write_value(item, depth)
        if self.indent and not first:
            self.append("\n" + " " * (self.indent * (depth - 1)))
        self.append(closing)
        if len(self.parts) > _MAX_PARTS:
            self.joined.append("".join(self.parts))
            self.parts.clear()
