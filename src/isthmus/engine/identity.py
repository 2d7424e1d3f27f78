"""What is worked out once for an immutable object, kept as long as that object lives."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

__all__ = ["IdentityCache"]

Owner = TypeVar("Owner")
K = TypeVar("K")
V = TypeVar("V")


class IdentityCache(Generic[Owner, K, V]):
    """One dictionary an owner. Owners are told apart by identity: definitions are too large to compare."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Owner], dict[K, V]]] = {}

    def of(self, owner: Owner) -> dict[K, V]:
        key = id(owner)
        found = self._entries.get(key)
        if found is not None and found[0]() is owner:
            return found[1]
        values: dict[K, V] = {}
        self._entries[key] = weakref.ref(owner, lambda _: self._entries.pop(key, None)), values
        return values
