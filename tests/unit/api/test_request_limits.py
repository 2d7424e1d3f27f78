"""The rate limits of the server: at the limit and beyond it, just before the window ends and when it does."""

from __future__ import annotations

import pytest
from tests.fakes.clock import VirtualClock

from isthmus.api.outgoing_response import OutgoingResponse
from isthmus.api.request_limits import RequestLimit, Standing, with_rate_limit_headers
from isthmus.errors import TooManyRequests
from isthmus.kit.fixed_window import FixedWindowCounter


def limit_of(limit: int, clock: VirtualClock | None = None) -> RequestLimit:
    clock = clock or VirtualClock()
    return RequestLimit(limit, FixedWindowCounter(10, clock), clock, "token")


def remaining(window: RequestLimit, key: str = "a") -> int:
    standing = window.take(key)
    assert standing is not None
    return standing.remaining


async def test_as_many_requests_as_the_limit_pass_and_one_more_is_refused() -> None:
    window = limit_of(3)
    assert [remaining(window) for _ in range(3)] == [2, 1, 0]
    with pytest.raises(TooManyRequests, match="more than 3 requests in 10 seconds with one token") as caught:
        window.take("a")
    assert caught.value.headers["retry-after"] == "10"
    assert caught.value.headers["x-ratelimit-remaining"] == "0"
    assert remaining(window, "b") == 2


async def test_a_window_ends_after_ten_seconds_and_not_before() -> None:
    clock = VirtualClock()
    window = limit_of(1, clock)
    assert remaining(window) == 0
    await clock.advance(9.999)
    with pytest.raises(TooManyRequests) as caught:
        window.take("a")
    assert caught.value.headers["retry-after"] == "1"
    await clock.advance(0.001)
    assert remaining(window) == 0


async def test_a_limit_of_0_is_none() -> None:
    window = limit_of(0)
    assert [window.take("a") for _ in range(3)] == [None, None, None]


async def test_the_key_that_has_not_called_for_longest_is_forgotten_first() -> None:
    window = limit_of(1)
    for number in range(10_000):
        window.take(str(number))
    with pytest.raises(TooManyRequests):
        window.take("0")
    window.take("one more")
    assert remaining(window, "0") == 0


def test_the_headers_are_those_of_the_tighter_limit_and_a_providers_own_stay() -> None:
    response = OutgoingResponse(200, "text/plain", headers={"x-ratelimit-limit": "7"})
    limited = with_rate_limit_headers(response, None, Standing(9, 5, 1), Standing(8, 4, 2))
    assert limited.headers == {
        "x-ratelimit-limit": "7", "x-ratelimit-remaining": "4", "x-ratelimit-reset": "2",
    }  # fmt: skip
    assert with_rate_limit_headers(response, None, None) is response
