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
    """Limits page openings per network address and per token, in windows of a minute, within this process.
    The limit of an address is higher, because people behind a proxy share one."""

    def __init__(self, clock: Clock) -> None:
        self._counter = FixedWindowCounter(_WINDOW_SECONDS, clock)

    def count_opening(self, address: str, token: str) -> None:
        """Counts one opening of a page. `token`: the digest of its token. Raises TooManyPageOpens above the
        limit of the address or of the token."""
        self._count(f"address {address}", _PER_ADDRESS)
        self._count(f"token {token}", _PER_TOKEN)

    def _count(self, key: str, limit: int) -> None:
        """Counts one opening under a key. Raises TooManyPageOpens above the limit per minute."""
        if self._counter.count(key, limit).is_exceeded:
            raise TooManyPageOpens("This page was opened too often. Wait a minute, then try again.")
