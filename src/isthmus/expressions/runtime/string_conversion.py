"""Values as text: `$string`, and accounting for texts that were made."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, isnan
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.json_writer import JsonWriter, format_number_text, to_double
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_RESULT
from isthmus.expressions.values import is_function

__all__ = ["json_text", "made_text", "rounded", "text_of"]

_SAFE: Final = 2**53


def rounded(value: float) -> float:
    """To 15 significant digits, as JSONata writes numbers that are no integers."""
    return float(f"{value:.15g}")


def made_text(evaluation: Evaluation, text: str, function: str) -> str:
    """Account for a text that `function` made."""
    size = len(text)
    if size > MAX_FREE_RESULT:
        if size > evaluation.limits.output_chars:
            raise evaluation.limit_error("output_chars", function)
        evaluation.charge(size)
        evaluation.charge_memory(size if text.isascii() else 4 * size)
    return text


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
        if not isfinite(to_double(value)):
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
    if not isfinite(to_double(value)):
        raise ExpressionError("D1001", f"Number out of range: {format_number_text(value)}", value=value)
    return _number(value)


def _number(value: float) -> str:
    if type(value) is float and not value.is_integer():
        value = rounded(value)
    return format_number_text(value)


def json_text(
    evaluation: Evaluation, value: Any, indent: int = 0, number: Callable[[float], str] | None = None
) -> str:
    """JSON text; functions become "", host values their JSON form; the size is bounded.

    `number` writes numbers, if JSONata's way is not wanted.
    """

    def to_json_form(value: Any) -> object:
        host = evaluation.library.find_host_type(value)
        form = None if host is None else host.to_json or host.to_result
        return {} if form is None else form(value)

    writer = JsonWriter(
        format_number=number or _json_number,
        function_text='""',
        to_json_form=to_json_form,
        meter=evaluation,
        max_chars=evaluation.limits.output_chars,
        indent=indent,
    )
    return made_text(evaluation, writer.serialize(value), "string")
