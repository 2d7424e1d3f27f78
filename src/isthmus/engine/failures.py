"""Errors of the third party: telling one, and what the caller is told (`definitions.md` §1.10, §4.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.numbers import whole_number
from isthmus.engine.rate_limits import retry_after_seconds
from isthmus.engine.responses import error_body, is_xml, text_of
from isthmus.engine.scopes import evaluate_or_undefined, truthy
from isthmus.errors import RemoteError
from isthmus.expressions import Expression
from isthmus.http.messages import HttpResponse

__all__ = [
    "RemoteFailure",
    "Verdict",
    "default_message",
    "error_status",
    "find_failure",
    "forwarded_headers",
    "missing_scopes",
    "proxy_error",
    "rate_limited",
    "remote_insights",
]

_FORWARDED: Final = ("x-ratelimit-", "x-rate-limit-", "ratelimit-")
_STATUSES: Final = range(400, 600)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an `error_expression` said. None: it left that open. `details`: its further keys."""

    status: int | None = None
    message: str | None = None
    error: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class RemoteFailure(Exception):
    """The third party's error before it is shaped for a caller. `body`: parsed, any JSON value or text.
    `raw`: what the caller is shown of it, which is text where the body is XML."""

    def __init__(self, status: int, response: HttpResponse, body: Any, verdict: Verdict, now: float) -> None:
        super().__init__(status)
        self.status = status
        self.headers = response.headers
        self.body = body
        self.raw = text_of(response) if is_xml(response) else body
        self.verdict = verdict
        self.now = now

    @property
    def message(self) -> str:
        if self.verdict.message is not None:
            return self.verdict.message
        is_parsed_xml = self.raw is not self.body and isinstance(self.body, dict)
        return default_message(next(iter(self.body.values())) if is_parsed_xml else self.body)

    def forwarded(self) -> dict[str, str]:
        return forwarded_headers(self.headers, self.now)


def find_failure(
    expression: Expression | None, response: HttpResponse, body: Any, now: float
) -> RemoteFailure | None:
    """A status of 400 and above is an error; the expression adds others, and may say more about any.

    `body`: the parsed body. An expression that fails says nothing.
    """
    verdict = _NOTHING
    if expression is not None:
        verdict = _judge(expression, response, body)
    if response.status >= 400:
        status = verdict.status or response.status
    elif verdict is not _NOTHING:
        status = verdict.status or 502
    else:
        return None
    return RemoteFailure(status, response, body, verdict, now)


def rate_limited(
    method: MethodDefinition, expression: Expression | None, response: HttpResponse, wait: float, now: float
) -> RemoteFailure:
    """Throttling is a 429 with `Retry-After` in whole seconds, however the provider put it. `expression`: an
    `error_expression`, which may say more about it, but for its status."""
    headers = {**response.headers, "retry-after": str(max(1, math.ceil(wait)))}
    told, body = replace(response, headers=headers), error_body(method, response)
    verdict = _NOTHING if expression is None else _judge(expression, response, body)
    return RemoteFailure(429, told, body, verdict, now)


_NOTHING: Final = Verdict()


def _judge(expression: Expression, response: HttpResponse, body: Any) -> Verdict:
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
    if not truthy(value):
        return _NOTHING
    if isinstance(value, str):
        return Verdict(message=value)
    if not isinstance(value, dict):
        return Verdict()
    rest = {
        key: item for key, item in value.items() if key not in {"message", "status", "statusCode", "error"}
    }
    message, error = value.get("message"), value.get("error")
    return Verdict(
        status=error_status(value),
        message=message if isinstance(message, str) else None,
        error=error if isinstance(error, str) else None,
        details=rest,
    )


def error_status(value: Mapping[str, Any]) -> int | None:
    """`status` or `statusCode` of an expression's result, where it is that of an error."""
    for name in ("status", "statusCode"):
        given = value.get(name)
        number = whole_number(given)
        if number in _STATUSES:
            return number
    return None


def default_message(body: Any) -> str:
    """The first text that providers commonly put an error's message into; "" where there is none."""
    if isinstance(body, list):
        first = body[0] if body else None
        return _first_text(first.get("message")) if isinstance(first, dict) else ""
    if not isinstance(body, dict):
        return ""
    error, errors = body.get("error"), body.get("errors")
    nested = error.get("message") if isinstance(error, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return _first_text(
        body.get("message"),
        nested,
        body.get("error_description"),
        error,
        first.get("message") if isinstance(first, dict) else first,
        body.get("detail"),
        body.get("title"),
    )


def _first_text(*candidates: Any) -> str:
    return next((text for text in candidates if isinstance(text, str) and text), "")


def forwarded_headers(headers: Mapping[str, str], now: float) -> dict[str, str]:
    """Those of a provider's headers that tell the caller how to go on. `Retry-After` as whole seconds >= 1,
    because clients wait for nothing else."""
    forwarded = {
        name: value
        for name, value in headers.items()
        if name.startswith(_FORWARDED) or name == "x-request-id"
    }
    wait = retry_after_seconds(headers, now)
    if wait is not None:
        forwarded["retry-after"] = str(max(1, math.ceil(wait)))
    return forwarded


def missing_scopes(needed: tuple[str, ...], context: Mapping[str, Any]) -> list[str]:
    """The method's scopes that the account was not granted."""
    oauth = context.get("oauth")
    granted = oauth.get("scope") if isinstance(oauth, Mapping) else None
    held = granted.split() if isinstance(granted, str) else granted or ()
    return [scope for scope in dict.fromkeys(needed) if scope not in held]


def remote_insights(status: int, scopes: tuple[str, ...], context: Mapping[str, Any]) -> dict[str, Any]:
    """`forbidden_error` on a 403, the one insight that proxy calls have too."""
    if status != 403:
        return {}
    return {
        "forbidden_error": {
            "description": "The provider refused the call; the account may lack scopes that it needs.",
            "value": {"missing_scopes": missing_scopes(scopes, context)},
        }
    }


def proxy_error(failed: RemoteFailure, scopes: tuple[str, ...], context: Mapping[str, Any]) -> RemoteError:
    """A proxy call's error: the provider's body under both of its names (`api.md` A24)."""
    return RemoteError(
        failed.message,
        status=failed.status,
        raw_response=failed.raw,
        error=failed.verdict.error,
        details=dict(failed.verdict.details) or failed.raw,
        insight=remote_insights(failed.status, scopes, context),
        headers=failed.forwarded(),
    )
