"""How deep a definition may be nested: everything that reads one walks it recursively."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["MAX_DEPTH", "too_deep_at"]

MAX_DEPTH: Final = 100


def too_deep_at(value: object) -> str | None:
    """The dotted path of a value below more than MAX_DEPTH objects and arrays; None if there is none."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [item for around in level for item in _within(around)]
        if not level:
            return None
    return ".".join(_path_down(value))


def _within(around: object) -> Iterable[object]:
    if isinstance(around, dict):
        return around.values()
    return around if isinstance(around, list) else ()


def _path_down(value: object) -> list[str]:
    """The names that lead to a value as deep as any."""
    level: list[tuple[list[str], object]] = [([], value)]
    for _ in range(MAX_DEPTH + 1):
        level = [
            ([*path, str(name)], item)
            for path, around in level
            for name, item in (around.items() if isinstance(around, dict) else enumerate(_within(around)))
        ]
    return level[0][0]
