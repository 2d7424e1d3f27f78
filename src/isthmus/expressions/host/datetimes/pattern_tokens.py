"""Cuts a pattern of a date-time or duration into tokens and literal text.

`MACROS` are the tokens that stand for a whole pattern (`DD`, `tt`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from isthmus.expressions.errors import check_picture

__all__ = ["MACROS", "split_pattern"]

_CLOCKS: Final = {"t": "h:mm a", "tt": "h:mm:ss a", "ttt": "h:mm:ss a ZZZZ", "tttt": "h:mm:ss a ZZZZZ"}
_CLOCKS_24: Final = {"T": "HH:mm", "TT": "HH:mm:ss", "TTT": "HH:mm:ss ZZZZ", "TTTT": "HH:mm:ss ZZZZZ"}
_DATES: Final = {"D": "M/d/y", "DD": "MMM d, y", "DDD": "MMMM d, y", "DDDD": "EEEE, MMMM d, y"}
_BOTH: Final = {
    "f": "M/d/y, h:mm a",
    "ff": "MMM d, y, h:mm a",
    "fff": "MMMM d, y 'at' h:mm a ZZZZ",
    "ffff": "EEEE, MMMM d, y 'at' h:mm a ZZZZZ",
    "F": "M/d/y, h:mm:ss a",
    "FF": "MMM d, y, h:mm:ss a",
    "FFF": "MMMM d, y 'at' h:mm:ss a ZZZZ",
    "FFFF": "EEEE, MMMM d, y 'at' h:mm:ss a ZZZZZ",
}

MACROS: Final = _CLOCKS | _CLOCKS_24 | _DATES | _BOTH
"""Token for a form of the locale (always en-US) -> the pattern that it stands for."""


@lru_cache(maxsize=1024)
def split_pattern(pattern: str) -> tuple[tuple[bool, str], ...]:
    """Return the parts of a pattern as pairs (is literal, text).

    A run of the same character is a token, also one that nobody knows (`-`), which users take as it stands;
    text in single quotes and white space is literal. Raises ExpressionError for a pattern that is too long.
    """
    check_picture(pattern, "format")
    parts: list[tuple[bool, str]] = []
    quoted = False
    run = ""
    for character in pattern:
        if character == "'":
            if run:
                parts.append((quoted or run.isspace(), run))
            run, quoted = "", not quoted
        elif quoted or (run and character == run[-1]):
            run += character
        else:
            if run:
                parts.append((run.isspace(), run))
            run = character
    if run:
        parts.append((quoted or run.isspace(), run))
    return tuple(parts)
