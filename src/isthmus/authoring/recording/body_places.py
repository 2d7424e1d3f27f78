"""Finds where a dotted path leads in a JSON body, so that the value there can be replaced."""

from __future__ import annotations

from typing import Any

__all__ = ["find_place", "is_scalar", "replace_value"]


def find_place(body: Any, path: str) -> tuple[dict[str, Any], str] | None:
    """Returns the object that holds the value at a dotted path, and its key there; None if there is no value.

    As where cursors are read, a key that is the whole rest of the path (`@odata.nextLink`) wins. An
    expression, and a path into an array, leads nowhere.
    """
    names = path.split(".")
    place = body
    for depth, name in enumerate(names):
        if not isinstance(place, dict):
            return None
        rest = ".".join(names[depth:])
        if rest in place:
            return place, rest
        place = place.get(name)
    return None


def is_scalar(value: Any) -> bool:
    """Returns True for a number, and for a text that is not empty: what an id or a cursor can be."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def replace_value(body: Any, path: str, value: Any) -> bool:
    """Replaces the value at a dotted path. Returns False if there is none to replace."""
    place = find_place(body, path)
    if place is None:
        return False
    holder, key = place
    holder[key] = value
    return True
