"""Converts the result of an expression as it leaves the evaluation: to plain lists and dicts, and host
values to what they stand for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED, is_function

__all__ = ["check_result_size", "to_result", "to_result_item"]

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def to_result(evaluation: Evaluation, value: Any) -> Any:
    """Return the value as it leaves the evaluation: plain lists and dicts, host values in their result form.

    Functions become undefined. Raises `ExpressionError` for a result that is too long or too deep.
    """
    converter = _ResultConverter(evaluation)
    converted = converter.convert(value, 0)
    evaluation.result_chars_left = converter.chars_left
    return converted


def to_result_item(evaluation: Evaluation, value: Any) -> Any:
    """Work as `to_result`, for an item of an array: a function becomes null."""
    return None if is_function(value) else to_result(evaluation, value)


class _ResultConverter:
    """Converts one result. Lists and dicts that hold only plain values are returned as they are, not copied.

    `chars_left`: characters that the result may still have; a part that is in it twice counts twice.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.chars_left = evaluation.result_chars_left

    def convert(self, value: Any, depth: int) -> Any:
        """Convert a value to plain data for the caller; a function becomes undefined.

        `depth`: how many lists and objects are around it. Raises ExpressionError if the result is too large
        or too deep.
        """
        if value.__class__ in _SCALARS or value is UNDEFINED:
            return value
        if isinstance(value, dict):
            return self.convert_dict(value, depth + 1)
        if isinstance(value, list):
            return self.convert_list(value, depth + 1)
        if is_function(value):
            return UNDEFINED
        host = self.evaluation.library.find_host_type(value)
        return value if host is None or host.to_result is None else host.to_result(value)

    def convert_dict(self, value: dict[str, Any], depth: int) -> Any:
        """Convert the values of an object; `depth` counts it too. Functions are left out."""
        self.charge(len(value), depth)
        changed: dict[str, Any] | None = None if type(value) is dict else dict(value)
        for key, item in value.items():
            self.chars_left -= len(key)
            if item.__class__ in _SCALARS:
                if item.__class__ is str:
                    self.chars_left -= len(item)
                continue
            converted = self.convert(item, depth)
            if converted is not item or item is UNDEFINED:
                changed = changed if changed is not None else dict(value)
                changed[key] = converted
        if changed is None:
            return value
        return {key: item for key, item in changed.items() if item is not UNDEFINED}

    def convert_list(self, value: list[Any], depth: int) -> Any:
        """Convert the items of a list; `depth` counts it too. Functions become null."""
        size = len(value)
        self.charge(size, depth)
        if size > self.evaluation.limits.items:
            raise self.evaluation.make_limit_error("items", "result")
        changed: list[Any] | None = None if type(value) is list else list(value)
        for index, item in enumerate(value):
            if item.__class__ in _SCALARS:
                if item.__class__ is str:
                    self.chars_left -= len(item)
                continue
            converted = self.convert(item, depth)
            if converted is not item or item is UNDEFINED:
                if changed is None:
                    changed = list(value)
                changed[index] = None if converted is UNDEFINED else converted
        return value if changed is None else changed

    def charge(self, size: int, depth: int) -> None:
        """Charge a list or object. Raises `ExpressionError` if the result is too long or too deep."""
        self.evaluation.charge(size)
        self.chars_left -= 2 + 2 * size
        if self.chars_left < 0:
            raise self.evaluation.make_limit_error("output_chars", "result")
        if depth > 2 * self.evaluation.limits.data_depth:
            raise self.evaluation.make_limit_error("data_depth", "result")


def check_result_size(evaluation: Evaluation, value: Any) -> None:
    """Raise `ExpressionError` if the result would be too long as JSON; one value may be in it many times."""
    room = evaluation.limits.output_chars
    pending = [value]
    while pending:
        current = pending.pop()
        inside: Collection[Any]
        if isinstance(current, dict):
            inside = current.values()
            room -= sum(map(len, current))
        elif isinstance(current, list):
            inside = current
        else:
            room -= len(current) if current.__class__ is str else 0
            continue
        evaluation.charge(len(current))
        room -= 2 + 2 * len(current)
        for item in inside:
            if item.__class__ is str:
                room -= len(item)
            elif item.__class__ not in _SCALARS:
                pending.append(item)
        if room < 0:
            raise evaluation.make_limit_error("output_chars", "result")
