"""The rate limits of this server itself: requests per token and per account in all its processes, and the
headers that report them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from isthmus.api.outgoing_response import OutgoingResponse
from isthmus.db import Database
from isthmus.db.window_counts import WindowSharing
from isthmus.errors import TooManyRequests
from isthmus.kit.clock import Clock
from isthmus.kit.fixed_window import FixedWindowCounter
from isthmus.tenancy import Principal

__all__ = ["RequestLimit", "RequestLimits", "Standing"]

_WINDOW_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What a limit leaves a caller after one request. `reset_at`: epoch seconds at which the window ends."""

    limit: int
    remaining: int
    reset_at: int

    @property
    def headers(self) -> dict[str, str]:
        """The `X-RateLimit-*` headers of a response."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset_at),
        }


class RequestLimit:
    """Limits the requests per key. `limit`: 0 for none. `counter`: of windows of ten seconds. `key_name`:
    what a key is, for the error message."""

    def __init__(self, limit: int, counter: FixedWindowCounter, clock: Clock, key_name: str) -> None:
        self._limit = limit
        self._counter = counter
        self._clock = clock
        self._key_name = key_name

    def take(self, key: str) -> Standing | None:
        """Counts one request and returns what is left; None if there is no limit. Raises TooManyRequests,
        with the seconds until the window ends."""
        if not self._limit:
            return None
        window = self._counter.count(key, self._limit)
        reset_at = math.ceil(self._clock.now().timestamp() + window.seconds_left)
        standing = Standing(self._limit, max(0, self._limit - window.count), reset_at)
        if window.is_exceeded:
            wait = math.ceil(window.seconds_left)
            error = TooManyRequests(
                f"more than {self._limit} requests in 10 seconds with one {self._key_name}. Wait {wait} s.",
                retry_after=wait,
            )
            error.headers.update(standing.headers)
            raise error
        return standing


class RequestLimits:
    """The limits of requests per token and per account. `per_token`, `per_account`: requests in ten seconds,
    0 for no limit. Once started, they hold for all processes of the database together."""

    def __init__(self, *, per_token: int, per_account: int, database: Database, clock: Clock) -> None:
        counter = FixedWindowCounter(_WINDOW_SECONDS, clock)  # ids of tokens and accounts are never the same
        self._tokens = RequestLimit(per_token, counter, clock, "token")
        self._accounts = RequestLimit(per_account, counter, clock, "account")
        is_shared = bool(per_token or per_account) and not database.is_sqlite
        self._sharing = WindowSharing(counter, database, clock) if is_shared else None

    async def start(self) -> None:
        """Shares what is counted with the other processes of the database, if there is a limit, and there can
        be others. Raises what the database raises."""
        if self._sharing is not None:
            await self._sharing.start()

    async def stop(self) -> None:
        """Ends the sharing."""
        if self._sharing is not None:
            await self._sharing.stop()

    def take_token(self, principal: Principal) -> Standing | None:
        """Counts one request of the principal's token; returns what is left, None if there is no limit.
        Raises TooManyRequests."""
        return self._tokens.take(principal.token_id)

    def take_account(self, account_id: str) -> Standing | None:
        """Counts one request to the account; returns what is left, None if there is no limit. Raises
        TooManyRequests."""
        return self._accounts.take(account_id)


def with_rate_limit_headers(response: OutgoingResponse, *standings: Standing | None) -> OutgoingResponse:
    """Returns the response with `X-RateLimit-*` headers of the limit that leaves the fewest requests;
    unchanged if there is no limit. A provider's own headers of these names, which its errors bring, are
    kept."""
    limited = [standing for standing in standings if standing is not None]
    if not limited:
        return response
    tightest = min(limited, key=lambda standing: standing.remaining)
    return replace(response, headers={**tightest.headers, **response.headers})
