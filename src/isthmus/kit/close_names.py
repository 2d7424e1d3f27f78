"""Finds the existing names that are closest to a misspelt one, for "did you mean" messages, ignoring case;
and the one that was written with `-` in place of `_`, or the reverse."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Final

__all__ = ["find_close_names", "find_closest_name", "find_name_ignoring_separator"]

_MAX_LENGTH: Final = 64
"""Characters of a name that may be a misspelt one: comparing takes time by the square of the length."""


def find_close_names(name: str, names: Iterable[str]) -> list[str]:
    """Returns the existing names that `name` may be a misspelling of: at most three, the closest first.
    `names`: those that exist."""
    return _rank_close_names(name, names, 3, 0.5)


def find_closest_name(name: str, names: Iterable[str]) -> str | None:
    """Returns the existing name that `name` is most likely a misspelling of; None if none is close enough.
    `names`: those that exist."""
    return next(iter(_rank_close_names(name, names, 1, 0.6)), None)


def find_name_ignoring_separator(name: str, known_names: Collection[str]) -> str | None:
    """Returns the known name equal to `name`, or else the only one that is with `-` for `_` or the other way
    round; None where none or several are."""
    if name in known_names:
        return name
    written = name.replace("-", "_")
    found = [known_name for known_name in known_names if known_name.replace("-", "_") == written]
    return found[0] if len(found) == 1 else None


def _rank_close_names(name: str, names: Iterable[str], count: int, cutoff: float) -> list[str]:
    """Returns at most `count` of `names`, the closest to `name` first. `cutoff`: the similarity (0 to 1)
    below which a name is left out."""
    if len(name) > _MAX_LENGTH:
        return []
    spelt: dict[str, list[str]] = {}
    for known_name in sorted(set(names)):
        spelt.setdefault(known_name.lower(), []).append(known_name)
    close_spellings = get_close_matches(name.lower(), spelt, n=count, cutoff=cutoff)
    return [known_name for lower in close_spellings for known_name in spelt[lower]][:count]
