"""lodash's rules that several functions share: property paths, iteratees, and the order of values.

A path is `a.b`, `a[0].b` or `["a", "b"]`; a field whose name is exactly the path, dots included, wins. An
iteratee is what stands in the place of a function: a path, an object to match, a `[path, value]` pair, or a
function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cmp_to_key, lru_cache
from typing import Final

from isthmus.expressions.errors import make_limit_error
from isthmus.expressions.javascript import (
    count_utf16_units,
    enter_level,
    is_nil,
    is_number,
    is_same_value,
    to_number,
    to_text,
)
from isthmus.expressions.limits import DEFAULT_ITEMS
from isthmus.expressions.meter import charge_current
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "compare",
    "get_path",
    "has_path",
    "is_match",
    "remove_path",
    "set_path",
    "sort_key",
    "split_path",
    "to_iteratee",
]

_PATH_PART: Final = re.compile(
    r"""(?P<dot>\.)|(?P<name>[^.\[\]]+)"""
    r"""|\[(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<bare>[^\[\]]*))\]""",
    re.S,
)
_LIST_INDEX: Final = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
_WORD: Final = re.compile(r"\w*", re.ASCII)


@lru_cache(maxsize=2048)
def _split_text(path: str) -> tuple[str, ...]:
    """Return the keys between dots (an empty one where nothing stands between two) and in brackets."""
    steps: list[str] = []
    after_dot = True
    for match in _PATH_PART.finditer(path):
        if match["dot"]:
            if after_dot:
                steps.append("")
            after_dot = True
            continue
        quoted = match["double"] if match["double"] is not None else match["single"]
        if quoted is not None:
            steps.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            steps.append(match["name"] or match["bare"])
        after_dot = False
    return (*steps, "") if path.endswith(".") else tuple(steps)


def split_path(path: object, target: object) -> tuple[str, ...]:
    """Return the keys of a path into `target`, outermost first; the whole path is one key where `target`
    has it."""
    if isinstance(path, list):
        return tuple(to_text(step) for step in path)
    if not isinstance(path, str):
        return (to_text(path),)
    if _WORD.fullmatch(path) or (isinstance(target, Mapping) and path in target):
        return (path,)
    return _split_text(path)


def _to_index(key: str) -> int | None:
    """Return the list index that a key stands for; None for any other key."""
    return int(key) if _LIST_INDEX.fullmatch(key) else None


def get_child(target: object, key: str) -> object:
    """Return what one step of a path leads to: a field, an item by its index, or the `length` of a list or
    text."""
    if isinstance(target, Mapping):
        return target.get(key, UNDEFINED)
    if isinstance(target, (list, str)):
        index = _to_index(key)
        if index is not None and index < len(target):
            return target[index]
        if key == "length":
            return len(target) if isinstance(target, list) else count_utf16_units(target)
    return UNDEFINED


def get_path(target: object, path: object) -> object:
    """Return the value at a path; `UNDEFINED` where it ends early."""
    value = target
    for key in split_path(path, target):
        value = get_child(value, key)
        if value is UNDEFINED:
            return UNDEFINED
    return value if value is not target else UNDEFINED


def has_path(target: object, path: object) -> bool:
    """Return whether there is a value at a path, null included."""
    value = target
    for key in split_path(path, target):
        if isinstance(value, Mapping):
            if key not in value:
                return False
            value = value[key]
        else:
            value = get_child(value, key)
            if value is UNDEFINED:
                return False
    return True


def set_path(result: dict[str, object], path: tuple[str, ...], value: object) -> None:
    """Set the value at a path of `result`, making the objects (lists, for indices) on the way."""
    target: object = result
    for position, key in enumerate(path):
        last = position == len(path) - 1
        child: object = value
        if not last:
            child = get_child(target, key)
            if not isinstance(child, (dict, list)):
                following = path[position + 1]
                child = {} if _to_index(following) is None else []
        if isinstance(target, list):
            index = _to_index(key) or 0
            if index >= DEFAULT_ITEMS:
                raise make_limit_error("pick", "items", DEFAULT_ITEMS)
            target.extend([UNDEFINED] * (index + 1 - len(target)))
            target[index] = child
        elif isinstance(target, dict):
            target[key] = child
        target = child


def remove_path(value: object, path: tuple[str, ...]) -> object:
    """Return `value` without what lies at the path; it is copied along the path and shares everything
    else."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(value, (Mapping, list)):
        charge_current(len(value))
    if isinstance(value, Mapping):
        if not rest:
            return {name: item for name, item in value.items() if name != key}
        return {name: remove_path(item, rest) if name == key else item for name, item in value.items()}
    index = _to_index(key)
    if isinstance(value, list) and index is not None and index < len(value):
        inner: object = UNDEFINED if not rest else remove_path(value[index], rest)
        return [*value[:index], inner, *value[index + 1 :]]
    return value


