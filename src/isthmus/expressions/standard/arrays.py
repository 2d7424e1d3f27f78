"""Standard functions of arrays, and those that test any value: `$boolean`, `$not`, `$exists`, `$type`."""

from __future__ import annotations

from typing import Any

from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.runtime.operators import is_deep_equal, is_jsonata_number, to_boolean
from isthmus.expressions.values import UNDEFINED, Sequence, is_function

__all__ = [
    "append",
    "boolean",
    "count",
    "distinct",
    "exists",
    "get_type_name",
    "not_",
    "reverse",
    "shuffle",
    "zip_arrays",
]  # fmt: skip


def boolean(evaluation: Evaluation, value: Any) -> Any:
    """`$boolean`: return the effective boolean of a value."""
    return UNDEFINED if value is UNDEFINED else to_boolean(evaluation, value)


def not_(evaluation: Evaluation, value: Any) -> Any:
    """`$not`: return the negated effective boolean."""
    return UNDEFINED if value is UNDEFINED else not to_boolean(evaluation, value)


def exists(value: Any) -> bool:
    """`$exists`: return whether the value is defined."""
    return value is not UNDEFINED


def count(values: Any) -> int:
    """`$count`: return the number of items; 0 for undefined."""
    return 0 if values is UNDEFINED else len(values)


def append(evaluation: Evaluation, first: Any, second: Any) -> Any:
    """`$append`: return the items of two values as one array; if one is undefined, the other as it is."""
    if first is UNDEFINED:
        return second
    if second is UNDEFINED:
        return first
    first_items = first if isinstance(first, list) else [first]
    second_items = second if isinstance(second, list) else [second]
    size = len(first_items) + len(second_items)
    if size > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "append")
    evaluation.charge(size >> 2)
    return [*first_items, *second_items]


def reverse(evaluation: Evaluation, values: Any) -> Any:
    """`$reverse`: return the items in opposite order."""
    if values is UNDEFINED or len(values) <= 1:
        return values
    if len(values) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "reverse")
    return [*reversed(values)]


def shuffle(evaluation: Evaluation, values: Any) -> Any:
    """`$shuffle`: return the items in random order."""
    if values is UNDEFINED or len(values) <= 1:
        return values
    if len(values) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "shuffle")
    shuffled = [*values]
    draw = evaluation.services.random.randrange
    for index in pace(range(len(shuffled) - 1, 0, -1), 10, evaluation):
        other = draw(index + 1)
        shuffled[index], shuffled[other] = shuffled[other], shuffled[index]
    return shuffled


def distinct(evaluation: Evaluation, values: Any) -> Any:
    """`$distinct`: return the first of each of the items that are deeply equal. The result is a
    Sequence if the argument is."""
    if not isinstance(values, list) or len(values) <= 1:
        return values
    if len(values) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "distinct")
    result: list[Any] = Sequence() if type(values) is Sequence else []
    seen: set[Any] = set()
    nested: list[Any] = []
    evaluation.charge(len(values) * 2)
    for value in pace(values, 2, evaluation):
        kind = type(value)
        if kind in (str, int, float, bool, type(None)):
            key = (kind is bool, value)  # because 1 == True in Python
            if key in seen:
                continue
            seen.add(key)
        else:
            evaluation.charge(len(nested) * 4)
            if any(is_deep_equal(evaluation, value, other) for other in nested):
                continue
            nested.append(value)
        result.append(value)
    return result


def zip_arrays(evaluation: Evaluation, *lists: Any) -> list[Any]:
    """`$zip`: return arrays of the items at one index, as many as the shortest array has items; a value that
    is no array counts as empty."""
    size = min((len(values) if isinstance(values, list) else 0 for values in lists), default=0)
    if size > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "zip")
    evaluation.charge(size * len(lists))
    return [[values[index] for values in lists] for index in pace(range(size), len(lists), evaluation)]


def get_type_name(value: Any) -> Any:
    """`$type`: return the name of a value's type: null, boolean, number, string, array, object or
    function; undefined for undefined."""
    if value is UNDEFINED:
        return UNDEFINED
    if value is None:
        return "null"
    if type(value) is bool:
        return "boolean"
    if is_jsonata_number(value):
        return "number"
    if type(value) is str:
        return "string"
    if isinstance(value, list):
        return "array"
    return "function" if is_function(value) else "object"
