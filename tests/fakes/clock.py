"""A clock that a test moves by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

__all__ = ["VirtualClock"]

T = TypeVar("T")


class VirtualClock:
    """Implements `isthmus.kit.clock.Clock`. Time stands still until `advance`.

    With `auto_advance`, a sleep moves time itself and yields once, so that code full of waits runs at once.
    """

    def __init__(self, start: datetime | None = None, *, auto_advance: bool = False) -> None:
        self._start = start or datetime(2030, 1, 1, tzinfo=UTC)
        self._elapsed = 0.0
        self._set_seconds = 0.0
        self._auto_advance = auto_advance
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Returns the virtual time."""
        return self._start + timedelta(seconds=self._elapsed + self._set_seconds)

    def set_forward(self, seconds: float) -> None:
        """Sets the time of day, not the time that has passed; back where `seconds` is negative."""
        self._set_seconds += seconds

    def monotonic(self) -> float:
        """Returns the virtual seconds since the clock was made."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Sleeps until the time is moved that far; with `auto_advance`, moves it."""
        if self._auto_advance:
            self._elapsed += max(0.0, seconds)
            await asyncio.sleep(0)
            return
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiter))
        await waiter

    async def driven(self, awaitable: Awaitable[T]) -> T:
        """Awaits the work and returns its result. Moves time on whenever nothing but sleepers is left to wait
        for.

        For work without any real I/O.
        """
        task = asyncio.ensure_future(awaitable)
        waiting_to_run = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # of every loop of asyncio
        while not task.done():
            await asyncio.sleep(0)
            while waiting_to_run:  # noqa: ASYNC110  # the loop has no event for having nothing to do
                await asyncio.sleep(0)
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if self._sleepers and not task.done():
                await self.advance(self._sleepers[0][0] - self._elapsed)
        return task.result()

    async def advance(self, seconds: float) -> None:
        """Moves time on, waking each sleeper at its own moment, in order."""
        end = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            wake_time, _, waiter = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, wake_time)
            if not waiter.done():
                waiter.set_result(None)
            await asyncio.sleep(0)
        self._elapsed = end
        await asyncio.sleep(0)
