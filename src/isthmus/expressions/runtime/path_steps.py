"""Steps of a path: the list a step iterates over, and how its results are flattened, filtered and collapsed.

A step's values are an uncollapsed `Stream`; a path's value is collapsed by `flatten_last`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from math import floor
from typing import Any

from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_ITEMS, MAX_FREE_LENGTH, charge_each, pace
from isthmus.expressions.runtime.operators import is_jsonata_number, to_boolean
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
    "GroupAccumulator",
    "charge_each_input",
    "check_size",
    "collapse_value",
    "copy_items",
    "count_selections",
    "extend_list",
    "flatten_last",
    "flatten_last_raw",
    "flatten_step",
    "get_at_index",
    "keep_path_value",
    "keep_sequence",
    "list_context_inputs",
    "list_group_inputs",
    "list_inputs",
    "merge_context_items",
    "merge_group_values",
    "read_descendants",
    "read_wildcard",
    "to_plain_list",
]  # fmt: skip


def list_inputs(evaluation: Evaluation, value: Any) -> Any:
    """Return the list that a step iterates over: a list's items, the one value, or nothing for undefined.

    Raises `ExpressionError` for more items than allowed, as a lazy range may have.
    """
    if isinstance(value, list):
        if len(value) > 50_000 and len(value) > evaluation.limits.items:
            raise evaluation.make_limit_error("items", "path")
        return value
    return () if value is UNDEFINED else (value,)


def charge_each_input(evaluation: Evaluation, values: Iterable[Any], weight: int) -> Iterator[Any]:
    """Yield the values, each charged as it is taken."""
    return charge_each(evaluation, values.numbers if type(values) is LazyRange else values, weight)


def list_context_inputs(value: Any) -> list[Any]:
    """Return the list that the first step of a path iterates over: a list's items, or the one value, even
    undefined."""
    return value if isinstance(value, list) else [value]


def extend_list(evaluation: Evaluation, items: list[Any], more: Collection[Any]) -> None:
    """Append the items of `more` to `items`; a long list is charged."""
    items.extend(more)
    if len(items) > MAX_FREE_ITEMS:
        check_size(evaluation, items, len(more))


def check_size(evaluation: Evaluation, items: list[Any], added: int | None = None) -> list[Any]:
    """Charge a long list that was built, or the number of items that was `added` to it; return it.

    Raises `ExpressionError` for more items than allowed.
    """
    if len(items) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "path")
    size = len(items) if added is None else added
    evaluation.charge(size)
    evaluation.charge_memory(8 * size)
    return items


def flatten_last(evaluation: Evaluation, results: list[Any], keep: bool = False) -> Any:
    """Return the value of a path, from what its last step gave for each input; collapsed.

    An array that one input gave alone stays as it is. Otherwise all are flattened one level, and the sequence
    collapses, unless `keep` is set.
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
    for result in pace(results, 1, evaluation):
        if isinstance(result, list) and type(result) is not ConsArray:
            extend_list(evaluation, flat, result)
        else:
            flat.append(result)
    return collapse(flat)


def flatten_last_raw(evaluation: Evaluation, results: list[Any]) -> Any:
    """Work as `flatten_last`, not collapsed, since more follows."""
    if len(results) == 1 and type(results[0]) is not Sequence:
        return results[0]
    flattened = Sequence()
    for result in pace(results, 1, evaluation):
        if isinstance(result, list) and type(result) is not ConsArray:
            extend_list(evaluation, flattened, result)
        else:
            flattened.append(result)
    return flattened


def flatten_step(evaluation: Evaluation, results: list[Any]) -> Any:
    """Return the stream after a step in the middle of a path, from what it gave for each input."""
    stream = Stream()
    for result in pace(results, 1, evaluation):
        if isinstance(result, list) and type(result) is not ConsArray:
            extend_list(evaluation, stream, result)
        else:
            stream.append(result)
    return stream


def to_plain_list(value: Any) -> Any:
    """Return a sequence as the plain list that it is in a result; any other value as it is."""
    return list(value) if type(value) is Sequence else value


def collapse_value(value: Any) -> Any:
    """Apply `collapse` to a sequence; any other value as it is."""
    return collapse(value) if type(value) is Sequence else value


def keep_sequence(items: Sequence) -> Any:
    """Return a sequence behind which `[]` was written: a single item stays a list, none is undefined."""
    return keep_as_list(items) if items else UNDEFINED


def keep_path_value(value: Any) -> Any:
    """Return the value of a path with `[]`: a single value becomes a list of one, an array stays as it is."""
    if value is UNDEFINED:
        return UNDEFINED
    if type(value) is Sequence:
        return keep_sequence(value)
    if isinstance(value, list) and type(value) is not ConsArray:
        return value
    return keep_as_list((value,))


