"""How the fake limits a key, and what it remembers of each request."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["RequestLimit", "Visit"]


@dataclass(slots=True)
class Visit:
    """One request as the fake saw it. `at`, `answered` and `wait_until`: seconds of its clock.

    `wait_until` is set on the answer 429: no request should come before it. `inside_wait`: this one did come
    within a wait that an earlier answer had announced (`answered` of that answer lies before `at`).
    """

    at: float
    method: str
    path: str
    query: dict[str, str]
    key: str | None
    status: int = 0
    answered: float = 0.0
    wait_until: float | None = None
    inside_wait: bool = False
    seconds_into_wait: float = 0.0


@dataclass(slots=True)
class _Account:
    recent: deque[float]
    wait_until: float = 0.0
    announced: float = 0.0


class RequestLimit:
    """At most `requests` in any window of `seconds`, for each key; None or 0 `requests` turn it off.

    One too many starts a wait of `wait_seconds`, in which everything is refused. With `tells_wait` the
    refusal carries `retry-after`.
    """

    def __init__(
        self,
        requests: int | None = 5,
        *,
        seconds: float = 1.0,
        wait_seconds: float = 1.0,
        tells_wait: bool = True,
    ) -> None:
        self.requests = requests
        self.seconds = seconds
        self.wait_seconds = wait_seconds
        self.tells_wait = tells_wait
        self._accounts: dict[str, _Account] = {}

    def admit(self, visit: Visit) -> float | None:
        """Returns the seconds that the caller has to wait, or None. Marks a visit that came inside a wait."""
        if not self.requests or visit.key is None:
            return None
        account = self._accounts.setdefault(visit.key, _Account(deque()))
        now = visit.at
        if now < account.wait_until:
            visit.inside_wait = True
            visit.seconds_into_wait = now - account.announced
            visit.wait_until = account.wait_until
            return account.wait_until - now
        while account.recent and account.recent[0] <= now - self.seconds:
            account.recent.popleft()
        if len(account.recent) < self.requests:
            account.recent.append(now)
            return None
        account.recent.clear()
        account.announced = now
        account.wait_until = visit.wait_until = now + self.wait_seconds
        return self.wait_seconds
