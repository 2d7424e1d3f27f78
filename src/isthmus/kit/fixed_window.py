"""Counts events per key in windows of a fixed length, in the memory of this process."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from isthmus.kit.clock import Clock

__all__ = ["FixedWindowCounter", "WindowCount"]

_MAX_KEYS: Final = 10_000


@dataclass(frozen=True, slots=True)
class WindowCount:
    """The state of a key's window. `is_exceeded`: whether the limit was reached, so that the event was not
    counted. `seconds_left`: until the window ends."""

    count: int
    is_exceeded: bool
    seconds_left: float


class FixedWindowCounter:
    """Counts the events of each key, up to a limit, in windows of `seconds`. The window of a key begins with
    its first event. Of more than 10,000 keys, those whose last event is longest ago are forgotten."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def count(self, key: str, limit: int) -> WindowCount:
        """Counts one event, unless `limit` events were counted in the key's window already. Returns the state
        of the window."""
        now = self._clock.monotonic()
        started, count = self._windows.get(key, (now, 0))
        if now - started >= self._seconds:
            started, count = now, 0
        seconds_left = self._seconds - (now - started)
        if count >= limit:
            return WindowCount(count, True, seconds_left)
        self._windows[key] = (started, count + 1)
        self._windows.move_to_end(key)
        if len(self._windows) > _MAX_KEYS:
            self._windows.popitem(last=False)
        return WindowCount(count + 1, False, seconds_left)
