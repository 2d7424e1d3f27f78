"""Property paths as lodash reads them: `a.b`, `a[0].b`, `["a", "b"]`; an exact key with dots wins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from isthmus.expressions.errors import limit_error
from isthmus.expressions.javascript import to_text, utf16_length
from isthmus.expressions.limits import MAX_ITEMS
from isthmus.expressions.meter import charge_current
from isthmus.expressions.values import UNDEFINED

__all__ = ["get", "has", "segments", "without", "written"]

_PART: Final = re.compile(
    r"""(?P<dot>\.)|(?P<name>[^.\[\]]+)"""
    r"""|\[(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<bare>[^\[\]]*))\]""",
    re.S,
)
_PLACE: Final = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
_PLAIN: Final = re.compile(r"\w*", re.ASCII)


@lru_cache(maxsize=2048)
def _split(path: str) -> tuple[str, ...]:
    """Keys between dots (an empty one where nothing stands between two) and in brackets."""
    steps: list[str] = []
    after_dot = True
    for found in _PART.finditer(path):
        if found["dot"]:
            if after_dot:
                steps.append("")
            after_dot = True
            continue
        quoted = found["double"] if found["double"] is not None else found["single"]
        if quoted is not None:
            steps.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            steps.append(found["name"] or found["bare"])
        after_dot = False
    return (*steps, "") if path.endswith(".") else tuple(steps)


def segments(path: object, target: object) -> tuple[str, ...]:
    """The keys of a path into `target`, outermost first."""
    if isinstance(path, list):
        return tuple(to_text(step) for step in path)
    if not isinstance(path, str):
        return (to_text(path),)
    if _PLAIN.fullmatch(path) or (isinstance(target, Mapping) and path in target):
        return (path,)
    return _split(path)


def _index(key: str) -> int | None:
    """The place in a list that a key names, if it names one."""
    return int(key) if _PLACE.fullmatch(key) else None


def child(target: object, key: str) -> object:
    """One step: a field, an item by its index, or the `length` of a list or text."""
    if isinstance(target, Mapping):
        return target.get(key, UNDEFINED)
    if isinstance(target, (list, str)):
        index = _index(key)
        if index is not None and index < len(target):
            return target[index]
        if key == "length":
            return len(target) if isinstance(target, list) else utf16_length(target)
    return UNDEFINED


def get(target: object, path: object) -> object:
    """The value at a path; `UNDEFINED` where it ends early."""
    value = target
    for key in segments(path, target):
        value = child(value, key)
        if value is UNDEFINED:
            return UNDEFINED
    return value if value is not target else UNDEFINED


def has(target: object, path: object) -> bool:
    """Whether there is a value at a path, null included."""
    value = target
    for key in segments(path, target):
        if isinstance(value, Mapping):
            if key not in value:
                return False
            value = value[key]
        else:
            value = child(value, key)
            if value is UNDEFINED:
                return False
    return True


def written(result: dict[str, object], path: tuple[str, ...], value: object) -> None:
    """Set the value at a path, making the objects (lists, for indices) on the way."""
    target: object = result
    for position, key in enumerate(path):
        last = position == len(path) - 1
        made: object = value
        if not last:
            made = _existing(target, key)
            if not isinstance(made, (dict, list)):
                following = path[position + 1]
                made = {} if _index(following) is None else []
        if isinstance(target, list):
            index = _index(key) or 0
            if index >= MAX_ITEMS:
                raise limit_error("pick", "items", MAX_ITEMS)
            target.extend([UNDEFINED] * (index + 1 - len(target)))
            target[index] = made
        elif isinstance(target, dict):
            target[key] = made
        target = made


def _existing(target: object, key: str) -> object:
    return child(target, key)


def without(value: object, path: tuple[str, ...]) -> object:
    """A copy of `value` (only along the path) without what lies there."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(value, (Mapping, list)):
        charge_current(len(value))
    if isinstance(value, Mapping):
        if key not in value:
            return value
        if not rest:
            return {name: item for name, item in value.items() if name != key}
        return {name: without(item, rest) if name == key else item for name, item in value.items()}
    index = _index(key)
    if isinstance(value, list) and index is not None and index < len(value):
        inner: object = UNDEFINED if not rest else without(value[index], rest)
        return [*value[:index], inner, *value[index + 1 :]]
    return value
