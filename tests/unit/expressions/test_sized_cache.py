"""The cache of compiled programs and patterns, shared between threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from isthmus.expressions.sized_cache import SizedCache


class Key:
    """A key that calls `on_use` each time that the cache looks for it."""

    def __init__(self, name: str, on_use: Callable[[], object]) -> None:
        self.name = name
        self.on_use = on_use

    def __hash__(self) -> int:
        self.on_use()
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.name == other.name


@pytest.mark.parametrize("moment", ["while it is looked for", "while it is put in"])
def test_one_thread_at_a_time_works_on_a_cache(moment: str) -> None:
    cache: SizedCache[Key, str] = SizedCache(entries=10, size=100)
    inside, other_is_inside = Event(), Event()
    uses = 0
    waits_at = 1 if moment == "while it is looked for" else 2

    def wait_for_the_other() -> None:
        nonlocal uses
        uses += 1
        if uses == waits_at:
            inside.set()
            assert not other_is_inside.wait(0.1)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(cache.get_or_make, Key("a", wait_for_the_other), lambda: "made", len)
        assert inside.wait(10)
        second = threads.submit(cache.get_or_make, Key("b", other_is_inside.set), lambda: "other", len)
        assert (first.result(), second.result()) == ("made", "other")


def test_a_thread_that_was_quicker_made_the_value_of_all() -> None:
    cache: SizedCache[str, list[str]] = SizedCache(entries=10, size=100)

    def make_late() -> list[str]:
        assert cache.get_or_make("a", lambda: ["quicker"], len) == ["quicker"]
        return ["late"]

    kept = cache.get_or_make("a", make_late, len)
    assert kept == ["quicker"]
    assert cache.get_or_make("a", lambda: ["again"], len) is kept
    assert cache.total_size == 1


def test_a_cache_is_filled_to_its_size_and_its_entries() -> None:
    cache: SizedCache[str, str] = SizedCache(entries=2, size=10)
    cache.get_or_make("a", lambda: "a" * 4, len)
    cache.get_or_make("b", lambda: "b" * 6, len)
    assert (len(cache), cache.total_size) == (2, 10)
    cache.get_or_make("c", lambda: "c" * 10, len)
    assert (len(cache), cache.total_size) == (1, 10)
