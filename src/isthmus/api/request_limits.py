"""Isthmus's own request limits (`api.md` §1.8): a count per window, per token and per account. 0 = off."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from isthmus.errors import TooManyRequests
from isthmus.kit.clock import Clock
from isthmus.tenancy import Principal

__all__ = ["RequestLimits", "Standing", "Window"]

_WINDOW_SECONDS = 10.0
_KEPT_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands after one request. `reset_at`: epoch seconds at which the window ends."""

    limit: int
    remaining: int
    reset_at: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset_at),
        }


class Window:
    """Counts requests per key in fixed windows of ten seconds. `limit` 0 lets everything through."""

    def __init__(self, limit: int, clock: Clock, what: str) -> None:
        self._limit = limit
        self._clock = clock
        self._what = what
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str) -> Standing | None:
        """Counts one request; None where there is no limit. Raises TooManyRequests, with the seconds until
        the window ends."""
        if not self._limit:
            return None
        now = self._clock.monotonic()
        started, count = self._counts.get(key, (now, 0))
        if now - started >= _WINDOW_SECONDS:
            started, count = now, 0
        if count >= self._limit:
            wait = math.ceil(_WINDOW_SECONDS - (now - started))
            refused = TooManyRequests(
                f"more than {self._limit} requests in 10 seconds with one {self._what}. Wait {wait} s.",
                retry_after=wait,
            )
            refused.headers.update(self._standing(count, started, now).headers)
            raise refused
        self._counts[key] = (started, count + 1)
        self._counts.move_to_end(key)
        if len(self._counts) > _KEPT_KEYS:
            self._counts.popitem(last=False)
        return self._standing(count + 1, started, now)

    def _standing(self, count: int, started: float, now: float) -> Standing:
        left = _WINDOW_SECONDS - (now - started)
        return Standing(self._limit, self._limit - count, math.ceil(self._clock.now().timestamp() + left))


class RequestLimits:
    def __init__(self, *, per_token: int, per_account: int, clock: Clock) -> None:
        self._tokens = Window(per_token, clock, "token")
        self._accounts = Window(per_account, clock, "account")

    def take_token(self, principal: Principal) -> Standing | None:
        return self._tokens.take(principal.token_id or principal.environment_id)

    def take_account(self, account_id: str) -> Standing | None:
        return self._accounts.take(account_id)
