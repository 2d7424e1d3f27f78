"""Which errors are an outage, and when a validation is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.clock import VirtualClock

from isthmus.accounts.lifecycle.outages import (
    StageTimeout,
    compute_next_retry,
    is_outage,
    retry_during_outage,
)
from isthmus.errors import (
    IsthmusError,
    NotFound,
    RemoteError,
    TokenEndpointFailed,
    UpstreamTimeout,
    UpstreamUnreachable,
)

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def remote(status: int) -> RemoteError:
    return RemoteError("no", status=status, raw_response=None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (remote(428), False),
        (remote(429), True),
        (remote(430), False),
        (remote(499), False),
        (remote(500), True),
        (remote(503), True),
        (TokenEndpointFailed("no", is_retryable=True), True),
        (TokenEndpointFailed("no", is_retryable=False), False),
        (UpstreamUnreachable("no"), True),
        (UpstreamTimeout("no"), True),
        (StageTimeout("no"), True),
        (NotFound("no"), False),
    ],
)
def test_an_outage_says_nothing_of_the_request(error: IsthmusError, expected: bool) -> None:
    assert is_outage(error) is expected


@pytest.mark.parametrize(
    ("lasted", "wait"),
    [
        (timedelta(), timedelta(minutes=5)),
        (timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(minutes=6), timedelta(minutes=6)),
        (timedelta(hours=24), timedelta(hours=24)),
        (timedelta(hours=24, microseconds=1), None),
    ],
)
def test_the_wait_is_as_long_as_the_outage_for_a_day(lasted: timedelta, wait: timedelta | None) -> None:
    assert compute_next_retry(NOW - lasted, NOW) == (None if wait is None else NOW + wait)


@pytest.mark.parametrize(
    ("errors", "attempts"), [([remote(503)] * 3, 4), ([remote(503)] * 4, 4), ([remote(400)], 1), ([], 1)]
)
async def test_an_attempt_is_repeated_three_times_for_an_outage_alone(
    errors: list[IsthmusError], attempts: int
) -> None:
    left, tried = list(errors), 0

    async def attempt() -> str:
        nonlocal tried
        tried += 1
        if left:
            raise left.pop(0)
        return "done"

    class Hurried(VirtualClock):
        async def sleep(self, seconds: float) -> None:
            waits.append(seconds)

    waits: list[float] = []
    running = retry_during_outage(Hurried(NOW), attempt)
    if errors and (len(errors) == 4 or errors[0].status == 400):
        with pytest.raises(RemoteError):
            await running
    else:
        assert await running == "done"
    assert (tried, waits) == (attempts, [1.0, 2.0, 4.0][: attempts - 1])
