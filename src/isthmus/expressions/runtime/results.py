"""The value of an expression as it leaves: plain lists and dicts, host values in their leaving form."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED, is_function

__all__ = ["finish", "finish_item", "measure"]

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def finish(evaluation: Evaluation, value: Any) -> Any:
    """The value as it leaves the evaluation: plain lists and dicts, host values in their leaving form."""
    finisher = _Finisher(evaluation)
    made = finisher.finished(value, 0)
    evaluation.result_chars_left = finisher.room
    return made


def finish_item(evaluation: Evaluation, value: Any) -> Any:
    """As `finish`, for an item of an array: a function is null there."""
    return None if is_function(value) else finish(evaluation, value)


class _Finisher:
    """Lists and dicts that hold only plain values are handed on as they are, not copied.

    `room`: characters that the result may still have; a part that is in it twice counts twice.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.room = evaluation.result_chars_left

    def finished(self, value: Any, depth: int) -> Any:
        if value.__class__ in _SCALARS or value is UNDEFINED:
            return value
        if isinstance(value, dict):
            return self.of_dict(value, depth + 1)
        if isinstance(value, list):
            return self.of_list(value, depth + 1)
        if is_function(value):
            return UNDEFINED
        host = self.evaluation.library.find_host_type(value)
        return value if host is None or host.to_result is None else host.to_result(value)

    def of_dict(self, value: dict[str, Any], depth: int) -> Any:
        self.check(len(value), depth)
        changed: dict[str, Any] | None = None if type(value) is dict else dict(value)
        for key, item in value.items():
            self.room -= len(key)
            if item.__class__ in _SCALARS:
                if item.__class__ is str:
                    self.room -= len(item)
                continue
            made = self.finished(item, depth)
            if made is not item or item is UNDEFINED:
                changed = changed if changed is not None else dict(value)
                changed[key] = made
        if changed is None:
            return value
        return {key: item for key, item in changed.items() if item is not UNDEFINED}

    def of_list(self, value: list[Any], depth: int) -> Any:
        size = len(value)
        self.check(size, depth)
        if size > self.evaluation.limits.items:
            raise self.evaluation.limit_error("items", "result")
        changed: list[Any] | None = None if type(value) is list else list(value)
        for at, item in enumerate(value):
            if item.__class__ in _SCALARS:
                if item.__class__ is str:
                    self.room -= len(item)
                continue
            made = self.finished(item, depth)
            if made is not item or item is UNDEFINED:
                if changed is None:
                    changed = list(value)
                changed[at] = None if made is UNDEFINED else made
        return value if changed is None else changed

    def check(self, size: int, depth: int) -> None:
        self.evaluation.charge(size)
        self.room -= 2 + 2 * size
        if self.room < 0:
            raise self.evaluation.limit_error("output_chars", "result")
        if depth > 2 * self.evaluation.limits.data_depth:
            raise self.evaluation.limit_error("data_depth", "result")


def measure(evaluation: Evaluation, value: Any) -> None:
    """Raise if the result would be too long as JSON; for results that may hold one thing many times."""
    room = evaluation.limits.output_chars
    pending = [value]
    while pending:
        one = pending.pop()
        inside: Collection[Any]
        if isinstance(one, dict):
            inside = one.values()
            room -= sum(map(len, one))
        elif isinstance(one, list):
            inside = one
        else:
            room -= len(one) if one.__class__ is str else 0
            continue
        evaluation.charge(len(one))
        room -= 2 + 2 * len(one)
        for item in inside:
            if item.__class__ is str:
                room -= len(item)
            elif item.__class__ not in _SCALARS:
                pending.append(item)
        if room < 0:
            raise evaluation.limit_error("output_chars", "result")
