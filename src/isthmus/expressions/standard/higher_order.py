"""Standard functions that take a function: `$map`, `$filter`, `$reduce`, `$sort` and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isthmus.expressions.callables import bind_loop_arguments
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.javascript import is_truthy
from isthmus.expressions.library import Callback, Evaluation
from isthmus.expressions.runtime.operators import is_jsonata_number, is_less, to_boolean
from isthmus.expressions.values import UNDEFINED, Sequence

__all__ = ["each", "filter_items", "map_items", "reduce", "sift", "single", "sort"]


def _bind_loop_function(function: Any) -> Callable[..., Any]:
    """Return `function`, to be called with value, key and whole; it is passed as many as it declares, at
    least the value."""
    return bind_loop_arguments(function, max(1, min(3, get_arity(function))))


def get_arity(function: Any) -> int:
    """Return the number of parameters that the function declares."""
    return int(getattr(function, "arity", 1))


def map_items(evaluation: Evaluation, values: Any, function: Callback) -> Any:
    """`$map`: return the defined results of the function for each item."""
    if values is UNDEFINED:
        return UNDEFINED
    results = Sequence()
    if len(values) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "map")
    call = _bind_loop_function(function)
    for at, value in enumerate(values):
        evaluation.charge(4)
        result = call(value, at, values)
        if result is not UNDEFINED:
            results.append(result)
    return results


def filter_items(evaluation: Evaluation, values: Any, function: Callback) -> Any:
    """`$filter`: return the items for which the function's result is true."""
    if values is UNDEFINED:
        return UNDEFINED
    results = Sequence()
    call = _bind_loop_function(function)
    for at, value in enumerate(values):
        evaluation.charge(4)
        if to_boolean(evaluation, call(value, at, values)):
            results.append(value)
    if len(results) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "filter")
    return results


def single(evaluation: Evaluation, values: Any, function: Any) -> Any:
    """`$single`: return the one item that fits. Raises D3138 for several, D3139 for none."""
    if values is UNDEFINED:
        return UNDEFINED
    found: Any = UNDEFINED
    has_found = False
    call = _bind_loop_function(function)
    for at, value in enumerate(values):
        evaluation.charge(4)
        if function is not UNDEFINED and not to_boolean(evaluation, call(value, at, values)):
            continue
        if has_found:
            raise ExpressionError(
                "D3138",
                "The $single() function expected exactly 1 matching result.  Instead it matched more.",
            )
        found, has_found = value, True
    if not has_found:
        raise ExpressionError(
            "D3139", "The $single() function expected exactly 1 matching result.  Instead it matched 0."
        )
    return found


def reduce(evaluation: Evaluation, values: Any, function: Callback, first: Any) -> Any:
    """`$reduce`: return the result of combining the items from the left. Raises D3050 for a function of one
    parameter."""
    if values is UNDEFINED:
        return UNDEFINED
    arity = get_arity(function)
    if arity < 2:
        raise ExpressionError(
            "D3050", "The second argument of reduce function must be a function with at least two arguments"
        )
    result, start = first, 0
    if first is UNDEFINED and len(values) > 0:
        result, start = values[0], 1
    for at in range(start, len(values)):
        evaluation.charge(4)
        arguments = (result, values[at], at, values)
        result = function(*arguments[: min(arity, 4)])
    return result


def each(evaluation: Evaluation, value: Any, function: Callback) -> Any:
    """`$each`: return the defined results of the function for each field of an object."""
    results = Sequence()
    if isinstance(value, dict):
        call = _bind_loop_function(function)
        for key, item in list(value.items()):
            evaluation.charge(4)
            result = call(item, key, value)
            if result is not UNDEFINED:
                results.append(result)
    return results


def sift(evaluation: Evaluation, value: Any, function: Any) -> Any:
    """`$sift`: return an object of the fields for which the function's result is true; undefined if there are
    none."""
    if not isinstance(value, dict):
        return UNDEFINED
    results: dict[str, Any] = {}
    call = _bind_loop_function(function)
    for key, item in list(value.items()):
        evaluation.charge(4)
        if function is UNDEFINED:
            raise ExpressionError("T1006", "Attempted to invoke a non-function")
        if to_boolean(evaluation, call(item, key, value)):
            results[key] = item
    return results if results else UNDEFINED


def sort(evaluation: Evaluation, values: Any, function: Any) -> Any:
    """`$sort`: return the items in a stable order; `function(a, b)` says whether `a` comes behind `b`."""
    if values is UNDEFINED or len(values) <= 1:
        return values
    if len(values) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "sort")
    evaluation.charge(len(values) * 8)
    if function is UNDEFINED:
        return _sort_plain_values(values)

    def behind(one: Any, other: Any) -> bool:
        """Return whether the first item comes behind the second."""
        evaluation.charge(8)
        return is_truthy(function(one, other))

    return _merge_sort([*values], behind)


def _sort_plain_values(values: Any) -> list[Any]:
    """Return the items in ascending order. Raises D3070 unless all are strings or all are numbers."""
    if all(is_jsonata_number(value) for value in values):
        return sorted(values)
    if all(type(value) is str for value in values):
        if all(value.isascii() for value in values):
            return sorted(values)
        return _merge_sort([*values], lambda one, other: is_less(other, one))
    raise ExpressionError(
        "D3070",
        "The single argument form of the sort function can only be applied to an array of strings or an array"
        " of numbers.  Use the second argument to specify a comparison function",
    )


def _merge_sort(values: list[Any], behind: Any) -> list[Any]:
    """Return a merge sort from the top, so that even an inconsistent comparison gives the reference's
    order."""
    if len(values) <= 1:
        return values
    middle = len(values) // 2
    left = _merge_sort(values[:middle], behind)
    right = _merge_sort(values[middle:], behind)
    merged: list[Any] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if behind(left[i], right[j]):
            merged.append(right[j])
            j += 1
        else:
            merged.append(left[i])
            i += 1
    return [*merged, *left[i:], *right[j:]]
