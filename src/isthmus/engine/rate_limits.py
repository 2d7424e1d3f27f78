"""Is this answer throttling, and for how long (`definitions.md` §1.7)? Keeping the wait is a gateway's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

from isthmus.definitions.rate_limit import RateLimit
from isthmus.engine.scopes import evaluate_or_undefined, truthy
from isthmus.errors import RemoteError
from isthmus.expressions import Expression, run_in_turns
from isthmus.http.messages import HttpResponse
from isthmus.kit.clock import Clock

__all__ = ["DEFAULT_WAIT", "LONGEST_WAIT", "Throttling", "closed", "detect", "retry_after_seconds"]

DEFAULT_WAIT: Final = 10.0
LONGEST_WAIT: Final = 86_400.0
_TOO_MANY: Final = 429


class Throttling:
    """Whether the answers of one request are throttling. Found out once an answer, whoever asks first: a
    gateway that has to keep the wait, or the call itself."""

    __slots__ = ("_last", "_spec", "_wait")

    def __init__(self, spec: RateLimit | None = None) -> None:
        """`spec`: None means the default rule (status 429)."""
        self._spec: Final = spec
        self._last: HttpResponse | None = None
        self._wait: float | None = None

    async def wait(self, response: HttpResponse, clock: Clock) -> float | None:
        """As `detect`, in seconds from when the answer was first looked at."""
        if self._spec is None and response.status != _TOO_MANY:
            return None
        if self._last is not response:
            now = clock.now().timestamp()
            self._wait = await run_in_turns(partial(detect, self._spec, response, now=now))
            self._last = response
        return self._wait


def detect(spec: RateLimit | None, response: HttpResponse, *, now: float) -> float | None:
    """Seconds to wait from now (0 to 86,400), or None where the answer is not throttling.

    `now`: epoch seconds. Without `is_rate_limited`, status 429 decides; where neither expression gives a
    number, `Retry-After` (seconds or an HTTP date) does, else 10 s.
    """
    if spec is None:
        return _standard_wait(response, now) if response.status == _TOO_MANY else None
    root = {"headers": dict(response.headers), "status": response.status}
    if spec.is_rate_limited is None:
        limited = response.status == _TOO_MANY
    else:
        limited = truthy(evaluate_or_undefined("rate_limit.is_rate_limited", spec.is_rate_limited, root))
    if not limited:
        return None
    after = _number("retry_after_header_expression", spec.retry_after_header_expression, root)
    reset = _number("rate_limit_header_expression", spec.rate_limit_header_expression, root)
    waits = [after if after is not None else 0.0, reset - now if reset is not None else 0.0]
    if after is None and reset is None:
        return _standard_wait(response, now)
    return min(max(*waits, 0.0), LONGEST_WAIT)


def closed(seconds: float) -> RemoteError:
    """What a call gets, unsent, while its account waits: the provider said so to an earlier call."""
    whole = max(1, math.ceil(seconds))
    return RemoteError(
        f"The provider asked to wait, and {whole} seconds of that are left. Repeat the call after them.",
        status=429,
        raw_response=None,
        headers={"retry-after": str(whole)},
    )


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` (RFC 9110 §10.2.3) in seconds from now; None where absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        try:
            number = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(number, 0.0), LONGEST_WAIT) if math.isfinite(number) else None


def _standard_wait(response: HttpResponse, now: float) -> float:
    wait = retry_after_seconds(response.headers, now)
    return DEFAULT_WAIT if wait is None else wait


def _number(name: str, expression: Expression | None, root: Mapping[str, Any]) -> float | None:
    if expression is None:
        return None
    value = evaluate_or_undefined(f"rate_limit.{name}", expression, root)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
