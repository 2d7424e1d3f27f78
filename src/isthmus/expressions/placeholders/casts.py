"""Converts values by the casts of placeholders (`{{path:int}}`), and to text."""

from __future__ import annotations

import json
import math
import re
from typing import Final, Never

__all__ = ["CASTS", "PlaceholderError", "cast", "to_text_form"]

CASTS: Final = frozenset(
    {"str", "int", "num", "bool", "json", "any", "null", "undefined", "ignore-empty-str"}
)

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class PlaceholderError(Exception):
    """A placeholder that cannot be rendered, whatever the data. `placeholder`: its text, where known."""

    def __init__(self, message: str, *, placeholder: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.placeholder = placeholder


def to_text_form(value: object) -> str:
    """Return a value as text among other text: JavaScript's text of it, with `null` for null at any depth."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _format_number(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (list, tuple)):
        return _join_array(value)
    return "[object Object]"


def _join_array(value: list[object] | tuple[object, ...]) -> str:
    """Return the items of an array as text, joined by commas."""
    try:
        return ",".join([to_text_form(item) for item in value])
    except RecursionError:
        raise PlaceholderError("An array is nested too deeply to be text") from None


def _format_number(value: float) -> str:
    """Return the text of a number; unlike JavaScript, with all digits of an integer below 1e21."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    mantissa, mark, exponent = repr(value).partition("e")
    if not mark:
        return mantissa
    power = int(exponent)
    if -7 < power < 0:
        return f"{value:.{len(mantissa.replace('.', '').lstrip('-')) - 1 - power}f}"
    return f"{mantissa}e{power:+d}"


def cast(value: object, name: str, *, whole: bool) -> object:
    """Return `value` converted by the cast `name`. `whole`: the placeholder is the entire string.

    null, undefined (never given here) and binary values come back unchanged, as does a text that the cast
    cannot convert. Raises PlaceholderError for an unknown cast.
    """
    if value is None or isinstance(value, (bytes, bytearray, memoryview)):
        return value
    if name == "str":
        return to_text_form(value)
    if name not in CASTS:
        raise PlaceholderError(
            f'Unsupported type "{name}" in a placeholder; the casts are {", ".join(sorted(CASTS))}'
        )
    if isinstance(value, str):
        return _cast_text(value.strip(), name, whole=whole)
    if name == "int" and isinstance(value, float) and math.isfinite(value):
        return math.trunc(value)
    if name == "null" and not whole:
        return None
    return value


def _cast_text(text: str, name: str, *, whole: bool) -> object:
    """Return a text converted by the cast `name`."""
    if name == "int":
        return _parse_leading_integer(text)
    if name == "num":
        return _parse_leading_number(text)
    if name == "bool":
        return {"true": True, "false": False}.get(text, text)
    if name == "json":
        return _parse_json(text) if whole else text
    if name == "null":
        return None if text == "null" or not whole else text
    return text


def _parse_leading_integer(text: str) -> object:
    """Return the integer that the text starts with; the text itself if there is none."""
    match = _INTEGER.match(text)
    try:
        return int(match[0]) if match else text
    except ValueError:  # more digits than Python turns into a number
        return text


def _parse_leading_number(text: str) -> object:
    """Return the number that the text starts with; the text itself if there is none."""
    match = _NUMBER.match(text)
    if match is None:
        return text
    number = float(match[0])
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() else number


def _parse_json(text: str) -> object:
    """Return the JSON value of a text; the text itself if it is not JSON."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text


def _refuse_constant(constant: str) -> Never:
    """Refuse NaN and infinities, which Python reads as JSON."""
    raise ValueError(f"{constant} is not JSON")
