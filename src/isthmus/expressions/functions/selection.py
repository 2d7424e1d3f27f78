"""What lodash takes in the place of a function: a path, a pattern, a `[path, value]` pair, a lambda."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from isthmus.expressions.functions import lodash
from isthmus.expressions.javascript import enter_level, is_nil, is_same_value
from isthmus.expressions.values import UNDEFINED

__all__ = ["matches", "selector"]


def selector(by: object) -> Callable[[object], object]:
    """What to read off an item; the item itself for null and missing."""
    if is_nil(by):
        return lambda item: item
    if callable(by):
        return by
    if isinstance(by, list):
        path = by[0] if by else UNDEFINED
        wanted = by[1] if len(by) > 1 else UNDEFINED
        return lambda item: matches(lodash.get(item, path), wanted)
    if isinstance(by, Mapping):
        return lambda item: matches(item, by)
    return lambda item: lodash.get(item, by)


def matches(value: object, pattern: object, level: int = 0) -> bool:
    """Whether `value` has all that `pattern` has, deep; lists contain the pattern's items in any order."""
    inside = enter_level(level, "find", len(pattern) if isinstance(pattern, (Mapping, list)) else 1)
    if isinstance(pattern, Mapping):
        if not isinstance(value, Mapping):
            return not pattern and not is_nil(value)
        return all(key in value and matches(value[key], wanted, inside) for key, wanted in pattern.items())
    if isinstance(pattern, list):
        return (
            isinstance(value, list)
            and len(pattern) <= len(value)
            and all(any(matches(item, wanted, inside) for item in value) for wanted in pattern)
        )
    return is_same_value(value, pattern)
