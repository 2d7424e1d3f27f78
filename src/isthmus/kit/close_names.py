"""Names that come near one that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["close_to", "closest"]


def close_to(name: str, known: Iterable[str]) -> list[str]:
    """To choose from: at most three, the closest first."""
    return get_close_matches(name, sorted(set(known)), n=3, cutoff=0.5)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The one that `name` is most likely a slip of; None where none is near enough."""
    return next(iter(get_close_matches(name, sorted(set(known)), n=1)), None)
