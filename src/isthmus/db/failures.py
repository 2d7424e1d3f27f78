"""Says what failed where a database did, for the people who run it."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import DatabaseError, OperationalError

from isthmus.db.sqlite_files import describe_damage
from isthmus.db.urls import get_sqlite_path

__all__ = ["describe_failure", "render_url"]

_FAILURES: Final = (OperationalError, DatabaseError, sqlite3.OperationalError, sqlite3.DatabaseError)
"""Exactly these: their other subclasses are faults of the program."""
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY_CODE: Final = 0xFF


def describe_failure(url: URL, error: BaseException) -> str | None:
    """Returns the message for a database that cannot be used; None for an error of another kind, which is a
    fault of the program."""
    if type(error) not in _FAILURES:
        return None
    if isinstance(error, DatabaseError) and error.orig is not None:
        error = error.orig
    why = " ".join(str(error).split())
    path = get_sqlite_path(url)
    code = getattr(error, "sqlite_errorcode", None) or 0
    if path is not None and code & _PRIMARY_CODE in _DAMAGE:
        return describe_damage(path, why)
    return f"the database {render_url(url)} cannot be used: {why} (ISTHMUS_DATABASE_URL)"


def render_url(url: URL) -> str:
    """Returns the URL for a message: without driver and password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
