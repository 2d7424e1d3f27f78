"""Is this answer throttling, and for how long (`definitions.md` §1.7)? Keeping the wait is a gateway's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from isthmus.definitions.rate_limit import RateLimit
from isthmus.engine.scopes import evaluate_or_undefined, truthy
from isthmus.errors import RemoteError
from isthmus.expressions import Expression
from isthmus.http.messages import HttpResponse

__all__ = ["DEFAULT_WAIT", "LONGEST_WAIT", "closed", "detect", "retry_after_seconds"]

DEFAULT_WAIT: Final = 10.0
LONGEST_WAIT: Final = 86_400.0


def detect(spec: RateLimit | None, response: HttpResponse, *, now: float) -> float | None:
    """Seconds to wait from now (0 to 86,400), or None where the answer is not throttling.

    `now`: epoch seconds. Without `is_rate_limited`, status 429 decides; where neither expression gives a
    number, `Retry-After` (seconds or an HTTP date) does, else 10 s.
    """
    if spec is None:
        return _standard_wait(response, now) if response.status == 429 else None
    root = {"headers": dict(response.headers), "status": response.status}
    if spec.is_rate_limited is None:
        limited = response.status == 429
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
