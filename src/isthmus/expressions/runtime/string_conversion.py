"""Converts values to text: `$string` and JSON text as JSONata writes them, and the charge for new texts."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, isnan
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.json_writer import JsonWriter, format_number_text, to_double
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_RESULT
from isthmus.expressions.values import is_function

__all__ = ["charge_new_text", "round_to_15_digits", "to_json_string", "to_string"]

_MAX_SAFE_INTEGER: Final = 2**53


def round_to_15_digits(value: float) -> float:
    """Return the number rounded to 15 significant digits, as JSONata writes numbers that are no integers."""
    return float(f"{value:.15g}")


def charge_new_text(evaluation: Evaluation, text: str, function: str) -> str:
    """Charge a text that `function` made, and return it. Raises `ExpressionError` if it is too long."""
    size = len(text)
    if size > MAX_FREE_RESULT:
        if size > evaluation.limits.output_chars:
            raise evaluation.make_limit_error("output_chars", function)
        evaluation.charge(size)
        evaluation.charge_memory(size if text.isascii() else 4 * size)
    return text


def to_string(evaluation: Evaluation, value: Any) -> str:
    """`$string(value)` for a defined value. Raises D3001 for an infinite number or NaN."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int and -_MAX_SAFE_INTEGER <= value <= _MAX_SAFE_INTEGER:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    if kind is float or kind is int:
        if not isfinite(to_double(value)):
            raise ExpressionError(
                "D3001", "Attempting to invoke string function on Infinity or NaN", value=value
            )
        return _format_number(value)
    if is_function(value):
        return ""
    return to_json_string(evaluation, value)


def _format_json_number(value: float) -> str:
    """Return a number in JSON text: NaN is null. Raises D1001 for an infinite one."""
    if isnan(value):
        return "null"
    if not isfinite(to_double(value)):
        raise ExpressionError("D1001", f"Number out of range: {format_number_text(value)}", value=value)
    return _format_number(value)


def _format_number(value: float) -> str:
    """Return a finite number as JSONata writes it."""
    if type(value) is float and not value.is_integer():
        value = round_to_15_digits(value)
    return format_number_text(value)


def to_json_string(
    evaluation: Evaluation, value: Any, indent: int = 0, number: Callable[[float], str] | None = None
) -> str:
    """Return JSON text of a value: functions are "", host values have their JSON form.

    `number` formats numbers, if JSONata's way is not wanted. Raises `ExpressionError` if the text is too
    long.
    """

    def to_json_form(value: Any) -> object:
        """Return the JSON form of a host value; an empty object if it has none."""
        host = evaluation.library.find_host_type(value)
        form = None if host is None else host.to_json or host.to_result
        return {} if form is None else form(value)

    writer = JsonWriter(
        format_number=number or _format_json_number,
        function_text='""',
        to_json_form=to_json_form,
        meter=evaluation,
        max_chars=evaluation.limits.output_chars,
        indent=indent,
    )
    return charge_new_text(evaluation, writer.serialize(value), "string")
