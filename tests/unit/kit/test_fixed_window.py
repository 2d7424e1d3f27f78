"""Windows of a fixed length: at the limit, at their end, and with more keys than are kept."""

from __future__ import annotations

from tests.fakes.clock import VirtualClock

from isthmus.kit.fixed_window import FixedWindowCounter, WindowCount


async def test_events_are_counted_up_to_the_limit_until_the_window_ends() -> None:
    clock = VirtualClock()
    counter = FixedWindowCounter(60, clock)
    assert [counter.count("a", 2) for _ in range(3)] == [
        WindowCount(1, False, 60), WindowCount(2, False, 60), WindowCount(2, True, 60),
    ]  # fmt: skip
    await clock.advance(59.5)
    assert counter.count("a", 2) == WindowCount(2, True, 0.5)
    assert counter.count("b", 2) == WindowCount(1, False, 60)
    await clock.advance(0.5)
    assert counter.count("a", 2) == WindowCount(1, False, 60)


def test_so_many_keys_are_kept_and_the_one_after_them_forgets_the_oldest() -> None:
    counter = FixedWindowCounter(60, VirtualClock())
    for number in range(10_000):
        counter.count(str(number), 1)
    assert counter.count("0", 1).is_exceeded
    counter.count("one more", 1)
    assert not counter.count("0", 1).is_exceeded
    assert counter.count("2", 1).is_exceeded


def test_a_key_that_was_counted_again_is_not_the_oldest() -> None:
    counter = FixedWindowCounter(60, VirtualClock())
    for number in range(10_000):
        counter.count(str(number), 2)
    counter.count("0", 2)
    counter.count("one more", 2)
    assert counter.count("0", 2).is_exceeded
