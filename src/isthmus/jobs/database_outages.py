"""When the database was away: each outage is told once, then every minute that it lasts."""

from __future__ import annotations

import logging
import sqlite3
import time
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as WaitedTooLong

__all__ = ["Away", "Outages", "is_away"]

_log = logging.getLogger("isthmus.jobs")
_PRIMARY: Final = 0xFF  # of an extended code of SQLite's
_FILE_IS_AWAY: Final = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
)
_NO_CONNECTION: Final = "08"
_SERVER_IS_AWAY: Final = ("57P01", "57P02", "57P03", "57P05", "53100", "53300", "58030")
"""It shuts down, crashed, starts, closed what was idle, or has too many connections, no room, a bad disk."""

_ENDED_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 60.0


class Away(ConnectionError):
    """The database does not answer now, or its answer was lost."""


def is_away(error: BaseException | None) -> bool:
    """Whether the database is, by an error of SQLAlchemy's, of its driver's, or that one of these caused.

    A statement that it refuses is a fault of ours, to be told as one: to take it for an outage would also
    keep anybody from being judged dead.
    """
    if error is None:
        return False
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or is_away(error.orig)
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _FILE_IS_AWAY
    if isinstance(error, WaitedTooLong | OSError):
        return True
    if _is_psycopg(error):
        state = getattr(error, "sqlstate", None)
        return state in _SERVER_IS_AWAY or (state or _NO_CONNECTION).startswith(_NO_CONNECTION)
    return is_away(error.__cause__)


def _is_psycopg(error: BaseException) -> bool:
    """One that may be an outage; by its name, since it is not imported on SQLite."""
    names = {each.__name__ for each in type(error).__mro__ if each.__module__.startswith("psycopg")}
    return not names.isdisjoint({"OperationalError", "InterfaceError"})


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
