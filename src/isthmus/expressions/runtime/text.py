"""Values as text, as JavaScript writes them: numbers, and JSON for everything else."""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring
from math import isfinite, isnan
from typing import Any, Final

from isthmus.expressions.callables import is_function
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["json_text", "number_text", "quoted", "rounded", "text_of"]

_SAFE: Final = 2**53
_MAX_DEPTH: Final = 200


def number_text(value: float) -> str:
    """A number as JavaScript's `String(n)`; finite or not."""
    if type(value) is int:
        if -_SAFE <= value <= _SAFE:
            return str(value)
        value = float(value)
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
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


def rounded(value: float) -> float:
    """To 15 significant digits, as JSONata writes numbers that are no integers."""
    return float(f"{value:.15g}")


def quoted(text: str) -> str:
    """A JSON string; lone surrogates are escaped, other characters stay."""
    made = encode_basestring(text)
    if made.isascii() or not any("\ud800" <= char <= "\udfff" for char in made):
        return made
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in made)


def text_of(evaluation: Evaluation, value: Any) -> str:
    """`$string(value)` for a value that is not undefined."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int and -_SAFE <= value <= _SAFE:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    if kind is float or kind is int:
        if not isfinite(value):
            raise ExpressionError(
                "D3001", "Attempting to invoke string function on Infinity or NaN", value=value
            )
        return _number(value)
    if is_function(value):
        return ""
    return json_text(evaluation, value)


def _json_number(value: float) -> str:
    if isnan(value):
        return "null"
    if not isfinite(value):
        raise ExpressionError("D1001", f"Number out of range: {number_text(value)}", value=value)
    return _number(value)


def _number(value: float) -> str:
    if type(value) is float and not value.is_integer():
        value = rounded(value)
    return number_text(value)


def json_text(
    evaluation: Evaluation, value: Any, indent: int = 0, number: Callable[[float], str] | None = None
) -> str:
    """JSON text; functions become "", host values their JSON form; the size is bounded.

    `number` writes numbers, if JSONata's way is not wanted.
    """
    writer = _Writer(evaluation, indent, number or _json_number)
    writer.write(value, 0)
    return "".join(writer.parts)


class _Writer:
    def __init__(self, evaluation: Evaluation, indent: int, number: Callable[[float], str]) -> None:
        self.number = number
        self.evaluation = evaluation
        self.indent = indent
        self.parts: list[str] = []
        self.room = evaluation.limits.output_chars

    def put(self, text: str) -> None:
        self.room -= len(text)
        if self.room < 0:
            raise self.evaluation.exceeded("output_chars", "string")
        self.parts.append(text)

    def write(self, value: Any, depth: int) -> None:
        kind = type(value)
        if kind is str:
            self.put(quoted(value))
        elif kind is bool:
            self.put("true" if value else "false")
        elif value is None or value is UNDEFINED:
            self.put("null")
        elif kind is int or kind is float:
            self.put(self.number(value))
        elif isinstance(value, (list, dict)):
            self.nested(value, depth + 1)
        elif is_function(value):
            self.put('""')
        else:
            host = self.evaluation.library.host(value)
            form = None if host is None else host.to_json or host.leave
            self.write({} if form is None else form(value), depth)

    def nested(self, value: Any, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise self.evaluation.exceeded("data_depth", "string")
        self.evaluation.charge(len(value))
        is_list = isinstance(value, list)
        opening, closing = ("[", "]") if is_list else ("{", "}")
        pad = "\n" + " " * (self.indent * depth) if self.indent else ""
        first = True
        self.put(opening)
        for item in value if is_list else value.items():
            if not is_list:
                key, item = item
                if item is UNDEFINED:
                    continue
            self.put(pad if first else "," + pad)
            first = False
            if not is_list:
                self.put(quoted(key) + (": " if self.indent else ":"))
            self.write(item, depth)
        if self.indent and not first:
            self.put("\n" + " " * (self.indent * (depth - 1)))
        self.put(closing)
