"""What a step of a path goes over, and what becomes of what it gave: lists flattened, filtered, put together.

A step's values are an uncollapsed `Stream`; a path's value is collapsed by `last`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from math import floor
from typing import Any

from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_ITEMS, MAX_FREE_LENGTH, charge_each, pace
from isthmus.expressions.runtime.operators import is_number, truth
from isthmus.expressions.values import (
    UNDEFINED,
    ConsArray,
    LazyRange,
    Sequence,
    Stream,
    collapse,
    keep_as_list,
)

__all__ = [
    "Together",
    "collapsed",
    "context_items",
    "descendants",
    "extend",
    "flat",
    "group_items",
    "grouped",
    "grown",
    "index",
    "items",
    "kept",
    "kept_path",
    "last",
    "last_raw",
    "listed",
    "literal_context",
    "picked",
    "plain",
    "slowly",
    "wildcard",
]  # fmt: skip


def items(evaluation: Evaluation, value: Any) -> Any:
    """What a step iterates over; a lazy range is counted here, since a step keeps a value for each."""
    if isinstance(value, list):
        if len(value) > 50_000 and len(value) > evaluation.limits.items:
            raise evaluation.limit_error("items", "path")
        return value
    return () if value is UNDEFINED else (value,)


def slowly(evaluation: Evaluation, values: Iterable[Any], weight: int) -> Iterator[Any]:
    """The values, each accounted for as it is taken."""
    return charge_each(evaluation, values.numbers if type(values) is LazyRange else values, weight)


def context_items(value: Any) -> list[Any]:
    """What the first step of a path iterates over: a list's items, or the one value, even undefined."""
    return value if isinstance(value, list) else [value]


def extend(evaluation: Evaluation, found: list[Any], more: Collection[Any]) -> None:
    found.extend(more)
    if len(found) > MAX_FREE_ITEMS:
        grown(evaluation, found, len(more))


def grown(evaluation: Evaluation, found: list[Any], added: int | None = None) -> list[Any]:
    """Check the size of a long list that was built, or to which so many were `added`, maybe none."""
    if len(found) > evaluation.limits.items:
        raise evaluation.limit_error("items", "path")
    size = len(found) if added is None else added
    evaluation.charge(size)
    evaluation.charge_memory(8 * size)
    return found


def last(evaluation: Evaluation, results: list[Any], keep: bool = False) -> Any:
    """A path's value from what its last step gave for each input.

    An array that one input gave alone stays the array it is; otherwise all are flattened one level and
    the sequence collapses.
    """
    if len(results) == 1:
        only = results[0]
        if not isinstance(only, list):
            return keep_as_list(results) if keep else only
        if type(only) is ConsArray:
            return keep_as_list(results) if keep else only
        if type(only) is not Sequence:
            return only
    flat = keep_as_list(()) if keep else Sequence()
    for one in pace(results, 1, evaluation):
        if isinstance(one, list) and type(one) is not ConsArray:
            extend(evaluation, flat, one)
        else:
            flat.append(one)
    return collapse(flat)


def last_raw(evaluation: Evaluation, results: list[Any]) -> Any:
    """As `last`, before it is known what follows: uncollapsed."""
    if len(results) == 1 and type(results[0]) is not Sequence:
        return results[0]
    found = Sequence()
    for one in pace(results, 1, evaluation):
        if isinstance(one, list) and type(one) is not ConsArray:
            extend(evaluation, found, one)
        else:
            found.append(one)
    return found


def flat(evaluation: Evaluation, results: list[Any]) -> Any:
    """The stream after a step in a path's middle, from what it gave for each input."""
    stream = Stream()
    for one in pace(results, 1, evaluation):
        if isinstance(one, list) and type(one) is not ConsArray:
            extend(evaluation, stream, one)
        else:
            stream.append(one)
    return stream


def plain(value: Any) -> Any:
    """A sequence as the list it is in a result."""
    return list(value) if type(value) is Sequence else value


def collapsed(value: Any) -> Any:
    return collapse(value) if type(value) is Sequence else value


def kept(items: Sequence) -> Any:
    """A sequence whose author wrote `[]`: one item stays a list."""
    return keep_as_list(items) if items else UNDEFINED


def kept_path(value: Any) -> Any:
    """The value of a path with `[]`: a single value is put into a list, an array stays the one it is."""
    if value is UNDEFINED:
        return UNDEFINED
    if type(value) is Sequence:
        return kept(value)
    if isinstance(value, list) and type(value) is not ConsArray:
        return value
    return keep_as_list((value,))


