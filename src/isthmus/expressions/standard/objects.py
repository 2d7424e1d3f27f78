"""Objects: keys, look-ups, merging; and `$error`, `$assert`, `$clone`."""

from __future__ import annotations

from typing import Any

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.runtime import field_lookup, transform
from isthmus.expressions.values import UNDEFINED, Sequence

__all__ = ["assert_", "clone", "error", "keys", "lookup", "merge", "spread"]


def keys(evaluation: Evaluation, value: Any) -> Any:
    """Of an object; of a list, all keys of its objects once, in the order of their first appearance."""
    if isinstance(value, dict):
        return Sequence(value)
    if isinstance(value, list):
        found: dict[str, None] = {}
        _add_keys(evaluation, value, found)
        return Sequence(found)
    return Sequence()


def _add_keys(evaluation: Evaluation, value: Any, found: dict[str, None]) -> None:
    if isinstance(value, dict):
        evaluation.charge(len(value))
        found.update(dict.fromkeys(value))
        if len(found) > evaluation.limits.items:
            raise evaluation.limit_error("items", "keys")
    elif isinstance(value, list):
        evaluation.charge(len(value))
        for item in pace(value, 1, evaluation):
            _add_keys(evaluation, item, found)


def lookup(evaluation: Evaluation, value: Any, key: Any) -> Any:
    return field_lookup.look_up_field(evaluation, value, "undefined" if key is UNDEFINED else key)


def spread(evaluation: Evaluation, value: Any) -> Any:
    """One object a field; of a list, of each item."""
    if isinstance(value, dict):
        return Sequence([{key: item} for key, item in pace(value.items(), 2, evaluation)])
    if isinstance(value, list):
        found: list[Any] = []
        evaluation.charge(len(value) * 2)
        for item in pace(value, 2, evaluation):
            one = spread(evaluation, item)
            if isinstance(one, list):
                found.extend(one)
            elif one is not UNDEFINED:
                found.append(one)
            if len(found) > evaluation.limits.items:
                raise evaluation.limit_error("items", "spread")
        return found if value else Sequence()
    return value


def merge(evaluation: Evaluation, objects: Any) -> Any:
    if objects is UNDEFINED:
        return UNDEFINED
    made: dict[str, Any] = {}
    for one in objects:
        evaluation.charge(len(one) + 1)
        made.update(one)
        if len(made) > evaluation.limits.items:
            raise evaluation.limit_error("items", "merge")
    return made


def error(message: Any) -> Any:
    raise ExpressionError("D3137", message if message else "$error() function evaluated")


def assert_(condition: Any, message: Any) -> Any:
    if condition is UNDEFINED or not condition:
        raise ExpressionError("D3141", message if message else "$assert() statement failed")
    return UNDEFINED


def clone(evaluation: Evaluation, value: Any) -> Any:
    return UNDEFINED if value is UNDEFINED else transform.clone_value(evaluation, value)
