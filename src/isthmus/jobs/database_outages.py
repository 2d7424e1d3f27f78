"""Tells outages of the database from other errors, and logs each outage once and then every minute."""

from __future__ import annotations

import logging
import sqlite3
import time
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

__all__ = ["DatabaseUnavailable", "OutageReporter", "is_database_unavailable"]

_log = logging.getLogger("isthmus.jobs")

_PRIMARY_CODE_MASK: Final = 0xFF
"""The primary code within an extended result code of SQLite."""

_SQLITE_UNAVAILABLE: Final = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
)
_CONNECTION_EXCEPTION: Final = "08"
"""The class of SQLSTATE codes for lost connections."""

_POSTGRESQL_UNAVAILABLE: Final = ("57P01", "57P02", "57P03", "57P05", "53100", "53300", "58030")
"""SQLSTATE codes: shut down, crashed, starting up, idle session closed, disk full, too many connections, I/O
error."""

_OUTAGE_ENDED_SECONDS: Final = 10.0
_LOG_AGAIN_SECONDS: Final = 60.0


class DatabaseUnavailable(ConnectionError):
    """The database cannot be reached now, or its answer was lost."""


def is_database_unavailable(error: BaseException | None) -> bool:
    """Returns True if `error` means that the database cannot be reached: an error of SQLAlchemy or of its
    driver, or one that such an error caused.

    A statement that the database refuses is a bug and no outage: if it counted as one, no dead worker would
    be noticed any more.
    """
    if error is None:
        return False
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or is_database_unavailable(error.orig)
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE_MASK in _SQLITE_UNAVAILABLE
    if isinstance(error, PoolTimeout | OSError):
        return True
    if _is_psycopg_connection_error(error):
        state = getattr(error, "sqlstate", None)
        return state in _POSTGRESQL_UNAVAILABLE or (state or _CONNECTION_EXCEPTION).startswith(
            _CONNECTION_EXCEPTION
        )
    return is_database_unavailable(error.__cause__)


def _is_psycopg_connection_error(error: BaseException) -> bool:
    """Returns True if `error` is an OperationalError or InterfaceError of psycopg, by name: psycopg is not
    imported on SQLite."""
    names = {base.__name__ for base in type(error).__mro__ if base.__module__.startswith("psycopg")}
    return not names.isdisjoint({"OperationalError", "InterfaceError"})


class OutageReporter:
    """Logs outages of the database. `last`: when the latest one was noticed, by `time.monotonic()`."""

    def __init__(self, last: float | None = None) -> None:
        self.last = last
        self._logged_at: float | None = None

    def report(self, message: str, error: Exception) -> None:
        """Notes an outage; logs it if it is new or was last logged a minute ago. `message`: what waits for
        the database, as a sentence."""
        now = time.monotonic()
        is_new = self._logged_at is None or self.last is None or now - self.last > _OUTAGE_ENDED_SECONDS
        if is_new or now - (self._logged_at or 0.0) >= _LOG_AGAIN_SECONDS:
            # Never the text of an error of SQLAlchemy: it holds a statement.
            cause = error if isinstance(error, DatabaseUnavailable) else type(error).__name__
            _log.warning("the database is away: %s: %s", message, cause)
            self._logged_at = now
        self.last = now
