"""Windows of a fixed length: at the limit, at their end, and with more keys than are kept."""

from __future__ import annotations

from tests.fakes.clock import VirtualClock

from isthmus.kit.fixed_window import FixedWindowCounter, KeyCount, WindowCount


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


async def test_what_others_counted_counts_until_their_window_ends_which_is_that_of_both() -> None:
    clock = VirtualClock()
    start = clock.now().timestamp()
    await clock.advance(4)
    counter = FixedWindowCounter(10, clock)
    assert counter.count("a", 5) == WindowCount(1, False, 10)
    counter.merge([KeyCount("a", start, 3), KeyCount("b", start, 7), KeyCount("old", start - 6, 9)])
    assert counter.count("a", 5) == WindowCount(5, False, 6)
    assert counter.count("a", 5) == WindowCount(5, True, 6)
    assert counter.count("b", 5) == WindowCount(7, True, 6)
    assert counter.count("old", 5) == WindowCount(1, False, 10)
    await clock.advance(6)
    assert counter.count("a", 5) == WindowCount(1, False, 10)


async def test_what_others_counted_is_replaced_by_what_they_count_now() -> None:
    clock = VirtualClock()
    start = clock.now().timestamp()
    counter = FixedWindowCounter(10, clock)
    counter.merge([KeyCount("a", start, 3)])
    counter.merge([KeyCount("a", start, 4)])
    assert counter.count("a", 9).count == 5
    counter.merge([])
    assert counter.count("a", 9).count == 2


async def test_a_count_is_published_again_when_it_or_its_window_has_changed() -> None:
    clock = VirtualClock()
    start = clock.now().timestamp()
    await clock.advance(1)
    counter = FixedWindowCounter(10, clock)
    counter.merge([KeyCount("of others", start, 3)])
    counter.count("a", 5)
    published = counter.list_unpublished()
    assert published == [KeyCount("a", start + 1, 1)]
    counter.mark_published(published)
    assert counter.list_unpublished() == []
    counter.merge([KeyCount("a", start, 1)])
    assert counter.list_unpublished() == [KeyCount("a", start, 1)]
    counter.count("a", 5)
    assert counter.list_unpublished() == [KeyCount("a", start, 2)]
    await clock.advance(9)
    assert counter.list_unpublished() == []


async def test_a_clock_that_is_set_back_ends_the_windows() -> None:
    clock = VirtualClock()
    counter = FixedWindowCounter(10, clock)
    assert counter.count("a", 1).count == 1
    clock.set_forward(-3_600)
    assert counter.count("a", 1) == WindowCount(1, False, 10)


async def test_keys_of_others_push_out_nothing_that_was_counted_here() -> None:
    clock = VirtualClock()
    start = clock.now().timestamp()
    counter = FixedWindowCounter(10, clock)
    assert counter.count("own", 1) == WindowCount(1, False, 10)
    counter.merge([KeyCount(f"of others {number}", start, 1) for number in range(10_000)])
    assert counter.count("own", 1).is_exceeded
    assert counter.count("one more", 1).count == 1
    assert counter.count("own", 1).is_exceeded
    assert counter.list_unpublished() == [KeyCount("own", start, 1), KeyCount("one more", start, 1)]


async def test_a_clock_that_is_set_back_a_little_makes_no_window_longer() -> None:
    clock = VirtualClock()
    counter = FixedWindowCounter(10, clock)
    start = clock.now().timestamp()
    counter.count("own", 1)
    counter.mark_published(counter.list_unpublished())
    clock.set_forward(-9)
    counter.merge([KeyCount("of others", start, 5)])
    assert counter.list_unpublished() == [KeyCount("own", start - 9, 1)]
    assert counter.count("own", 1) == WindowCount(1, True, 10)
    assert counter.count("of others", 1) == WindowCount(5, True, 10)
    await clock.advance(10)
    assert counter.count("own", 1) == WindowCount(1, False, 10)


def test_a_clock_that_is_set_back_between_two_events_makes_no_window_longer() -> None:
    clock = VirtualClock()
    counter = FixedWindowCounter(10, clock)
    counter.count("own", 1)
    clock.set_forward(-9)
    assert counter.count("own", 1) == WindowCount(1, True, 10)
