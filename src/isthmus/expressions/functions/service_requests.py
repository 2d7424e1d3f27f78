"""Requests of functions to other servers: only through the fetch port that was handed in.

The retry policy is the same for all (`functions.md` §9): rate limits, server errors and network faults are
tried again, other answers stop at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from isthmus.errors import EgressDenied, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from isthmus.expressions.errors import REFUSED, ExpressionError, function_error, not_configured_error
from isthmus.expressions.library import Evaluation

__all__ = ["Retry", "document_service", "exchange", "has_port"]

_ATTEMPTS: Final = 6
_MAX_BYTES: Final = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Retry:
    """Pauses grow from `first` to `longest` seconds; everything ends after `total`."""

    first: float = 2.5
    longest: float = 5.0
    total: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def has_port(evaluation: Evaluation) -> bool:
    return evaluation.services.fetch is not None


def document_service(evaluation: Evaluation) -> tuple[object, object]:
    """Address and key of the service for documents: of the bindings, or what the operator configured."""
    bindings, settings = evaluation.bindings, evaluation.services.settings
    url = bindings.get("documentParserApiUrl") or settings.get("documents.url")
    return url, bindings.get("documentParserApiKey") or settings.get("documents.key")


async def exchange(
    evaluation: Evaluation,
    function: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    retry: Retry,
) -> Answer:
    """POST until there is an answer that is not worth a retry; the last one otherwise.

    Raises for a fault of the network, with the name of its class: addresses and credentials stay out.
    """
    fetch, clock = evaluation.services.fetch, evaluation.services.clock
    if fetch is None:
        raise not_configured_error(function)
    ends = clock.monotonic() + min(retry.total, evaluation.limits.awaited_seconds)
    pause = retry.first
    for attempt in range(1, _ATTEMPTS + 1):
        answer: Answer | None = None
        try:
            left = max(0.1, ends - clock.monotonic())
            status, received, data = await fetch(
                "POST", url, headers=headers, body=body, seconds=left, max_bytes=_MAX_BYTES
            )
            answer = Answer(status, {name.lower(): value for name, value in received.items()}, data)
        except (OSError, TimeoutError, UpstreamUnreachable, UpstreamTimeout) as error:
            failure: ExpressionError = function_error(
                function, f"{function}: no answer ({type(error).__name__})"
            )
        except EgressDenied as error:
            raise ExpressionError(REFUSED, f"{function}: {error.message}", token=function) from None
        except UpstreamError as error:
            raise function_error(function, f"{function}: {error.message}") from None
        if answer is not None and answer.status != 429 and answer.status < 500:
            return answer
        if attempt == _ATTEMPTS or clock.monotonic() + pause >= ends:
            break
        await clock.sleep(pause)
        pause = min(pause * 2, retry.longest)
    if answer is not None:
        return answer
    raise failure
