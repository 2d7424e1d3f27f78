"""The clock: a protocol, so that tests hand in a clock that they move themselves, and the real clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Time of day, elapsed time and sleeping."""

    def now(self) -> datetime:
        """Returns the time of day, always in UTC."""
        ...

    def monotonic(self) -> float:
        """Returns seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after this many seconds of the clock."""
        ...


class SystemClock:
    """The clock of the machine. Its readings are the standard library's own functions: each request reads
    them several times."""

    now = staticmethod(partial(datetime.now, UTC))
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        """Returns after this many seconds."""
        await asyncio.sleep(seconds)
