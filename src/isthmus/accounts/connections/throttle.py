"""The pace of one account towards its provider, shared by every call of the process.

Open, it costs a look at one number. A throttled answer shuts it until the provider's wait is over, and makes
it slow afterwards: calls then pass one by one in the order they came, the first alone until it is answered,
the others at a distance. The distance follows from what the provider took in the last second before it
refused, shrinks with every success, and grows when the provider refuses again, until it is not needed.

So callers that ignore `Retry-After` do not fall upon a provider the moment it reopens, and a caller that
heeds it is not pushed aside by them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from isthmus.engine.provider_errors import closed
from isthmus.kit.clock import Clock

__all__ = ["PATIENCE", "Turnstile"]

PATIENCE: Final = 5.0
"""Longest wait of a call before it is sent, and before it is sent again (`definitions.md` §1.7)."""

_REMEMBERED: Final = 256
_SPAN: Final = 1.0
_WIDEST: Final = 0.5
_NARROWEST: Final = 0.005
_SLOWER: Final = 1.3
_FASTER: Final = 0.985
_PROBE_SECONDS: Final = 1.0
_SAME: Final = 0.25


class Turnstile:
    """All times are `clock.monotonic()` seconds."""

    __slots__ = (
        "_clock",
        "_closed_until",
        "_interval",
        "_line",
        "_next",
        "_probe",
        "_successes",
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed_until = 0.0
        self._interval = 0.0
        self._next = 0.0
        self._line = asyncio.Lock()
        self._probe: asyncio.Future[None] | None = None
        self._successes: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def is_free(self) -> bool:
        """Nobody has to wait: `enter` would return at once."""
        return self._interval == 0.0

    @property
    def seconds_closed(self) -> float:
        """What is left of the provider's wait; 0 where it is open."""
        return max(0.0, self._closed_until - self._clock.monotonic())

    async def enter(self, *, may_wait: bool) -> None:
        """Returns when the call may be sent. `may_wait`: the call may stand in line while the account is
        closed; one that may not is only held for its distance to the call before.

        Raises what `engine.rate_limits.closed` says, with nothing sent, where the wait would be longer than
        PATIENCE, or at once where the account is closed and the call may not wait.
        """
        if self.is_free:
            return
        if not may_wait and self.seconds_closed:
            raise closed(self.seconds_closed)
        deadline = self._clock.monotonic() + PATIENCE
        async with self._line:
            await self._await_probe()
            while (wait := self._seconds_to_go()) > 0.0:
                if self._clock.monotonic() + wait > deadline or (not may_wait and self.seconds_closed):
                    raise closed(max(wait, self.seconds_closed))
                await self._clock.sleep(wait)
            self._next = self._clock.monotonic() + self._interval
            if self._closed_until:
                self._closed_until = 0.0
                self._probe = asyncio.get_running_loop().create_future()

    def close(self, seconds: float) -> bool:
        """The provider refused and wants `seconds` of quiet. Whether that is news: of several calls that
        are refused together, the first one is."""
        now = self._clock.monotonic()
        if self._interval == 0.0:
            recent = sum(1 for moment in self._successes if now - moment <= _SPAN)
            self._interval = min(_WIDEST, _SLOWER * _SPAN / max(recent, 1))
        elif not self.seconds_closed:
            self._interval = min(_WIDEST, self._interval * _SLOWER)
        is_news = seconds > _SAME and now + seconds > self._closed_until + _SAME
        self._closed_until = max(self._closed_until, now + seconds)
        self._answered()
        return is_news

    def learn_closed(self, seconds: float) -> None:
        """Another process was refused; not counted again when it was this one."""
        if seconds > self.seconds_closed + _SAME:
            self.close(seconds)

    def succeeded(self) -> None:
        self._successes.append(self._clock.monotonic())
        if self._interval:
            self._interval *= _FASTER
            if self._interval < _NARROWEST and not self.seconds_closed:
                self._interval = self._closed_until = 0.0
        self._answered()

    def failed(self) -> None:
        """Answered with an error that is no refusal, or not at all."""
        self._answered()

    def _seconds_to_go(self) -> float:
        return max(self._closed_until, self._next) - self._clock.monotonic()

    def _answered(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None and not probe.done():
            probe.set_result(None)

    async def _await_probe(self) -> None:
        """The first call after a wait goes alone; a slow answer holds the others for a second at most."""
        probe = self._probe
        if probe is None:
            return
        patience = asyncio.ensure_future(self._clock.sleep(_PROBE_SECONDS))
        try:
            await asyncio.wait((probe, patience), return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
        self._probe = None
