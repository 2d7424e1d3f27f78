"""Counts events per key in windows of a fixed length, in the memory of this process. What other processes
have counted can be merged into it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from isthmus.kit.clock import Clock

__all__ = ["FixedWindowCounter", "KeyCount", "WindowCount"]

_MAX_KEYS: Final = 10_000


@dataclass(frozen=True, slots=True)
class WindowCount:
    """The state of a key's window. `is_exceeded`: whether the limit was reached, so that the event was not
    counted. `seconds_left`: until the window ends."""

    count: int
    is_exceeded: bool
    seconds_left: float


@dataclass(frozen=True, slots=True)
class KeyCount:
    """What was counted for a key since its window began, at `started` (seconds since 1970)."""

    key: str
    started: float
    count: int


@dataclass(slots=True)
class _Window:
    """The window of a key. `own`: counted here; `elsewhere`: by others. `published`: what they know of it."""

    started: float
    own: int = 0
    elsewhere: int = 0
    published: KeyCount | None = None


class FixedWindowCounter:
    """Counts the events of each key, up to a limit, in windows of `seconds`. The window of a key begins with
    its first event. Of more than 10,000 keys, those whose last event is longest ago are forgotten."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self.seconds: Final = seconds
        self._clock = clock
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def count(self, key: str, limit: int) -> WindowCount:
        """Counts one event, unless `limit` events or more were counted in the key's window already. Returns
        the state of the window."""
        now = self._clock.now().timestamp()
        window = self._windows.get(key)
        if window is None or not self._is_open(window.started, now):
            window = _Window(now)
        count = window.own + window.elsewhere
        seconds_left = self.seconds - (now - window.started)
        if count >= limit:
            return WindowCount(count, True, seconds_left)
        window.own += 1
        self._store(key, window)
        return WindowCount(count + 1, False, seconds_left)

    def list_unpublished(self) -> list[KeyCount]:
        """Returns what was counted here in open windows, as far as it differs from what was published."""
        now = self._clock.now().timestamp()
        counts = [
            (window, KeyCount(key, window.started, window.own))
            for key, window in self._windows.items()
            if window.own and self._is_open(window.started, now)
        ]
        return [count for window, count in counts if count != window.published]

    def mark_published(self, counts: Iterable[KeyCount]) -> None:
        """Notes that others know these counts."""
        for count in counts:
            window = self._windows.get(count.key)
            if window is not None:
                window.published = count

    def merge(self, others: Iterable[KeyCount]) -> None:
        """Replaces what others have counted, one sum for each key. Where their window of a key began earlier
        than the one here, it becomes the window of both."""
        now = self._clock.now().timestamp()
        for key, window in list(self._windows.items()):
            window.elsewhere = 0
            if not self._is_open(window.started, now):
                del self._windows[key]
        for other in others:
            if not self._is_open(other.started, now):
                continue
            window = self._windows.get(other.key) or _Window(other.started)
            window.started = min(window.started, other.started)
            window.elsewhere = other.count
            self._store(other.key, window)

    def _is_open(self, started: float, now: float) -> bool:
        """Returns True until a window that began at `started` is over; False too where the clock was set back
        by more than its length."""
        return -self.seconds < now - started < self.seconds

    def _store(self, key: str, window: _Window) -> None:
        """Keeps the window of a key, as the last that is forgotten."""
        self._windows[key] = window
        self._windows.move_to_end(key)
        if len(self._windows) > _MAX_KEYS:
            self._windows.popitem(last=False)
