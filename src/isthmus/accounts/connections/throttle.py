"""The throttle of one account: paces its calls after the provider has rate limited it.

All calls of a process share it. While it is open, a call only compares one number. A rate-limited response
closes it until the wait that the provider asks for is over. Afterwards calls pass one by one, in the order of
arrival: the first one alone until it is answered, the others at an interval. The interval starts from the
rate of success in the last second before the refusal, shrinks with every success, and grows with every
further refusal, until it is so short that the throttle opens.

So callers that ignore `Retry-After` do not all send at the moment when the provider accepts requests again,
and they do not overtake callers that honour it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime
from typing import Final

from isthmus.engine.provider_errors import make_account_closed_error
from isthmus.kit.clock import Clock

__all__ = ["MAX_WAIT_SECONDS", "AccountThrottle"]

MAX_WAIT_SECONDS: Final = 5.0
"""How long a call waits at most before it is sent, and before it is sent again."""

_MAX_REMEMBERED_SUCCESSES: Final = 256
_RATE_WINDOW_SECONDS: Final = 1.0
_MAX_INTERVAL: Final = 0.5
_MIN_INTERVAL: Final = 0.005
_INCREASE: Final = 1.3
_DECREASE: Final = 0.985
_MAX_PROBE_SECONDS: Final = 1.0
_SAME_REFUSAL_SECONDS: Final = 0.25


class AccountThrottle:
    """Paces the calls of one account. All times are seconds of `clock.monotonic()`."""

    __slots__ = (
        "_clock",
        "_closed_until",
        "_interval",
        "_known_at",
        "_next_turn_at",
        "_probe",
        "_queue",
        "_stored_until",
        "_successes",
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed_until = 0.0
        self._interval = 0.0
        self._known_at = 0.0
        self._next_turn_at = 0.0
        self._queue = asyncio.Lock()
        self._probe: asyncio.Future[None] | None = None
        self._stored_until: datetime | None = None
        self._successes: deque[float] = deque(maxlen=_MAX_REMEMBERED_SUCCESSES)

    @property
    def is_unthrottled(self) -> bool:
        """True if no call has to wait: `wait_for_turn` would return at once."""
        return self._interval == 0.0

    @property
    def seconds_until_open(self) -> float:
        """How many seconds of the provider's wait are left, 0 if it is over."""
        return max(0.0, self._closed_until - self._clock.monotonic())

    async def wait_for_turn(self, *, waits_while_closed: bool) -> None:
        """Return when the call may be sent. `waits_while_closed`: the call may wait while the account is
        closed; otherwise it only waits for the interval to the call before it.

        Raises RemoteError with status 429 if the wait would be longer than MAX_WAIT_SECONDS, and at once if
        the account is closed and the call may not wait.
        """
        if self.is_unthrottled:
            return
        if not waits_while_closed and self.seconds_until_open:
            raise make_account_closed_error(self.seconds_until_open)
        deadline = self._clock.monotonic() + MAX_WAIT_SECONDS
        async with self._queue:
            await self._await_probe()
            while (wait := self._seconds_until_next_turn()) > 0.0:
                if self._clock.monotonic() + wait > deadline or (
                    not waits_while_closed and self.seconds_until_open
                ):
                    raise make_account_closed_error(max(wait, self.seconds_until_open))
                await self._clock.sleep(wait)
            self._next_turn_at = self._clock.monotonic() + self._interval
            if self._closed_until:
                self._closed_until = 0.0
                self._probe = asyncio.get_running_loop().create_future()

    def close(self, seconds: float) -> bool:
        """Close the throttle for `seconds`, as the provider asks. Return True if this extends the time it is
        closed; False for other calls that were refused together with the first."""
        now = self._clock.monotonic()
        if self._interval == 0.0:
            recent = sum(1 for moment in self._successes if now - moment <= _RATE_WINDOW_SECONDS)
            self._interval = min(_MAX_INTERVAL, _INCREASE * _RATE_WINDOW_SECONDS / max(recent, 1))
        elif not self.seconds_until_open:
            self._interval = min(_MAX_INTERVAL, self._interval * _INCREASE)
        is_extended = (
            seconds > _SAME_REFUSAL_SECONDS and now + seconds > self._closed_until + _SAME_REFUSAL_SECONDS
        )
        self._closed_until = max(self._closed_until, now + seconds)
        self._end_probe()
        return is_extended

    def record_stored_wait(self, closed_until: datetime) -> None:
        """Note that this process has stored its wait in the account's row."""
        self._stored_until = closed_until
        self._known_at = self._clock.monotonic()

    def follow_row(
        self, closed_until: datetime | None, closed_at: datetime | None, *, read_at: float
    ) -> None:
        """Close or open the throttle as the account's row says: until when it is closed, None if it is open,
        and when that was decided. `read_at`: the monotonic time at which its reading began.

        Each value counts once: how long it closes the throttle is measured when it is first seen, and then by
        the monotonic clock. A row that is open again lifts what was closed, unless more is known since its
        reading began.
        """
        if closed_until is None and read_at < self._known_at:
            return
        self._known_at = max(self._known_at, read_at)
        before, self._stored_until = self._stored_until, closed_until
        if closed_until == before:
            return
        if closed_until is None:
            self._interval = self._closed_until = self._next_turn_at = 0.0
            self._end_probe()
            return
        now = self._clock.now()
        # A clock that was set back since does not make the wait longer than the provider asked for.
        began = now if closed_at is None else max(now, closed_at)
        seconds = (closed_until - began).total_seconds()
        if seconds > 0 and seconds > self.seconds_until_open + _SAME_REFUSAL_SECONDS:
            self.close(seconds)

    def record_success(self) -> None:
        """Shorten the interval, or open the throttle, because the provider accepted a request."""
        self._successes.append(self._clock.monotonic())
        if self._interval:
            self._interval *= _DECREASE
            if self._interval < _MIN_INTERVAL and not self.seconds_until_open:
                self._interval = self._closed_until = 0.0
        self._end_probe()

    def record_failure(self) -> None:
        """Let the next call pass, because a request failed without being rate limited."""
        self._end_probe()

    def _seconds_until_next_turn(self) -> float:
        """Return how many seconds the next call has to wait; 0 or less if none."""
        return max(self._closed_until, self._next_turn_at) - self._clock.monotonic()

    def _end_probe(self) -> None:
        """Let the calls go on that wait for the probe."""
        probe, self._probe = self._probe, None
        if probe is not None and not probe.done():
            probe.set_result(None)

    async def _await_probe(self) -> None:
        """Wait until the probe is answered, the call that was sent first after the provider's wait; at most
        _MAX_PROBE_SECONDS. Returns at once if there is none."""
        probe = self._probe
        if probe is None:
            return
        timeout = asyncio.ensure_future(self._clock.sleep(_MAX_PROBE_SECONDS))
        try:
            await asyncio.wait((probe, timeout), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timeout.cancel()
        self._probe = None
