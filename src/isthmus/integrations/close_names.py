"""Names that were not found, and those that come near."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

from isthmus.errors import NotFound

__all__ = ["either_separator", "not_found"]

V = TypeVar("V")


def either_separator(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` means: itself, or with `-` for `_` or `_` for `-`; None for neither."""
    names = set(known)
    for candidate in (name, name.replace("-", "_"), name.replace("_", "-")):
        if candidate in names:
            return candidate
    return None


def not_found(what: str, name: str, known: Iterable[str], advice: str) -> NotFound:
    """NotFound for `name`; `what` says what was looked for and where, `advice` what to do."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    details = {"close_names": close} if close else None
    return NotFound(f"{what}.{hint} {advice}", details=details)
