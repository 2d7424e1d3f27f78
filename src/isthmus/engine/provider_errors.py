"""Recognises errors and throttling in the answers of a provider, and words them for the caller."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.rate_limit import RateLimit
from isthmus.engine.evaluation import evaluate_or_undefined, is_truthy
from isthmus.engine.queries import parse_whole_number
from isthmus.engine.responses import decode_text, is_xml_answer, parse_error_body
from isthmus.errors import RemoteError
from isthmus.expressions import Expression, run_in_turns
from isthmus.http.messages import HttpResponse
from isthmus.kit.clock import Clock

__all__ = [
    "DEFAULT_WAIT",
    "MAX_WAIT",
    "ErrorVerdict",
    "ProviderFailure",
    "ThrottleDetector",
    "account_closed_error",
    "detect_throttling",
    "find_error_message",
    "find_failure",
    "find_missing_scopes",
    "make_remote_insights",
    "make_throttled_failure",
    "parse_retry_after",
    "read_error_status",
    "select_headers_for_caller",
    "to_proxy_error",
]

DEFAULT_WAIT: Final = 10.0
MAX_WAIT: Final = 86_400.0
_TOO_MANY_REQUESTS: Final = 429


class ThrottleDetector:
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
        if self._spec is None and response.status != _TOO_MANY_REQUESTS:
            return None
        if self._last is not response:
            now = clock.now().timestamp()
            self._wait = await run_in_turns(partial(detect_throttling, self._spec, response, now=now))
            self._last = response
        return self._wait


def detect_throttling(spec: RateLimit | None, response: HttpResponse, *, now: float) -> float | None:
    """Seconds to wait from now (0 to 86,400), or None where the answer is not throttling.

    `now`: epoch seconds. Without `is_rate_limited`, status 429 decides; where neither expression gives a
    number, `Retry-After` (seconds or an HTTP date) does, else 10 s.
    """
    if spec is None:
        return _wait_from_headers(response, now) if response.status == _TOO_MANY_REQUESTS else None
    root = {"headers": dict(response.headers), "status": response.status}
    if spec.is_rate_limited is None:
        limited = response.status == _TOO_MANY_REQUESTS
    else:
        limited = is_truthy(evaluate_or_undefined("rate_limit.is_rate_limited", spec.is_rate_limited, root))
    if not limited:
        return None
    after = _evaluate_number("retry_after_header_expression", spec.retry_after_header_expression, root)
    reset = _evaluate_number("rate_limit_header_expression", spec.rate_limit_header_expression, root)
    waits = [after if after is not None else 0.0, reset - now if reset is not None else 0.0]
    if after is None and reset is None:
        return _wait_from_headers(response, now)
    return min(max(*waits, 0.0), MAX_WAIT)


def account_closed_error(seconds: float) -> RemoteError:
    """What a call gets, unsent, while its account waits: the provider said so to an earlier call."""
    whole = max(1, math.ceil(seconds))
    return RemoteError(
        f"The provider asked to wait, and {whole} seconds of that are left. Repeat the call after them.",
        status=429,
        raw_response=None,
        headers={"retry-after": str(whole)},
    )


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
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
    return min(max(number, 0.0), MAX_WAIT) if math.isfinite(number) else None


def _wait_from_headers(response: HttpResponse, now: float) -> float:
    wait = parse_retry_after(response.headers, now)
    return DEFAULT_WAIT if wait is None else wait


def _evaluate_number(name: str, expression: Expression | None, root: Mapping[str, Any]) -> float | None:
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


_RATE_LIMIT_PREFIXES: Final = ("x-ratelimit-", "x-rate-limit-", "ratelimit-")
_ERROR_STATUSES: Final = range(400, 600)


@dataclass(frozen=True, slots=True)
class ErrorVerdict:
    """What an `error_expression` said. None: it left that open. `details`: its further keys."""

    status: int | None = None
    message: str | None = None
    error: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class ProviderFailure(Exception):
    """The third party's error before it is shaped for a caller. `body`: parsed, any JSON value or text.
    `raw`: what the caller is shown of it, which is text where the body is XML."""

    def __init__(
        self, status: int, response: HttpResponse, body: Any, verdict: ErrorVerdict, now: float
    ) -> None:
        super().__init__(status)
        self.status = status
        self.headers = response.headers
        self.body = body
        self.raw = decode_text(response) if is_xml_answer(response) else body
        self.verdict = verdict
        self.now = now

    @property
    def message(self) -> str:
        if self.verdict.message is not None:
            return self.verdict.message
        is_parsed_xml = self.raw is not self.body and isinstance(self.body, dict)
        return find_error_message(next(iter(self.body.values())) if is_parsed_xml else self.body)

    def forwarded(self) -> dict[str, str]:
        return select_headers_for_caller(self.headers, self.now)


def find_failure(
    expression: Expression | None, response: HttpResponse, body: Any, now: float
) -> ProviderFailure | None:
    """A status of 400 and above is an error; the expression adds others, and may say more about any.

    `body`: the parsed body. An expression that fails says nothing.
    """
    verdict = _NO_VERDICT
    if expression is not None:
        verdict = _evaluate_error_expression(expression, response, body)
    if response.status >= 400:
        status = verdict.status or response.status
    elif verdict is not _NO_VERDICT:
        status = verdict.status or 502
    else:
        return None
    return ProviderFailure(status, response, body, verdict, now)


def make_throttled_failure(
    method: MethodDefinition, expression: Expression | None, response: HttpResponse, wait: float, now: float
) -> ProviderFailure:
    """Throttling is a 429 with `Retry-After` in whole seconds, however the provider put it. `expression`: an
    `error_expression`, which may say more about it, but for its status."""
    headers = {**response.headers, "retry-after": str(max(1, math.ceil(wait)))}
    told, body = replace(response, headers=headers), parse_error_body(method, response)
    verdict = _NO_VERDICT if expression is None else _evaluate_error_expression(expression, response, body)
    return ProviderFailure(429, told, body, verdict, now)


_NO_VERDICT: Final = ErrorVerdict()


def _evaluate_error_expression(expression: Expression, response: HttpResponse, body: Any) -> ErrorVerdict:
    headers = dict(response.headers)
    root = {
        "response": {
            "status": response.status,
            "statusCode": response.status,
            "headers": headers,
            "body": body,
        },
        "headers": headers,
        "status": response.status,
        "data": body,
    }
    value = evaluate_or_undefined("error_expression", expression, root)
    if not is_truthy(value):
        return _NO_VERDICT
    if isinstance(value, str):
        return ErrorVerdict(message=value)
    if not isinstance(value, dict):
        return ErrorVerdict()
    rest = {
        key: item for key, item in value.items() if key not in {"message", "status", "statusCode", "error"}
    }
    message, error = value.get("message"), value.get("error")
    return ErrorVerdict(
        status=read_error_status(value),
        message=message if isinstance(message, str) else None,
        error=error if isinstance(error, str) else None,
        details=rest,
    )


def read_error_status(value: Mapping[str, Any]) -> int | None:
    """`status` or `statusCode` of an expression's result, where it is that of an error."""
    for name in ("status", "statusCode"):
        given = value.get(name)
        number = parse_whole_number(given)
        if number in _ERROR_STATUSES:
            return number
    return None


