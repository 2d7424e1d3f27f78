"""Sends the requests of functions to services of the operator, with retries, through the evaluation's
fetcher.

Rate limits, server errors and network faults are retried; any other response ends the request at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from isthmus.errors import EgressDenied, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from isthmus.expressions.errors import (
    REFUSED,
    ExpressionError,
    make_function_error,
    make_not_configured_error,
)
from isthmus.expressions.library import Evaluation

__all__ = [
    "RetryPolicy",
    "ServiceResponse",
    "get_document_service",
    "has_fetcher",
    "post_with_retry",
    "raise_for_status",
]

_MAX_ATTEMPTS: Final = 6
_MAX_RESPONSE_BYTES: Final = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Pauses between attempts double from `first` to `longest` seconds; all attempts take at most `total`."""

    first: float = 2.5
    longest: float = 5.0
    total: float = 60.0


@dataclass(frozen=True, slots=True)
class ServiceResponse:
    """`headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def has_fetcher(evaluation: Evaluation) -> bool:
    """Return whether the operator lets functions reach other servers at all."""
    return evaluation.services.fetch is not None


def get_document_service(evaluation: Evaluation) -> tuple[object, object]:
    """Return the address and key of the document service: those of the bindings, else those the operator
    configured.

    They may be of any type, or None where there are none.
    """
    bindings, settings = evaluation.bindings, evaluation.services.settings
    url = bindings.get("documentParserApiUrl") or settings.get("documents.url")
    return url, bindings.get("documentParserApiKey") or settings.get("documents.key")


async def post_with_retry(
    evaluation: Evaluation,
    function: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    retry: RetryPolicy,
) -> ServiceResponse:
    """POST until a response is not worth a retry; the last response where attempts or time run out.

    Raises ExpressionError where the last attempt got no response, or the operator does not allow the host.
    Its message has the class of a network fault, never an address or a credential.
    """
    fetch, clock = evaluation.services.fetch, evaluation.services.clock
    if fetch is None:
        raise make_not_configured_error(function)
    deadline = clock.monotonic() + min(retry.total, evaluation.limits.awaited_seconds)
    pause = retry.first
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        response: ServiceResponse | None = None
        try:
            seconds_left = max(0.1, deadline - clock.monotonic())
            status, received, data = await fetch(
                "POST", url, headers=headers, body=body, seconds=seconds_left, max_bytes=_MAX_RESPONSE_BYTES
            )
            response = ServiceResponse(
                status, {name.lower(): value for name, value in received.items()}, data
            )
        except (OSError, UpstreamUnreachable, UpstreamTimeout) as error:
            failure: ExpressionError = make_function_error(
                function, f"{function}: no answer ({type(error).__name__})"
            )
        except EgressDenied as error:
            raise ExpressionError(REFUSED, f"{function}: {error.message}", token=function) from None
        except UpstreamError as error:
            raise make_function_error(function, f"{function}: {error.message}") from None
        if response is not None and response.status != 429 and response.status < 500:
            return response
        if attempt == _MAX_ATTEMPTS or clock.monotonic() + pause >= deadline:
            break
        await clock.sleep(pause)
        pause = min(pause * 2, retry.longest)
    if response is not None:
        return response
    raise failure


def raise_for_status(response: ServiceResponse, function: str) -> None:
    """Raise the ExpressionError of a status from 400 up, in the words that callers know."""
    if response.status == 429:
        raise make_function_error(function, "Rate limit exceeded")
    if response.status >= 500:
        raise make_function_error(function, "Server error")
    if response.status >= 400:
        message = response.body[:2_000].decode("utf-8", "replace")
        raise make_function_error(function, message or f"status {response.status}")
