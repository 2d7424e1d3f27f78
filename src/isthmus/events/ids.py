"""Ids of events: `evt_` and a ULID, so that they are unique and sort by time."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import Final

__all__ = ["EventIds"]

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_LETTERS: Final = 26
_RANDOM_BITS: Final = 80


class EventIds:
    """Of one process, those of one millisecond count up."""

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._last = 0

    def next(self, now: datetime) -> str:
        milliseconds = int(now.timestamp() * 1000)
        if milliseconds == self._last >> _RANDOM_BITS:
            value = self._last + 1
        else:
            value = milliseconds << _RANDOM_BITS | int.from_bytes(
                self._random_bytes(_RANDOM_BITS // 8), "big"
            )
        self._last = value
        letters = (_ALPHABET[value >> 5 * place & 31] for place in reversed(range(_LETTERS)))
        return "evt_" + "".join(letters)
