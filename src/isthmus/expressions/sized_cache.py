"""`SizedCache`: a cache that is bounded by the sizes of its values, since one value may be as large as a
thousand others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["SizedCache"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SizedCache(Generic[K, V]):
    """Keeps the values used last: at most `entries` of them, whose sizes add up to at most `size`.

    A value larger than `size` is made anew each time. Safe to share between threads.
    """

    def __init__(self, *, entries: int, size: int) -> None:
        self._entries = entries
        self._size = size
        self._total_size = 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get_or_make(self, key: K, make: Callable[[], V], size_of: Callable[[V], int]) -> V:
        """Return the value of the key, made by `make` if it is missing; exceptions of `make` pass through."""
        with self._lock:
            entry = self._values.get(key)
            if entry is not None:
                self._values.move_to_end(key)
                return entry[0]
        value = make()
        size = size_of(value)
        with self._lock:
            entry = self._values.get(key)
            if entry is not None:
                return entry[0]  # another thread was quicker: all get the same object
            if size <= self._size:
                self._values[key] = (value, size)
                self._total_size += size
                while self._total_size > self._size or len(self._values) > self._entries:
                    self._total_size -= self._values.popitem(last=False)[1][1]
        return value

    def __len__(self) -> int:
        return len(self._values)

    @property
    def total_size(self) -> int:
        """The sizes of all that is kept, added up."""
        return self._total_size
