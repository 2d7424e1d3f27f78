"""Limits what one batch can do, in calls, records and seconds, and counts what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from isthmus.errors import IsthmusError, TooManyRequests, UnprocessableRequest
from isthmus.kit.clock import Clock

__all__ = ["BatchLimits", "Budget"]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The limits of one batch. `nodes`: of one request. `calls`: of one node, loop and recursion together.
    `pages`: of one list. `records`: of all nodes together. `seconds`: for everything; clients hang up after
    30. `at_once`: nodes that run, and calls that are under way, at the same time."""

    nodes: int = 50
    calls: int = 1_000
    pages: int = 100
    records: int = 10_000
    seconds: float = 25.0
    at_once: int = 5


class Budget:
    """What is left of the limits of one batch, shared by its nodes. `places`: for calls at the same time.
    `count_request`: counts one request to the provider; raises TooManyRequests where it has to wait."""

    def __init__(self, limits: BatchLimits, clock: Clock, count_request: Callable[[], object]) -> None:
        self.limits = limits
        self.places = asyncio.Semaphore(limits.at_once)
        self._clock = clock
        self._count_request = count_request
        self._ends = clock.monotonic() + limits.seconds
        self._room = limits.records

    def count_records(self, records: Sequence[Any]) -> tuple[Sequence[Any], IsthmusError | None]:
        """Counts the records that a node gave. Returns those that still fit, and the error to report where
        others do not, else None."""
        accepted = records[: self._room]
        self._room -= len(accepted)
        if len(accepted) == len(records):
            return accepted, None
        return accepted, UnprocessableRequest(
            f"The nodes of the batch gave more than {self.limits.records} records in all. Narrow their "
            "queries, or send several batches."
        )

    @property
    def is_full(self) -> bool:
        """True if no further record fits."""
        return self._room == 0

    async def wait_for_rate_limit(self) -> None:
        """Returns when one more request fits the account's rate limit. Raises TooManyRequests where that
        would be after the end of the batch."""
        while True:
            try:
                self._count_request()
            except TooManyRequests as error:
                if not await self.wait(error.retry_after):
                    raise
            else:
                return

    async def wait(self, seconds: float) -> bool:
        """Waits. Returns True after the wait; False at once, without waiting, where the batch ends before
        that."""
        if self._clock.monotonic() + seconds >= self._ends:
            return False
        await self._clock.sleep(seconds)
        return True