def wildcard(evaluation: Evaluation, value: Any) -> Any:
    """`*`: all fields, arrays among them flattened to any depth.

    As in the reference, the result is an array, not a sequence, once one field was an array.
    """
    if isinstance(value, dict):
        fields: Collection[Any] = value.values()
    elif isinstance(value, list):
        fields = value
    else:
        return UNDEFINED
    found = Sequence()
    evaluation.charge(len(value))
    for one in pace(fields, 1, evaluation):
        _put_flat(evaluation, one, found)
    if any(isinstance(one, list) for one in fields):
        return list(found)
    return collapse(found)


def _put_flat(evaluation: Evaluation, value: Any, found: list[Any]) -> None:
    if isinstance(value, list):
        evaluation.charge(len(value))
        for item in pace(value, 1, evaluation):
            _put_flat(evaluation, item, found)
        if len(found) > MAX_FREE_ITEMS:
            grown(evaluation, found, len(value))
    elif value is not UNDEFINED:
        found.append(value)


def descendants(evaluation: Evaluation, value: Any) -> Any:
    """`**`: the value and everything below it, without the arrays themselves; collapsed."""
    if value is UNDEFINED:
        return UNDEFINED
    found = Sequence()
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            evaluation.charge(len(one))
            pending.extend(reversed(one))
            continue
        found.append(one)
        if len(found) > MAX_FREE_ITEMS:
            grown(evaluation, found, 1)
        if isinstance(one, dict):
            evaluation.charge(len(one) + 1)
            pending.extend(reversed(one.values()))
    return found[0] if len(found) == 1 else found


def index(value: Any, at: int) -> Any:
    """`[n]`: uncollapsed; an array that lies there stays the array it is."""
    if not isinstance(value, list):
        return value if at in (0, -1) else UNDEFINED
    size = len(value)
    if at < 0:
        at += size
    return value[at] if 0 <= at < size else UNDEFINED


def picked(evaluation: Evaluation, value: Any, at: int, size: int) -> int:
    """How many times a filter that gave `value` for item `at` of `size` selects it."""
    if type(value) is bool:
        return 1 if value else 0
    if type(value) is list or isinstance(value, list):
        evaluation.charge(len(value))
        if all(is_number(one) for one in value):
            return sum(1 for one in value if _position(one, size) == at)
        return 1 if truth(evaluation, value) else 0
    if is_number(value):
        return 1 if _position(value, size) == at else 0
    return 1 if truth(evaluation, value) else 0


def _position(value: float, size: int) -> int:
    at = floor(value)
    return size + at if at < 0 else at


def group_items(value: Any) -> Any:
    """What an object constructor or a grouping goes over: an empty list still gives one (empty) object."""
    if isinstance(value, list):
        return value if value else (UNDEFINED,)
    return (value,)


def grouped(one: Any, more: Any) -> Any:
    """Put together what a group holds, as `$append` does."""
    if one is UNDEFINED:
        return more
    if more is UNDEFINED:
        return one
    left = one if isinstance(one, list) else (one,)
    return [*left, *more] if isinstance(more, list) else [*left, more]


class Together:
    """What `grouped` would make of values one after the other, without copying each time."""

    __slots__ = ("first", "more")

    def __init__(self, first: Any) -> None:
        self.first = first
        self.more: list[Any] | None = None

    def add(self, item: Any) -> None:
        if self.more is None:
            together = grouped(self.first, item)
            if self.first is UNDEFINED or item is UNDEFINED or not isinstance(together, list):
                self.first = together
            else:
                self.more = together
        elif isinstance(item, list):
            self.more.extend(item)
        elif item is not UNDEFINED:
            self.more.append(item)

    def value(self) -> Any:
        return self.first if self.more is None else self.more


def literal_context(evaluation: Evaluation, value: Any) -> Any:
    """The context of an object whose keys are literals: of a list, all items together."""
    if not isinstance(value, list):
        return value
    if not value:
        return UNDEFINED
    evaluation.charge(len(value))
    together = Together(value[0])
    for item in pace(value[1:], 1, evaluation):
        together.add(item)
    return together.value()


def listed(evaluation: Evaluation, value: Any) -> list[Any]:
    """`[value]`: the items of a list, nothing for nothing."""
    if not isinstance(value, list):
        return [] if value is UNDEFINED else [value]
    if len(value) > MAX_FREE_LENGTH:
        evaluation.charge(len(value))
        if len(value) > evaluation.limits.items:
            raise evaluation.limit_error("items", "array")
        evaluation.charge_memory(8 * len(value))
    return [*value]
