"""A provider that is away while an account is validated: that says nothing of what was entered."""

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

__all__ = ["StageTooLong", "again_at", "is_outage", "patiently"]

T = TypeVar("T")

_THROTTLED: Final = 429
_SERVER_ERROR: Final = 500
_PAUSES: Final = (1.0, 2.0, 4.0)
_FIRST_WAIT: Final = timedelta(minutes=5)
_LONGEST: Final = timedelta(hours=24)


class StageTooLong(IsthmusError):
    """The time of a stage was over before its steps were done."""

    status = 422


def is_outage(failed: IsthmusError) -> bool:
    if isinstance(failed, RemoteError):
        return failed.status == _THROTTLED or failed.status >= _SERVER_ERROR
    if isinstance(failed, TokenEndpointFailed):
        return failed.may_retry
    return isinstance(failed, UpstreamUnreachable | UpstreamTimeout | StageTooLong)


async def patiently(clock: Clock, attempt: Callable[[], Awaitable[T]]) -> T:
    """As a renewal meets an outage (`connect.md` §9): again after 1, 2 and 4 seconds."""
    for pause in _PAUSES:
        try:
            return await attempt()
        except IsthmusError as failed:
            if not is_outage(failed):
                raise
        await clock.sleep(pause)
    return await attempt()


def again_at(since: datetime, now: datetime) -> datetime | None:
    """When to try again what has failed since then: after the same time once more. None after a day of it."""
    lasted = now - since
    return None if lasted > _LONGEST else now + max(_FIRST_WAIT, lasted)
