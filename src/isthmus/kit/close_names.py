"""Names that come near one that is not known. Case is one slip among others, however much of it there is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["close_to", "closest"]


def close_to(name: str, known: Iterable[str]) -> list[str]:
    """To choose from: at most three, the closest first."""
    return _near(name, known, 3, 0.5)


def closest(name: str, known: Iterable[str]) -> str | None:
    """Returns the one that `name` is most likely a slip of; None where none is near enough."""
    return next(iter(_near(name, known, 1, 0.6)), None)


def _near(name: str, known: Iterable[str], most: int, cutoff: float) -> list[str]:
    spelt: dict[str, list[str]] = {}
    for each in sorted(set(known)):
        spelt.setdefault(each.lower(), []).append(each)
    found = get_close_matches(name.lower(), spelt, n=most, cutoff=cutoff)
    return [each for lower in found for each in spelt[lower]][:most]