def read_wildcard(evaluation: Evaluation, value: Any) -> Any:
    """`*`: return the values of all fields, arrays among them flattened to any depth.

    As in the reference implementation, the result is an array, not a sequence, once one field is an array.
    """
    if isinstance(value, dict):
        fields: Collection[Any] = value.values()
    elif isinstance(value, list):
        fields = value
    else:
        return UNDEFINED
    results = Sequence()
    evaluation.charge(len(value))
    for one in pace(fields, 1, evaluation):
        _append_flattened(evaluation, one, results)
    if any(isinstance(one, list) for one in fields):
        return list(results)
    return collapse(results)


def _append_flattened(evaluation: Evaluation, value: Any, items: list[Any]) -> None:
    """Append a defined value to `items`; a list item by item, at any depth."""
    if isinstance(value, list):
        evaluation.charge(len(value))
        for item in pace(value, 1, evaluation):
            _append_flattened(evaluation, item, items)
        if len(items) > MAX_FREE_ITEMS:
            check_size(evaluation, items, len(value))
    elif value is not UNDEFINED:
        items.append(value)


def read_descendants(evaluation: Evaluation, value: Any) -> Any:
    """`**`: return the value and everything below it, without the arrays themselves; collapsed."""
    if value is UNDEFINED:
        return UNDEFINED
    results = Sequence()
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            evaluation.charge(len(current))
            pending.extend(reversed(current))
            continue
        results.append(current)
        if len(results) > MAX_FREE_ITEMS:
            check_size(evaluation, results, 1)
        if isinstance(current, dict):
            evaluation.charge(len(current) + 1)
            pending.extend(reversed(current.values()))
    return results[0] if len(results) == 1 else results


def get_at_index(value: Any, index: int) -> Any:
    """`[n]`: return the item at an index, which may be negative; not collapsed. A value that is no list
    has index 0."""
    if not isinstance(value, list):
        return value if index in (0, -1) else UNDEFINED
    size = len(value)
    if index < 0:
        index += size
    return value[index] if 0 <= index < size else UNDEFINED


def count_selections(evaluation: Evaluation, value: Any, index: int, size: int) -> int:
    """Return how many times a filter selects item `index` of `size`, given the value that it had for this
    item."""
    if type(value) is bool:
        return 1 if value else 0
    if type(value) is list or isinstance(value, list):
        evaluation.charge(len(value))
        if all(is_jsonata_number(one) for one in value):
            return sum(1 for one in value if _to_index(one, size) == index)
        return 1 if to_boolean(evaluation, value) else 0
    if is_jsonata_number(value):
        return 1 if _to_index(value, size) == index else 0
    return 1 if to_boolean(evaluation, value) else 0


def _to_index(value: float, size: int) -> int:
    """Return the index that a number in a filter means: rounded down, from the end if it is negative."""
    at = floor(value)
    return size + at if at < 0 else at


def list_group_inputs(value: Any) -> Any:
    """Return the list that an object constructor or a grouping goes over: an empty list still gives one
    (empty) object."""
    if isinstance(value, list):
        return value if value else (UNDEFINED,)
    return (value,)


def merge_group_values(merged: Any, more: Any) -> Any:
    """Return the values that a group has so far, joined with `more` as `$append` joins them."""
    if merged is UNDEFINED:
        return more
    if more is UNDEFINED:
        return merged
    items = merged if isinstance(merged, list) else (merged,)
    return [*items, *more] if isinstance(more, list) else [*items, more]


class GroupAccumulator:
    """Merges the values of one group as `merge_group_values` would, without a copy for each."""

    __slots__ = ("first", "more")

    def __init__(self, first: Any) -> None:
        self.first = first
        self.more: list[Any] | None = None

    def add(self, item: Any) -> None:
        """Merge one more value."""
        if self.more is None:
            together = merge_group_values(self.first, item)
            if self.first is UNDEFINED or item is UNDEFINED or not isinstance(together, list):
                self.first = together
            else:
                self.more = together
        elif isinstance(item, list):
            self.more.extend(item)
        elif item is not UNDEFINED:
            self.more.append(item)

    def get_value(self) -> Any:
        """Return all values that were added, as one."""
        return self.first if self.more is None else self.more


def merge_context_items(evaluation: Evaluation, value: Any) -> Any:
    """Return the context of an object whose keys are literals: the items of a list merged into one value."""
    if not isinstance(value, list):
        return value
    if not value:
        return UNDEFINED
    evaluation.charge(len(value))
    together = GroupAccumulator(value[0])
    for item in pace(value[1:], 1, evaluation):
        together.add(item)
    return together.get_value()


def copy_items(evaluation: Evaluation, value: Any) -> list[Any]:
    """`[value]`: return a new list of the items of a list, or of the one value; undefined gives an empty
    list."""
    if not isinstance(value, list):
        return [] if value is UNDEFINED else [value]
    if len(value) > MAX_FREE_LENGTH:
        evaluation.charge(len(value))
        if len(value) > evaluation.limits.items:
            raise evaluation.make_limit_error("items", "array")
        evaluation.charge_memory(8 * len(value))
    return [*value]
