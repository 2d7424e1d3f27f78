"""Recognises errors and throttling in the answers of a provider, and words them for the caller."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

from isthmus.definitions.integration import IntegrationConfig, RateLimit
from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.error_messages import (
    clean_reason,
    describe_body,
    find_error_message,
    find_secret_values,
    word_error,
)
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
    "detect_throttling",
    "find_failure",
    "find_missing_scopes",
    "make_account_closed_error",
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
    """Tells whether the answers of one request are throttling. Each answer is evaluated once, though both the
    gateway and the call ask."""

    __slots__ = ("_last", "_spec", "_wait")

    def __init__(self, spec: RateLimit | None = None) -> None:
        """Makes a detector for one request. `spec`: the definition's `rate_limit` block; None for the default
        rule, status 429."""
        self._spec: Final = spec
        self._last: HttpResponse | None = None
        self._wait: float | None = None

    async def find_wait(
        self, response: HttpResponse, clock: Clock, *, longest: float = MAX_WAIT
    ) -> float | None:
        """Returns the seconds to wait, from when the answer was first looked at, and at most `longest`, as it
        was then; None where it is not throttling."""
        if self._spec is None and response.status != _TOO_MANY_REQUESTS:
            return None
        if self._last is not response:
            now = clock.now().timestamp()
            wait = await run_in_turns(partial(detect_throttling, self._spec, response, now=now))
            self._wait = None if wait is None else min(wait, longest)
            self._last = response
        return self._wait


def detect_throttling(spec: RateLimit | None, response: HttpResponse, *, now: float) -> float | None:
    """Returns seconds to wait from now (0 to 86,400); None where the answer is not throttling.

    `now`: epoch seconds. Without `is_rate_limited` in `spec`, status 429 decides. Where neither expression of
    `spec` gives a number, `Retry-After` (seconds or an HTTP date) does, else the wait is 10 s.
    """
    if spec is None:
        return _read_wait_from_headers(response, now) if response.status == _TOO_MANY_REQUESTS else None
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
        return _read_wait_from_headers(response, now)
    return min(max(*waits, 0.0), MAX_WAIT)


def make_account_closed_error(seconds: float) -> RemoteError:
    """Returns the error of a call that is not sent, because the provider told an earlier call of the account
    to wait. `seconds`: how long the account still waits."""
    whole = max(1, math.ceil(seconds))
    return RemoteError(
        f"The provider asked to wait (429), and {whole} seconds of that are left. Repeat the call then.",
        status=429,
        raw_response=None,
        headers={"retry-after": str(whole)},
    )


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Returns the seconds from now that a `Retry-After` header asks for (RFC 9110 §10.2.3), at most a day;
    None where it is absent or unreadable."""
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


def _read_wait_from_headers(response: HttpResponse, now: float) -> float:
    """Returns the seconds that `Retry-After` asks for, else the default wait."""
    wait = parse_retry_after(response.headers, now)
    return DEFAULT_WAIT if wait is None else wait


def _evaluate_number(field: str, expression: Expression | None, root: Mapping[str, Any]) -> float | None:
    """Evaluates an expression of the `rate_limit` block. Returns None if it is absent, fails, or gives no
    finite number; numeric text counts as a number. `field`: its name, for the log."""
    if expression is None:
        return None
    value = evaluate_or_undefined(f"rate_limit.{field}", expression, root)
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
    """What an `error_expression` returned for an answer. None: it did not name that. `details`: its further
    keys."""

    status: int | None = None
    message: str | None = None
    error: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class ProviderFailure(Exception):
    """An error answer of the provider, before it is worded for a caller. `status`: the one that the answer
    means. `body`: parsed, any JSON value or text. `raw`: the body as the caller gets it, text for XML.
    `verdict`: what the definition's `error_expression` says. `now`: epoch seconds of the answer."""

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
        self._response = response

    def make_message(self, product: str, config: IntegrationConfig, context: Mapping[str, Any]) -> str:
        """Returns the message for the caller: the product, the status, and as the reason what the
        `error_expression` says, else what is found in the body, else the beginning of the body. `config`,
        `context`: of the account, whose secrets are masked."""
        secrets = list(find_secret_values(config, context))
        reason = (
            clean_reason(self.verdict.message or "", secrets)
            or clean_reason(find_error_message(self.body), secrets)
            or describe_body(self._response, secrets)
        )
        return word_error(product, self._response.status, self.status, reason)

    def get_headers_for_caller(self) -> dict[str, str]:
        """Returns those headers of the answer that are passed on to the caller."""
        return select_headers_for_caller(self.headers, self.now)


def find_failure(
    expression: Expression | None, response: HttpResponse, body: Any, now: float
) -> ProviderFailure | None:
    """Returns the failure that an answer means; None for a success.

    A status of 400 and above is an error. `expression`, an `error_expression`, may recognise others, and word
    any; one that fails is ignored. `body`: the parsed body. `now`: epoch seconds.
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
    """Returns the failure of a throttled answer: a 429 with `Retry-After` in whole seconds, however the
    provider put it. `expression`: an `error_expression`, which may word it, and does not change the
    status."""
    headers = {**response.headers, "retry-after": str(max(1, math.ceil(wait)))}
    with_wait, body = replace(response, headers=headers), parse_error_body(method, response)
    verdict = _NO_VERDICT if expression is None else _evaluate_error_expression(expression, response, body)
    return ProviderFailure(429, with_wait, body, verdict, now)


_NO_VERDICT: Final = ErrorVerdict()


def _evaluate_error_expression(expression: Expression, response: HttpResponse, body: Any) -> ErrorVerdict:
    """Evaluates an `error_expression` on an answer. Returns `_NO_VERDICT` where the result is falsy or the
    expression fails."""
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
    """Returns the `status` or `statusCode` of an expression's result, where it is one of an error (400 to
    599); else None."""
    for name in ("status", "statusCode"):
        number = parse_whole_number(value.get(name))
        if number in _ERROR_STATUSES:
            return number
    return None


def select_headers_for_caller(headers: Mapping[str, str], now: float) -> dict[str, str]:
    """Returns the headers of a provider's answer that the caller gets: of rate limits, the request id, and
    `Retry-After` as whole seconds >= 1, because clients understand nothing else. `now`: epoch seconds."""
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
    """Returns the OAuth scopes among `needed` that the account, by its context, was not granted."""
    oauth = context.get("oauth")
    granted = oauth.get("scope") if isinstance(oauth, Mapping) else None
    held = granted.split() if isinstance(granted, str) else granted or ()
    return [scope for scope in dict.fromkeys(needed) if scope not in held]


def make_remote_insights(status: int, scopes: tuple[str, ...], context: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the insights of an error that proxy calls have too, by name: `forbidden_error` on a 403, else
    none."""
    if status != 403:
        return {}
    return {
        "forbidden_error": {
            "description": "The provider refused the call; the account may lack scopes that it needs.",
            "value": {"missing_scopes": find_missing_scopes(scopes, context)},
        }
    }


def to_proxy_error(
    provider_failure: ProviderFailure, message: str, scopes: tuple[str, ...], context: Mapping[str, Any]
) -> RemoteError:
    """Returns the error that the caller of a proxy call gets: the provider's body is under both
    `raw_response` and `details`."""
    return RemoteError(
        message,
        status=provider_failure.status,
        raw_response=provider_failure.raw,
        error=provider_failure.verdict.error,
        details=dict(provider_failure.verdict.details) or provider_failure.raw,
        insight=make_remote_insights(provider_failure.status, scopes, context),
        headers=provider_failure.get_headers_for_caller(),
    )