def find_error_message(body: Any) -> str:
    """The first text that providers commonly put an error's message into; "" where there is none."""
    if isinstance(body, list):
        first = body[0] if body else None
        return _first_nonempty_text(first.get("message")) if isinstance(first, dict) else ""
    if not isinstance(body, dict):
        return ""
    error, errors = body.get("error"), body.get("errors")
    nested = error.get("message") if isinstance(error, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return _first_nonempty_text(
        body.get("message"),
        nested,
        body.get("error_description"),
        error,
        first.get("message") if isinstance(first, dict) else first,
        body.get("detail"),
        body.get("title"),
    )


def _first_nonempty_text(*candidates: Any) -> str:
    return next((text for text in candidates if isinstance(text, str) and text), "")


def select_headers_for_caller(headers: Mapping[str, str], now: float) -> dict[str, str]:
    """Those of a provider's headers that tell the caller how to go on. `Retry-After` as whole seconds >= 1,
    because clients wait for nothing else."""
    forwarded = {
        name: value
        for name, value in headers.items()
        if name.startswith(_RATE_LIMIT_PREFIXES) or name == "x-request-id"
    }
    wait = parse_retry_after(headers, now)
    if wait is not None:
        forwarded["retry-after"] = str(max(1, math.ceil(wait)))
    return forwarded


def find_missing_scopes(needed: tuple[str, ...], context: Mapping[str, Any]) -> list[str]:
    """The method's scopes that the account was not granted."""
    oauth = context.get("oauth")
    granted = oauth.get("scope") if isinstance(oauth, Mapping) else None
    held = granted.split() if isinstance(granted, str) else granted or ()
    return [scope for scope in dict.fromkeys(needed) if scope not in held]


def make_remote_insights(status: int, scopes: tuple[str, ...], context: Mapping[str, Any]) -> dict[str, Any]:
    """`forbidden_error` on a 403, the one insight that proxy calls have too."""
    if status != 403:
        return {}
    return {
        "forbidden_error": {
            "description": "The provider refused the call; the account may lack scopes that it needs.",
            "value": {"missing_scopes": find_missing_scopes(scopes, context)},
        }
    }


def to_proxy_error(
    failed: ProviderFailure, scopes: tuple[str, ...], context: Mapping[str, Any]
) -> RemoteError:
    """A proxy call's error: the provider's body under both of its names (`api.md` A24)."""
    return RemoteError(
        failed.message,
        status=failed.status,
        raw_response=failed.raw,
        error=failed.verdict.error,
        details=dict(failed.verdict.details) or failed.raw,
        insight=make_remote_insights(failed.status, scopes, context),
        headers=failed.forwarded(),
    )
