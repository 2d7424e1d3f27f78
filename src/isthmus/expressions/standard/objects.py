"""Standard functions of objects: keys, look-up, merging, spreading; and `$error`, `$assert`, `$clone`."""

from __future__ import annotations

from typing import Any

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.runtime import field_lookup, transform
from isthmus.expressions.values import UNDEFINED, Sequence

__all__ = ["assert_condition", "clone", "keys", "lookup", "merge", "raise_error", "spread"]


def keys(evaluation: Evaluation, value: Any) -> Any:
    """`$keys`: return the keys of an object; of a list, those of its objects, each once, in order of first
    appearance."""
    if isinstance(value, dict):
        return Sequence(value)
    if isinstance(value, list):
        names: dict[str, None] = {}
        _add_keys(evaluation, value, names)
        return Sequence(names)
    return Sequence()


def _add_keys(evaluation: Evaluation, value: Any, names: dict[str, None]) -> None:
    """Add the keys of an object, or of the objects of a list, to `names`."""
    if isinstance(value, dict):
        evaluation.charge(len(value))
        names.update(dict.fromkeys(value))
        if len(names) > evaluation.limits.items:
            raise evaluation.make_limit_error("items", "keys")
    elif isinstance(value, list):
        evaluation.charge(len(value))
        for item in pace(value, 1, evaluation):
            _add_keys(evaluation, item, names)


def lookup(evaluation: Evaluation, value: Any, key: Any) -> Any:
    """`$lookup`: return the value of a key; of a list, of each item."""
    return field_lookup.look_up_field(evaluation, value, "undefined" if key is UNDEFINED else key)


def spread(evaluation: Evaluation, value: Any) -> Any:
    """`$spread`: return one object for each field of an object; of a list, of each item."""
    if isinstance(value, dict):
        return Sequence([{key: item} for key, item in pace(value.items(), 2, evaluation)])
    if isinstance(value, list):
        objects: list[Any] = []
        evaluation.charge(len(value) * 2)
        for item in pace(value, 2, evaluation):
            parts = spread(evaluation, item)
            if isinstance(parts, list):
                objects.extend(parts)
            elif parts is not UNDEFINED:
                objects.append(parts)
            if len(objects) > evaluation.limits.items:
                raise evaluation.make_limit_error("items", "spread")
        return objects if value else Sequence()
    return value


def merge(evaluation: Evaluation, objects: Any) -> Any:
    """`$merge`: return the fields of all objects as one; of equal keys the last one counts."""
    if objects is UNDEFINED:
        return UNDEFINED
    merged: dict[str, Any] = {}
    for item in objects:
        evaluation.charge(len(item) + 1)
        merged.update(item)
        if len(merged) > evaluation.limits.items:
            raise evaluation.make_limit_error("items", "merge")
    return merged


def raise_error(message: Any) -> Any:
    """`$error`: raise D3137 with this message."""
    raise ExpressionError("D3137", message if message else "$error() function evaluated")


def assert_condition(condition: Any, message: Any) -> Any:
    """`$assert`: raise D3141 with this message if the condition is false."""
    if condition is UNDEFINED or not condition:
        raise ExpressionError("D3141", message if message else "$assert() statement failed")
    return UNDEFINED


def clone(evaluation: Evaluation, value: Any) -> Any:
    """`$clone`: return a deep copy."""
    return UNDEFINED if value is UNDEFINED else transform.clone_value(evaluation, value)
