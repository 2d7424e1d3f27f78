"""Checks and converts arguments and results of functions: limits, options, bytes; reads settings."""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.host.blobs import encode_text, extract_bytes
from isthmus.expressions.javascript import to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import charge_bytes_use
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "check_input_text",
    "check_output_text",
    "get_options",
    "get_setting",
    "is_strict",
    "require_options",
    "to_bytes",
]


def check_input_text(evaluation: Evaluation, value: str, function: str) -> str:
    """Return the text itself; raises ExpressionError if it is longer than `Limits.input_chars`."""
    if len(value) > evaluation.limits.input_chars:
        raise evaluation.make_limit_error("input_chars", function)
    evaluation.charge(len(value) // 8)
    return value


def check_output_text(evaluation: Evaluation, value: str, function: str) -> str:
    """Return the text itself; raises ExpressionError if it is longer than `Limits.output_chars`."""
    if len(value) > evaluation.limits.output_chars:
        raise evaluation.make_limit_error("output_chars", function)
    return value


def get_options(value: object) -> Mapping[str, object]:
    """Return an options object as it is; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def require_options(value: object, function: str) -> Mapping[str, object]:
    """Return an options object as it is, an empty one where it is missing; raises ExpressionError
    otherwise."""
    if value is UNDEFINED:
        return {}
    if isinstance(value, Mapping):
        return value
    raise make_function_error(function, f"{function}: options must be an object")


def to_bytes(value: object) -> bytes:
    """Return bytes as they are, the content of blobs and buffers, anything else by its text form in UTF-8."""
    data = extract_bytes(value)
    if data is None:
        return encode_text(to_text(value))
    charge_bytes_use(len(data))
    return data


def get_setting(evaluation: Evaluation, name: str, default: object = None) -> object:
    """Return a switch of the operator (`docs/reference/functions.md#switches`) by its name."""
    return evaluation.services.settings.get(name, default)


def is_strict(evaluation: Evaluation) -> bool:
    """Return whether the operator asked for exactly the original's results, also where nobody could use
    them."""
    return get_setting(evaluation, "strict_compat") is True
