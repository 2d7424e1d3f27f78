"""When the database was away: each outage is told once, then every minute that it lasts."""

from __future__ import annotations

import logging
import time
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as WaitedTooLong

__all__ = ["Away", "Outages", "is_away"]

_log = logging.getLogger("isthmus.jobs")
_ENDED_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 60.0


class Away(ConnectionError):
    """The database does not answer now, or its answer was lost."""


def is_away(error: Exception) -> bool:
    """Whether the database is. A statement that it refuses is a fault of ours, to be told as one: to take it
    for an outage would also keep anybody from being judged dead."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, OperationalError | InterfaceError | WaitedTooLong | OSError)


class Outages:
    """`last`: when the database was away last, by `time.monotonic()`."""

    def __init__(self, last: float | None = None) -> None:
        self.last = last
        self._told: float | None = None

    def note(self, what: str, error: Exception) -> None:
        """`what` waits for the database."""
        now = time.monotonic()
        is_new = self._told is None or self.last is None or now - self.last > _ENDED_SECONDS
        if is_new or now - (self._told or 0.0) >= _AGAIN_SECONDS:
            # Never the words of an error of SQLAlchemy's: they hold a statement.
            told = error if isinstance(error, Away) else type(error).__name__
            _log.warning("the database is away: %s: %s", what, told)
            self._told = now
        self.last = now
