"""Isthmus's own request limits (`api.md` §1.8): a count per window, per token and per account. 0 = off."""

from __future__ import annotations

import math
from collections import OrderedDict

from isthmus.errors import TooManyRequests
from isthmus.kit.clock import Clock
from isthmus.tenancy import Principal

__all__ = ["RequestLimits", "Window"]

_WINDOW_SECONDS = 10.0
_KEPT_KEYS = 10_000


class Window:
    """Counts requests per key in fixed windows of ten seconds. `limit` 0 lets everything through."""

    def __init__(self, limit: int, clock: Clock, what: str) -> None:
        self._limit = limit
        self._clock = clock
        self._what = what
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str) -> None:
        """Counts one request. Raises TooManyRequests, with the seconds until the window ends."""
        if not self._limit:
            return
        now = self._clock.monotonic()
        started, count = self._counts.get(key, (now, 0))
        if now - started >= _WINDOW_SECONDS:
            started, count = now, 0
        if count >= self._limit:
            wait = math.ceil(_WINDOW_SECONDS - (now - started))
            raise TooManyRequests(
                f"more than {self._limit} requests in 10 seconds with one {self._what}. Wait {wait} s.",
                retry_after=wait,
            )
        self._counts[key] = (started, count + 1)
        self._counts.move_to_end(key)
        if len(self._counts) > _KEPT_KEYS:
            self._counts.popitem(last=False)


class RequestLimits:
    def __init__(self, *, per_token: int, per_account: int, clock: Clock) -> None:
        self._tokens = Window(per_token, clock, "token")
        self._accounts = Window(per_account, clock, "account")

    def take_token(self, principal: Principal) -> None:
        self._tokens.take(principal.token_id or principal.environment_id)

    def take_account(self, account_id: str) -> None:
        self._accounts.take(account_id)
