"""What was read from the database, kept until the environment's epoch rises."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar

__all__ = ["EpochCache", "Epochs", "RevisionCache"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_Epoch = tuple[int, int]
"""Of the environment, and of the key's group."""


class Epochs(Protocol):
    """`db.epochs.EpochWatcher`, as caches see it."""

    def current(self, environment_id: str) -> int: ...


class EpochCache(Generic[K, V]):
    """Values by (environment, key), at most `size` of them, the least recently used given up first.

    A value is good for the epoch that was current before it was loaded, so that a write during the load
    makes it stale. Callers that ask for the same key at once share one load. `group`: where a key has an
    epoch of its own besides its environment's, its name (`db.epochs.group_of`).
    """

    def __init__(self, epochs: Epochs, size: int, *, group: Callable[[K], str] | None = None) -> None:
        self._epochs = epochs
        self._size = size
        self._group = group
        self._entries: OrderedDict[tuple[str, K], tuple[_Epoch, V]] = OrderedDict()
        self._loads: dict[tuple[str, K, _Epoch], asyncio.Task[V]] = {}

    def fresh(self, environment_id: str, key: K) -> V | None:
        """The value if it is there and of the current epoch; costs a few look-ups."""
        place = (environment_id, key)
        entry = self._entries.get(place)
        if entry is None or entry[0] != self._epoch(environment_id, key):
            return None
        self._entries.move_to_end(place)
        return entry[1]

    async def load(self, environment_id: str, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """The value `read` gives, kept; an exception is not kept."""
        epoch = self._epoch(environment_id, key)
        place = (environment_id, key, epoch)
        task = self._loads.get(place)
        if task is None:
            task = asyncio.ensure_future(self._load(environment_id, key, epoch, read))
            self._loads[place] = task
            task.add_done_callback(lambda done: self._finish(place, done))
        # Shielded: a caller that gives up must not take the load away from the others.
        return await asyncio.shield(task)

    def _epoch(self, environment_id: str, key: K) -> _Epoch:
        of_environment = self._epochs.current(environment_id)
        return of_environment, 0 if self._group is None else self._epochs.current(self._group(key))

    def _finish(self, place: tuple[str, K, _Epoch], done: asyncio.Task[V]) -> None:
        self._loads.pop(place, None)
        if not done.cancelled():
            done.exception()  # seen, should every caller have given up

    async def _load(self, environment_id: str, key: K, epoch: _Epoch, read: Callable[[], Awaitable[V]]) -> V:
        value = await read()
        self._entries[(environment_id, key)] = (epoch, value)
        self._entries.move_to_end((environment_id, key))
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return value


class RevisionCache(Generic[K, V]):
    """Built values by the revisions they were built from, at most `size`; nothing in it can be stale."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def keep(self, key: K, value: V) -> V:
        self._entries[key] = value
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return value