def to_iteratee(by: object) -> Callable[[object], object]:
    """Return the function of an item that `by` stands for; the item itself for null and missing.

    A pair compares the value at its path, an object is matched deep; both give a boolean.
    """
    if is_nil(by):
        return lambda item: item
    if callable(by):
        return by
    if isinstance(by, list):
        path = by[0] if by else UNDEFINED
        expected = by[1] if len(by) > 1 else UNDEFINED
        return lambda item: is_match(get_path(item, path), expected)
    if isinstance(by, Mapping):
        return lambda item: is_match(item, by)
    return lambda item: get_path(item, by)


def is_match(value: object, pattern: object, level: int = 0) -> bool:
    """Return whether `value` has all that `pattern` has, deep; lists contain the pattern's items in any
    order."""
    inside = enter_level(level, "find", len(pattern) if isinstance(pattern, (Mapping, list)) else 1)
    if isinstance(pattern, Mapping):
        if not isinstance(value, Mapping):
            return not pattern and not is_nil(value)
        return all(
            key in value and is_match(value[key], expected, inside) for key, expected in pattern.items()
        )
    if isinstance(pattern, list):
        return (
            isinstance(value, list)
            and len(pattern) <= len(value)
            and all(any(is_match(item, expected, inside) for item in value) for expected in pattern)
        )
    return is_same_value(value, pattern)


def _rank_missing(value: object) -> int:
    """Return 0 for values that are compared; null, missing and NaN come after them, in this order."""
    if value is None:
        return 1
    if value is UNDEFINED:
        return 2
    return 3 if is_number(value) and value != value else 0


def compare(left: object, right: object) -> int:
    """Return -1, 0 or 1 by JavaScript's `<`, with null, missing and NaN after everything else.

    Values that cannot be compared (`"a"` and 1) are equal.
    """
    charge_current(8)
    ranks = _rank_missing(left), _rank_missing(right)
    if ranks != (0, 0):
        return (ranks[0] > ranks[1]) - (ranks[0] < ranks[1])
    if is_number(left) and is_number(right):
        return (left > right) - (left < right)
    first, second = _to_primitive(left), _to_primitive(right)
    if isinstance(first, str) and isinstance(second, str):
        return _compare_text(first, second)
    one, two = to_number(left), to_number(right)
    return (one > two) - (one < two)


def _to_primitive(value: object) -> object:
    """Return texts and numbers as they are, anything else as its text form."""
    return value if isinstance(value, (str, int, float)) else to_text(value)


def _compare_text(left: str, right: str) -> int:
    """Compare two texts by UTF-16 code units, as JavaScript does. Returns -1, 0 or 1."""
    if left.isascii():
        return (left > right) - (left < right)
    first, second = (value.encode("utf-16-be", "surrogatepass") for value in (left, right))
    return (first > second) - (first < second)


sort_key = cmp_to_key(compare)
"""A `key` for `sorted`, by `compare`."""
