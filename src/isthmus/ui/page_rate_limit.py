"""How often the page may be opened: from one address, and with one token (`connect.md` §11.2)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from isthmus.connect.errors import ConnectProblem
from isthmus.kit.clock import Clock

__all__ = ["Opens", "TooManyOpens"]

_SECONDS: Final = 60.0
_PER_ADDRESS: Final = 300
_PER_TOKEN: Final = 30
_KEPT: Final = 10_000


class TooManyOpens(ConnectProblem):
    status = 429


class Opens:
    """Counts in windows of a minute, in this process. Many people may share an address: a proxy's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def take(self, address: str, token: str) -> None:
        """`token`: its digest. Raises TooManyOpens."""
        self._count(("address", address), _PER_ADDRESS)
        self._count(("token", token), _PER_TOKEN)

    def _count(self, key: tuple[str, str], most: int) -> None:
        now = self._clock.monotonic()
        started, count = self._counts.get(key, (now, 0))
        if now - started >= _SECONDS:
            started, count = now, 0
        if count >= most:
            raise TooManyOpens("This page was opened too often. Wait a minute, then try again.")
        self._counts[key] = (started, count + 1)
        self._counts.move_to_end(key)
        if len(self._counts) > _KEPT:
            self._counts.popitem(last=False)
