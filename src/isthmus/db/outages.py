"""Tells outages of the database from other errors, for callers and for background work alike, and logs each
outage once, then every minute, and at its end."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from isthmus.errors import DatabaseUnavailable

__all__ = [
    "ANSWERED_503",
    "OutageReporter",
    "describe_outage",
    "find_outage",
    "is_database_unavailable",
    "is_lock_conflict",
]

_log = logging.getLogger("isthmus.db")

_PRIMARY_CODE_MASK: Final = 0xFF
"""The primary code within an extended result code of SQLite."""

_SQLITE_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY: "another process has locked the file",
    sqlite3.SQLITE_LOCKED: "the file is locked",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk fails",
}
_CONNECTION_EXCEPTION: Final = "08"
"""The class of SQLSTATE codes for lost connections."""

_LOCK_NOT_AVAILABLE: Final = "55P03"
_DEADLOCK: Final = "40P01"

_POSTGRESQL_UNAVAILABLE: Final = {
    "57P01": "the server was shut down",
    "57P02": "the server crashed",
    "57P03": "the server is starting",
    "57P05": "an idle connection was closed",
    "53100": "the disk is full",
    "53300": "the server has too many connections",
    "58030": "the disk fails",
    "25006": "the server is read-only",
    _LOCK_NOT_AVAILABLE: "another transaction holds a lock",
}
_NO_CONNECTION: Final = "no connection"
_NO_FREE_CONNECTION: Final = "no connection or turn to write was free in time"

ANSWERED_503: Final = "requests are answered 503"
"""The consequence of an outage for a request, for `OutageReporter.report`."""

_OUTAGE_ENDED_SECONDS: Final = 10.0
_LOG_AGAIN_SECONDS: Final = 60.0


def is_database_unavailable(error: BaseException | None) -> bool:
    """Returns True if `error` means that the database cannot be used now: an error of SQLAlchemy or of its
    driver, or one that such an error caused. It must come from work with the database alone.

    A statement that the database refuses is a bug and no outage: if it counted as one, no dead worker would
    be noticed any more.
    """
    return describe_outage(error) is not None


def describe_outage(error: BaseException | None) -> str | None:
    """Returns what is wrong with the database, in words of ours: an error's own text may hold a statement.
    None if `error` is no outage (`is_database_unavailable`)."""
    if error is None:
        return None
    if isinstance(error, DatabaseUnavailable):
        return error.reason
    if isinstance(error, DBAPIError):
        return describe_outage(error.orig) or (_NO_CONNECTION if error.connection_invalidated else None)
    if isinstance(error, sqlite3.Error):
        return _SQLITE_UNAVAILABLE.get(getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE_MASK)
    if isinstance(error, PoolTimeout):
        return _NO_FREE_CONNECTION
    if isinstance(error, OSError):
        return _NO_CONNECTION
    if _is_psycopg_error(error):
        return _describe_psycopg_error(error) or describe_outage(error.__cause__)
    return describe_outage(error.__cause__)


def find_outage(error: BaseException) -> DatabaseUnavailable | None:
    """Returns the error that a caller is answered with, if an outage of the database made a request or a job
    fail; None for any other error. What else such work does may raise an OSError, so that one says nothing
    here."""
    if isinstance(error, DatabaseUnavailable):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(find_outage, error.exceptions)), None)
    reason = describe_outage(error) if isinstance(error, SQLAlchemyError | sqlite3.Error) else None
    return None if reason is None else DatabaseUnavailable(reason)


def is_lock_conflict(error: DBAPIError) -> bool:
    """Returns True if PostgreSQL reports a lock timeout or a deadlock."""
    return getattr(error.orig, "sqlstate", None) in (_LOCK_NOT_AVAILABLE, _DEADLOCK)


def _is_psycopg_error(error: BaseException) -> bool:
    """Returns True for an error of psycopg, by name: it is not imported on SQLite."""
    return any(base.__module__.startswith("psycopg") for base in type(error).__mro__)


def _describe_psycopg_error(error: BaseException) -> str | None:
    """Returns what is wrong; None for a statement that was refused."""
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        names = {base.__name__ for base in type(error).__mro__}
        return None if names.isdisjoint({"OperationalError", "InterfaceError"}) else _NO_CONNECTION
    if state.startswith(_CONNECTION_EXCEPTION):
        return _NO_CONNECTION
    return _POSTGRESQL_UNAVAILABLE.get(state)


class OutageReporter:
    """Logs outages of a database: one line when an outage begins, then one each minute and one at its end,
    with how often what had to wait. `last`: when the latest error came, by `time.monotonic()`; None for
    never."""

    def __init__(self) -> None:
        self.last: float | None = None
        self._began = 0.0
        self._logged_at: float | None = None
        self._counts = Counter[str]()

    def report(self, consequence: str, error: BaseException) -> None:
        """Notes an error of an outage. `consequence`: what that means, as a short sentence; a fixed text,
        because it is counted."""
        self.log_progress()
        now = self.last = time.monotonic()
        self._counts[consequence] += 1
        if self._logged_at is None:
            self._began = self._logged_at = now
            reason = describe_outage(error) or type(error).__name__
            _log.warning("the database is away (%s): %s", reason, consequence)

    def log_progress(self) -> None:
        """Logs that an outage lasts, once a minute, or that it has ended: no error has come for 10 s. Call it
        every now and then."""
        if self._logged_at is None or self.last is None:
            return
        now = time.monotonic()
        if now - self.last > _OUTAGE_ENDED_SECONDS:
            _log.warning(
                "the database is back after %.0f s. Meanwhile: %s", self.last - self._began, self._summarize()
            )
            self._logged_at = None
            self._counts.clear()
        elif now - self._logged_at >= _LOG_AGAIN_SECONDS:
            _log.warning(
                "the database is still away after %.0f s. So far: %s", now - self._began, self._summarize()
            )
            self._logged_at = now

    def _summarize(self) -> str:
        """Returns how often each consequence was reported."""
        return ", ".join(f"{consequence} ({count})" for consequence, count in self._counts.most_common())
