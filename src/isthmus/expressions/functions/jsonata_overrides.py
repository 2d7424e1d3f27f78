"""Functions that replace JSONata's own: `$join`, `$each`, `$sift`, `$keys` and `$string`.

`$base64encode` and `$base64decode` replace JSONata's too, and are in `encoding_and_crypto`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from isthmus.expressions.callables import bind_loop_arguments
from isthmus.expressions.errors import ExpressionError, make_function_error
from isthmus.expressions.functions.arguments import check_output_text
from isthmus.expressions.javascript import (
    as_list,
    enter_level,
    format_number_text,
    is_nil,
    is_number,
    is_truthy,
    join_within_limit,
    to_double,
    to_text,
)
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.runtime.string_conversion import to_json_string
from isthmus.expressions.values import UNDEFINED, Sequence, collapse

__all__ = ["each", "join", "keys", "sift", "string"]


def join(evaluation: Evaluation, items: object = UNDEFINED, separator: object = UNDEFINED) -> str:
    """The text forms of a list's items, joined.

    Other than JSONata's own: any items, and a comma between them by default.

    Arguments:
        list: the items; a single value counts as a list; items that are null give `""`.
        separator: what stands between them (default `,`).
    Null and missing: `""` for a missing list.
    Example:
        [$join(["a", 1, null]), $join(["a", "b"], "-")]
        => ["a,1,", "a-b"]
    """
    between = "," if separator is UNDEFINED else to_text(separator)
    values = as_list(items)
    if len(values) * len(between) > evaluation.limits.output_chars:
        raise evaluation.make_limit_error("output_chars", "join")
    evaluation.charge(len(values) * 4)
    parts = ("" if is_nil(item) else to_text(item) for item in pace(values, 4))
    return check_output_text(evaluation, join_within_limit("join", between, parts), "join")


def each(value: object = UNDEFINED, function: object = UNDEFINED) -> object:
    """What a function gives for each field of an object.

    Arguments:
        obj: an object (default: the context).
        function: called with the value, and with key and object where it takes so many.
    Null and missing: a missing object gives nothing; results that are nothing are left out; one result
        stands for itself.
    Errors: `T0410` for anything but an object.
    Example:
        $each({"a": 1, "b": 2}, function($v, $k) { $k & $v })
        => ["a1", "b2"]
    """
    if not isinstance(value, Mapping):
        return UNDEFINED
    call = _limit_arguments(function, "each")
    results = Sequence()
    for key, item in pace(value.items(), 4):
        result = call(item, key, value)
        if result is not UNDEFINED:
            results.append(result)
    return collapse(results)


def sift(value: object = UNDEFINED, function: object = UNDEFINED) -> object:
    """The fields of an object for which a function gives something that counts as true.

    Arguments:
        obj: an object (default: the context).
        function: called as by `$each`; its result counts as `$boolean` would see it.
    Null and missing: nothing where no field is left.
    Errors: `T0410` for anything but an object; `D1001` for an infinite result.
    Example:
        $sift({"a": 1, "b": 0, "c": "x"}, function($v) { $v })
        => {"a": 1, "c": "x"}
    """
    if not isinstance(value, Mapping):
        return UNDEFINED
    call = _limit_arguments(function, "sift")
    kept = {key: item for key, item in pace(value.items(), 4) if _is_true(call(item, key, value), 0)}
    return kept or UNDEFINED


def _limit_arguments(function: object, name: str) -> Callable[[object, str, object], object]:
    """Return the function as one of value, key and object that gets only as many as it declares."""
    if not callable(function):
        raise make_function_error(name, f"{name}: the second argument must be a function")
    return bind_loop_arguments(function, max(1, min(3, getattr(function, "arity", 3))))


def _is_true(value: object, level: int) -> bool:
    """Return JSONata's effective boolean, with functions as true; raises ExpressionError for an infinite
    number."""
    if value is True or value is False:
        return value
    if isinstance(value, list):
        inside = enter_level(level, "sift", len(value))
        return any(_is_true(item, inside) for item in value)
    if is_number(value) and math.isinf(to_double(value)):
        raise ExpressionError("D1001", "Number out of range: null")
    if isinstance(value, Mapping):
        return bool(value)
    return is_truthy(value)


def keys(value: object = UNDEFINED) -> object:
    """The keys of an object, or of all objects in a list, each once.

    Arguments:
        object: an object or a list of objects (default: the context).
    Null and missing: nothing for anything without keys; a single key stands for itself.
    Example:
        $keys([{"a": 1}, {"b": 2, "a": 3}])
        => ["a", "b"]
    """
    collected: dict[str, None] = {}
    _collect_keys(value, collected, 0)
    return collapse(Sequence(collected))


def _collect_keys(value: object, collected: dict[str, None], level: int) -> None:
    """Add the keys of an object, or of all objects in a list, to `found`."""
    if isinstance(value, Mapping):
        collected.update(dict.fromkeys(value))
    elif isinstance(value, list):
        inside = enter_level(level, "keys", len(value))
        for item in pace(value, 1):
            _collect_keys(item, collected, inside)


def string(evaluation: Evaluation, value: object = UNDEFINED, prettify: object = UNDEFINED) -> object:
    """A value as text: text as it is, anything else as JSON.

    Numbers, nested ones too, show 15 significant digits.

    Arguments:
        x: any value (default: the context); functions give `""`, a date-time its quoted ISO text.
        prettify: over several lines, two spaces a level (default `false`).
    Null and missing: missing gives nothing; null gives `"null"`.
    Errors: `D3001` for NaN and infinite numbers; `D1001` where an infinite one is nested.
    Example:
        [$string(0.1 + 0.2), $string({"a": [1, 2]})]
        => ["0.3", "{\\"a\\":[1,2]}"]
    """
    if value is UNDEFINED or isinstance(value, str):
        return value
    if is_number(value) and not math.isfinite(to_double(value)):
        raise ExpressionError("D3001", "Attempting to invoke string function on Infinity or NaN")
    if callable(value):
        return ""
    evaluation.charge(8)
    result = to_json_string(evaluation, value, 2 if is_truthy(prettify) else 0, _write_number)
    return check_output_text(evaluation, result, "string")


def _write_number(number: int | float) -> str:
    """Return a number in 15 significant digits, NaN as `null`; raises ExpressionError for an infinite one."""
    if isinstance(number, int) and -(10**15) < number < 10**15:
        return str(number)
    value = to_double(number)
    if value != value:
        return "null"
    if math.isinf(value):
        raise ExpressionError("D1001", "Number out of range: null")
    return format_number_text(float(f"{value:.15g}"))
