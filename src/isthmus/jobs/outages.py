"""When the database was away: each outage is told once, then every minute that it lasts."""

from __future__ import annotations

import logging
import time
from typing import Final

__all__ = ["Away", "Outages"]

_log = logging.getLogger("isthmus.jobs")
_ENDED_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 60.0


class Away(ConnectionError):
    """The database does not answer now, or its answer was lost."""


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
