"""Limits how often a connect page is opened from one network address, and with one token."""

from __future__ import annotations

from typing import Final

from isthmus.connect.errors import ConnectError
from isthmus.kit.clock import Clock
from isthmus.kit.fixed_window import FixedWindowCounter

__all__ = ["PageRateLimit", "TooManyPageOpens"]

_WINDOW_SECONDS: Final = 60.0
_PER_ADDRESS: Final = 300
_PER_TOKEN: Final = 30


class TooManyPageOpens(ConnectError):
    """The page was opened too often within a minute."""

    status = 429


class PageRateLimit:
    """Counts in windows of a minute, in this process. The limit of an address is higher, because people
    behind a proxy share one."""

    def __init__(self, clock: Clock) -> None:
        self._counter = FixedWindowCounter(_WINDOW_SECONDS, clock)

    def count_open(self, address: str, token: str) -> None:
        """Counts one opened page. `token`: the digest of its token. Raises TooManyPageOpens."""
        self._count(f"address {address}", _PER_ADDRESS)
        self._count(f"token {token}", _PER_TOKEN)

    def _count(self, key: str, limit: int) -> None:
        if self._counter.count(key, limit).is_exceeded:
            raise TooManyPageOpens("This page was opened too often. Wait a minute, then try again.")
