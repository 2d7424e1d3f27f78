"""The pace of an account, on a clock that a test holds."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.fakes.clock import VirtualClock

from isthmus.accounts.connections.throttle import MAX_WAIT_SECONDS, AccountThrottle
from isthmus.errors import RemoteError


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def passing(
    throttle: AccountThrottle, clock: VirtualClock, passed: list[float], *, may_wait: bool = True
) -> None:
    async with asyncio.timeout(5):  # of real time: nobody waits for ever
        await throttle.wait_for_turn(waits_while_closed=may_wait)
    passed.append(clock.monotonic())


async def advance(clock: VirtualClock, seconds: float) -> None:
    """In small steps, so that what a sleeper starts is started in its own moment."""
    for _ in range(round(seconds * 100)):
        await clock.advance(0.01)
        await settle()


async def test_it_is_free_until_a_provider_refuses() -> None:
    throttle = AccountThrottle(VirtualClock())
    assert throttle.is_unthrottled
    await throttle.wait_for_turn(waits_while_closed=False)
    throttle.record_success()
    assert throttle.is_unthrottled


async def test_while_closed_a_write_is_refused_at_once_and_told_how_long() -> None:
    throttle = AccountThrottle(VirtualClock())
    assert throttle.close(1.5)
    with pytest.raises(RemoteError) as refused:
        await throttle.wait_for_turn(waits_while_closed=False)
    assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "2")


async def test_a_read_waits_as_long_as_patience_lasts() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(MAX_WAIT_SECONDS)
    passed: list[float] = []
    waiting = asyncio.ensure_future(passing(throttle, clock, passed))
    await advance(clock, MAX_WAIT_SECONDS + 0.1)
    assert waiting.done()
    assert len(passed) == 1


async def test_a_write_keeps_its_distance_after_a_wait_and_is_refused_while_another_lasts() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(1.0)
    await clock.advance(1.0)
    passed: list[float] = []
    await passing(throttle, clock, passed, may_wait=False)
    throttle.record_success()
    second = asyncio.ensure_future(passing(throttle, clock, passed, may_wait=False))
    await advance(clock, 0.3)
    assert len(passed) == 1
    throttle.close(1.0)
    await advance(clock, 0.3)
    with pytest.raises(RemoteError):
        await second


@pytest.mark.parametrize(("seconds", "is_news"), [(0.25, False), (0.26, True)])
async def test_the_shortest_waits_are_no_news(seconds: float, is_news: bool) -> None:
    assert AccountThrottle(VirtualClock()).close(seconds) is is_news


@pytest.mark.parametrize(("seconds", "closed"), [(1.25, 1.0), (1.26, 1.26)])
async def test_another_process_extends_a_wait_only_by_more_than_a_refusal_lasts(
    seconds: float, closed: float
) -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(1.0)
    throttle.follow_row(clock.now() + timedelta(seconds=seconds), clock.now(), read_at=clock.monotonic())
    assert throttle.seconds_until_open == pytest.approx(closed)


async def test_a_wait_longer_than_patience_refuses_reads_too() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(MAX_WAIT_SECONDS + 1)
    with pytest.raises(RemoteError):
        await passing(throttle, clock, [])


async def test_refusals_that_come_together_are_news_once() -> None:
    throttle = AccountThrottle(VirtualClock())
    assert [throttle.close(1.0) for _ in range(4)] == [True, False, False, False]


async def test_after_a_wait_one_goes_alone_and_the_others_follow_in_order() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(1.0)
    passed: list[float] = []
    order: list[int] = []

    async def caller(number: int) -> None:
        await passing(throttle, clock, passed)
        order.append(number)

    tasks = [asyncio.ensure_future(caller(number)) for number in range(3)]
    await advance(clock, 0.99)
    assert passed == []
    await advance(clock, 0.6)
    assert len(passed) == 1, "the others wait for the first one's answer"
    throttle.record_success()
    await advance(clock, 2.0)
    assert order == [0, 1, 2]
    assert passed[0] >= 1.0
    assert passed[2] - passed[1] > 0.4
    await asyncio.gather(*tasks)


async def test_a_slow_first_answer_holds_the_others_for_a_second() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(1.0)
    passed: list[float] = []
    tasks = [asyncio.ensure_future(passing(throttle, clock, passed)) for _ in range(2)]
    await advance(clock, 1.9)
    assert len(passed) == 1
    await advance(clock, 0.3)
    assert len(passed) == 2
    await asyncio.gather(*tasks)


async def test_a_first_call_that_is_refused_again_keeps_the_others_back() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(1.0)
    passed: list[float] = []
    tasks = [asyncio.ensure_future(passing(throttle, clock, passed)) for _ in range(2)]
    await advance(clock, 1.1)
    assert len(passed) == 1
    throttle.close(2.0)
    await advance(clock, 1.8)
    assert len(passed) == 1
    await advance(clock, 0.4)
    assert len(passed) == 2
    await asyncio.gather(*tasks)


async def test_who_waits_longer_than_patience_is_refused_unsent() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(3.0)
    first = asyncio.ensure_future(passing(throttle, clock, []))
    await advance(clock, 2.0)
    throttle.close(5.0)
    await advance(clock, 1.1)
    with pytest.raises(RemoteError):
        await first


async def test_the_pace_follows_what_was_taken_and_is_given_up_after_successes() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    for _ in range(10):
        throttle.record_success()
    throttle.close(1.0)
    await clock.advance(1.0)
    assert not throttle.is_unthrottled
    for _ in range(400):
        throttle.record_success()
    assert throttle.is_unthrottled


@pytest.mark.parametrize(("seconds", "interval"), [(1.0, 0.13), (1.001, 0.5)])
async def test_the_pace_starts_from_the_successes_of_the_last_second(seconds: float, interval: float) -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    for _ in range(10):
        throttle.record_success()
    await clock.advance(seconds)
    throttle.close(1.0)
    await clock.advance(1.0)
    passed: list[float] = []
    await passing(throttle, clock, passed)
    throttle.record_success()
    second = asyncio.ensure_future(passing(throttle, clock, passed))
    await advance(clock, interval - 0.01)
    assert len(passed) == 1
    await advance(clock, 0.02)
    assert len(passed) == 2
    await second


async def test_what_another_process_learned_counts_and_is_no_news_twice() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.follow_row(clock.now() + timedelta(seconds=4), clock.now(), read_at=clock.monotonic())
    assert throttle.seconds_until_open == 4.0
    throttle.follow_row(clock.now() + timedelta(seconds=2), clock.now(), read_at=clock.monotonic())
    assert throttle.seconds_until_open == 4.0


@pytest.mark.parametrize("seconds", [-3600, 3600])
async def test_a_clock_that_is_set_does_not_change_a_wait_that_was_seen(seconds: float) -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    until, at = clock.now() + timedelta(seconds=3), clock.now()
    throttle.follow_row(until, at, read_at=clock.monotonic())
    clock.set_forward(seconds)
    await clock.advance(1)
    throttle.follow_row(until, at, read_at=clock.monotonic())
    assert throttle.seconds_until_open == 2.0
    await clock.advance(2)
    throttle.follow_row(until, at, read_at=clock.monotonic())
    assert throttle.seconds_until_open == 0.0


async def test_a_wait_of_this_process_is_not_read_anew_after_the_clock_was_set_back() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(1.0)
    until = clock.now() + timedelta(seconds=1)
    throttle.record_stored_wait(until)
    clock.set_forward(-3600)
    throttle.follow_row(until, None, read_at=clock.monotonic())
    assert throttle.seconds_until_open == 1.0


async def test_a_process_that_starts_after_the_clock_was_set_back_waits_as_long_as_the_provider_asked() -> (
    None
):
    clock = VirtualClock()
    until, at = clock.now() + timedelta(seconds=1), clock.now()
    clock.set_forward(-3600)
    throttle = AccountThrottle(clock)
    throttle.follow_row(until, at, read_at=clock.monotonic())
    assert throttle.seconds_until_open == 1.0


async def test_a_row_that_is_open_again_lifts_the_wait_and_the_pace() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(3600.0)
    throttle.record_stored_wait(clock.now() + timedelta(hours=1))
    throttle.follow_row(None, None, read_at=clock.monotonic())
    assert throttle.seconds_until_open == 0.0
    assert throttle.is_unthrottled


async def test_a_row_that_was_read_before_a_wait_was_stored_does_not_lift_it() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    read_at = clock.monotonic()
    await clock.advance(1)
    throttle.close(3600.0)
    throttle.record_stored_wait(clock.now() + timedelta(hours=1))
    throttle.follow_row(None, None, read_at=read_at)
    assert throttle.seconds_until_open == 3600.0
    throttle.follow_row(None, None, read_at=clock.monotonic())
    assert throttle.is_unthrottled


async def test_a_row_that_was_never_closed_lifts_nothing() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(0.2)  # so short that it is not stored
    throttle.follow_row(None, None, read_at=clock.monotonic())
    assert throttle.seconds_until_open == 0.2


async def test_a_caller_that_gives_up_lets_the_next_one_on() -> None:
    clock = VirtualClock()
    throttle = AccountThrottle(clock)
    throttle.close(1.0)
    passed: list[float] = []
    first = asyncio.ensure_future(passing(throttle, clock, passed))
    second = asyncio.ensure_future(passing(throttle, clock, passed))
    await settle()
    first.cancel()
    await advance(clock, 1.2)
    assert len(passed) == 1
    await second
