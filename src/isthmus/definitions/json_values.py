"""Reads JSON that may not have the expected shape, and merges JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["as_list", "as_mapping", "merge_deep"]


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Returns the value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """Returns the value if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def merge_deep(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """Merges two objects by key at every depth into a new one. Where both have a value, and not both an
    object, that of `high` is kept, null included."""
    result = dict(low)
    for key, value in high.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merge_deep(below, value)
        result[key] = value
    return result
