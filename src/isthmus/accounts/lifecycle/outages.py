"""Retries an account's validation while the provider is unavailable: an outage says nothing about the
credentials."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from isthmus.errors import (
    IsthmusError,
    RemoteError,
    TokenEndpointFailed,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from isthmus.kit.clock import Clock

__all__ = ["StageTimeout", "compute_next_retry", "is_outage", "retry_during_outage"]

T = TypeVar("T")

_THROTTLED: Final = 429
_SERVER_ERROR: Final = 500
_RETRY_PAUSES: Final = (1.0, 2.0, 4.0)
_MIN_WAIT: Final = timedelta(minutes=5)
_MAX_OUTAGE: Final = timedelta(hours=24)


class StageTimeout(IsthmusError):
    """The steps of a stage took longer than its time limit."""

    status = 422


def is_outage(error: IsthmusError) -> bool:
    """Return True if an error says that the provider is unavailable or too slow, not that the request was
    wrong."""
    if isinstance(error, RemoteError):
        return error.status == _THROTTLED or error.status >= _SERVER_ERROR
    if isinstance(error, TokenEndpointFailed):
        return error.may_retry
    return isinstance(error, UpstreamUnreachable | UpstreamTimeout | StageTimeout)


async def retry_during_outage(clock: Clock, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what `attempt` returns; after an outage, try it again after 1, 2 and 4 seconds. Raises its last
    error."""
    for pause in _RETRY_PAUSES:
        try:
            return await attempt()
        except IsthmusError as failed:
            if not is_outage(failed):
                raise
        await clock.sleep(pause)
    return await attempt()


def compute_next_retry(since: datetime, now: datetime) -> datetime | None:
    """Return when to retry during an outage that has lasted since `since`: after the same time again, but at
    least five minutes. None after a day."""
    lasted = now - since
    return None if lasted > _MAX_OUTAGE else now + max(_MIN_WAIT, lasted)
