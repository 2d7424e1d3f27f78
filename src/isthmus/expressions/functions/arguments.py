"""What functions share about their arguments: text within limits, options, bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isthmus.expressions.errors import function_error
from isthmus.expressions.host.blobs import encode_text, raw_bytes
from isthmus.expressions.javascript import to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["content_bytes", "input_text", "options_of", "output_items", "output_text", "setting", "strict"]

_STRICT: Final = "strict_compat"


def input_text(evaluation: Evaluation, value: str, function: str) -> str:
    """The text, if a parsing function may take so much (`Limits.input_chars`)."""
    if len(value) > evaluation.limits.input_chars:
        raise evaluation.limit_error("input_chars", function)
    evaluation.charge(len(value) // 8)
    return value


def output_text(evaluation: Evaluation, value: str, function: str) -> str:
    """The text, if a value may be so long (`Limits.output_chars`)."""
    if len(value) > evaluation.limits.output_chars:
        raise evaluation.limit_error("output_chars", function)
    return value


def output_items(evaluation: Evaluation, count: int, function: str) -> None:
    """Raises if a list may not have so many items (`Limits.items`)."""
    if count > evaluation.limits.items:
        raise evaluation.limit_error("items", function)
    evaluation.charge(count)


def options_of(value: object, function: str) -> Mapping[str, object]:
    """An options object; none for a missing one; raises for null and other values."""
    if value is UNDEFINED:
        return {}
    if isinstance(value, Mapping):
        return value
    raise function_error(function, f"{function}: options must be an object")


def content_bytes(value: object) -> bytes:
    """Bytes as they are, blobs and buffers unwrapped, anything else by its text form in UTF-8."""
    data = raw_bytes(value)
    return encode_text(to_text(value)) if data is None else data


def setting(evaluation: Evaluation, name: str, default: object = None) -> object:
    """A switch of the operator's, by name."""
    return evaluation.services.settings.get(name, default)


def strict(evaluation: Evaluation) -> bool:
    """Whether results that nobody could use are to be exactly the original's (`functions.md` §12)."""
    return setting(evaluation, _STRICT) is True
