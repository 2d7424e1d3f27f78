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
    """Return True if an error is temporary: the provider is unavailable, too slow or rate limits. False if
    the request was wrong."""
    if isinstance(error, RemoteError):
        return error.status == _THROTTLED or error.status >= _SERVER_ERROR
    if isinstance(error, TokenEndpointFailed):
        return error.is_retryable
    return isinstance(error, UpstreamUnreachable | UpstreamTimeout | StageTimeout)


async def retry_during_outage(clock: Clock, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what `attempt` returns. While it fails because of an outage (`is_outage`), try it again after 1,
    2 and 4 seconds, then raise its last error; any other error is raised at once."""
    for pause in _RETRY_PAUSES:
        try:
            return await attempt()
        except IsthmusError as error:
            if not is_outage(error):
                raise
        await clock.sleep(pause)
    return await attempt()


def compute_next_retry(outage_began: datetime, now: datetime) -> datetime | None:
    """Return when to retry during an outage that began at `outage_began`: each pause doubles the time since
    then, but lasts at least five minutes. Return None if the outage has lasted for more than a day."""
    duration = now - outage_began
    return None if duration > _MAX_OUTAGE else now + max(_MIN_WAIT, duration)
