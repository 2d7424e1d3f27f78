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
    """The window of a key. `own`: counted here; `elsewhere`: by others."""

    started: float
    own: int = 0
    elsewhere: int = 0


class FixedWindowCounter:
    """Counts the events of each key, up to a limit, in windows of `seconds`. The window of a key begins with
    its first event. Of more than 10,000 keys, those that only others counted are forgotten first, then those
    whose last event is longest ago."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self.seconds: Final = seconds
        self._clock = clock
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._unpublished: dict[str, None] = {}

    def count(self, key: str, limit: int) -> WindowCount:
        """Counts one event, unless `limit` events or more were counted in the key's window already. Returns
        the state of the window."""
        now = self._clock.now().timestamp()
        window = self._windows.get(key)
        if window is None or not self._is_open(window.started, now):
            window = _Window(now)
        self._limit_start(key, window, now)
        count = window.own + window.elsewhere
        seconds_left = self.seconds - (now - window.started)
        if count >= limit:
            return WindowCount(count, True, seconds_left)
        window.own += 1
        self._unpublished[key] = None
        self._windows[key] = window
        self._windows.move_to_end(key)
        if len(self._windows) > _MAX_KEYS:
            self._forget(next(iter(self._windows)))
        return WindowCount(count + 1, False, seconds_left)

    def list_unpublished(self) -> list[KeyCount]:
        """Returns what was counted here in open windows, as far as it differs from what was published."""
        now = self._clock.now().timestamp()
        return [
            self._read_own_count(key)
            for key in self._unpublished
            if self._is_open(self._windows[key].started, now)
        ]

    def mark_published(self, counts: Iterable[KeyCount]) -> None:
        """Notes that others know these counts."""
        for count in counts:
            if count.key in self._unpublished and self._read_own_count(count.key) == count:
                del self._unpublished[count.key]

    def merge(self, others: Iterable[KeyCount]) -> None:
        """Replaces what others have counted, one sum for each key; while 10,000 keys are kept, none is added.
        Where their window of a key began earlier than the one here, it becomes the window of both."""
        now = self._clock.now().timestamp()
        for key, window in list(self._windows.items()):
            window.elsewhere = 0
            if self._is_open(window.started, now):
                self._limit_start(key, window, now)
            else:
                self._forget(key)
        for other in others:
            if not self._is_open(other.started, now):
                continue
            known = self._windows.get(other.key)
            if known is None and len(self._windows) >= _MAX_KEYS:
                continue
            window = known or _Window(now)
            self._limit_start(other.key, window, other.started)
            window.elsewhere = other.count
            if known is None:
                self._windows[other.key] = window
                self._windows.move_to_end(other.key, last=False)  # the first that is forgotten

    def _is_open(self, started: float, now: float) -> bool:
        """Returns True until a window that began at `started` is over; False too where the clock was set back
        by more than its length."""
        return -self.seconds < now - started < self.seconds

    def _limit_start(self, key: str, window: _Window, latest: float) -> None:
        """Lets a window that begins after `latest` begin then: one in the future, where the clock was set
        back, would stay open for too long."""
        if window.started > latest:
            window.started = latest
            if window.own:
                self._unpublished[key] = None

    def _read_own_count(self, key: str) -> KeyCount:
        """Returns what was counted here for a key that is kept."""
        window = self._windows[key]
        return KeyCount(key, window.started, window.own)

    def _forget(self, key: str) -> None:
        """Forgets a key that is kept."""
        del self._windows[key]
        self._unpublished.pop(key, None)
