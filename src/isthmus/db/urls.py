"""Parses the database URL of the settings."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from isthmus.errors import SetupError

__all__ = ["get_sqlite_path", "parse_url"]

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


def parse_url(text: str) -> URL:
    """Returns the URL for SQLAlchemy, with our driver in place of any that `text` names.

    Accepts `sqlite:///relative.sqlite3`, `sqlite:////absolute.sqlite3` and
    `postgresql://user:password@host/name`. Raises SetupError, which never repeats the text, because it may
    hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError: the port is no number
        raise SetupError(f"ISTHMUS_DATABASE_URL is not a database URL. {_EXAMPLES}") from None
    backend = url.drivername.partition("+")[0]
    if backend not in _DRIVERS:
        raise SetupError(f"ISTHMUS_DATABASE_URL names the database {backend!r}. {_EXAMPLES}")
    url = url.set(drivername=_DRIVERS[backend])
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise SetupError(f"ISTHMUS_DATABASE_URL names no file: a SQLite database lives in one. {_EXAMPLES}")
    return url


def get_sqlite_path(url: URL) -> Path | None:
    """Returns the file of a SQLite database; None for PostgreSQL."""
    if url.get_backend_name() != "sqlite" or url.database is None:
        return None
    return Path(url.database)


_EXAMPLES = (
    "Use sqlite:////absolute/path/isthmus.sqlite3 or postgresql://user:password@host:5432/name, "
    "or leave it unset for a SQLite file in ISTHMUS_DATA_DIR."
)
