"""Limits how often a connect page is opened from one network address, and with one token."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from isthmus.connect.errors import ConnectError
from isthmus.kit.clock import Clock

__all__ = ["PageRateLimit", "TooManyPageOpens"]

_WINDOW_SECONDS: Final = 60.0
_PER_ADDRESS: Final = 300
_PER_TOKEN: Final = 30
_MAX_KEYS: Final = 10_000


class TooManyPageOpens(ConnectError):
    """The page was opened too often within a minute."""

    status = 429


class PageRateLimit:
    """Counts in windows of a minute, in this process. The limit of an address is higher, because people
    behind a proxy share one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def count_open(self, address: str, token: str) -> None:
        """Counts one opened page. `token`: the digest of its token. Raises TooManyPageOpens."""
        self._count(("address", address), _PER_ADDRESS)
        self._count(("token", token), _PER_TOKEN)

    def _count(self, key: tuple[str, str], limit: int) -> None:
        now = self._clock.monotonic()
        started, count = self._counts.get(key, (now, 0))
        if now - started >= _WINDOW_SECONDS:
            started, count = now, 0
        if count >= limit:
            raise TooManyPageOpens("This page was opened too often. Wait a minute, then try again.")
        self._counts[key] = (started, count + 1)
        self._counts.move_to_end(key)
        if len(self._counts) > _MAX_KEYS:
            self._counts.popitem(last=False)
