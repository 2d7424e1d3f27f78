"""Opens the database that the settings name: loads keys, creates and locks the file, upgrades the schema."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DatabaseError, OperationalError

from isthmus.config import Settings
from isthmus.db.database import Database
from isthmus.db.encryption import KeyMissing
from isthmus.db.file_locks import ServeLock, is_served, lock_setup
from isthmus.db.keys import get_server_secret, learn_granted_keys, load_keys
from isthmus.db.migrations import HEAD
from isthmus.db.upgrade import read_revision, upgrade_schema
from isthmus.db.urls import get_sqlite_path, parse_url
from isthmus.errors import SetupError
from isthmus.kit.clock import Clock

__all__ = ["check_process_count", "is_embedded", "open_database"]


async def open_database(
    settings: Settings, *, serving: bool = False, existing: bool = False, clock: Clock | None = None
) -> Database:
    """Opens the database and returns it, with the current schema and readable secrets. Call `close()` at the
    end.

    `serving`: take the lock of a SQLite file until then; local administration opens the file beside a server,
    without the lock. `existing`: create nothing if there is no database yet. Raises SetupError: another
    process serves the file, no key, server not reachable, schema of an unknown version, wrong key; with
    `existing`, no database.
    """
    url = parse_url(settings.resolved_database_url.reveal())
    path = get_sqlite_path(url)
    if path is None:
        keys = load_keys(settings, embedded=False)
        database = Database(url, keys, pool_size=settings.database_pool_size, clock=clock)
        return await _prepare(database, existing=existing)
    if existing and not (path.is_file() and path.stat().st_size):
        raise _missing_database_error(f"there is no database at {path}")
    _create_directory(settings.data_dir)
    _create_file(path)
    lock = ServeLock(path) if serving else None
    try:
        async with lock_setup(path):
            keys = load_keys(settings, embedded=True)
            database = Database(url, keys, clock=clock, on_close=None if lock is None else lock.release)
            served = not serving and is_served(path)
            return await _prepare(database, served=served, existing=existing)
    except BaseException:
        if lock is not None:
            lock.release()
        raise


def check_process_count(settings: Settings, workers: int) -> None:
    """Raises SetupError if more than one process is to serve a SQLite file. `workers`: the number of
    processes."""
    if workers > 1 and is_embedded(settings):
        raise SetupError(
            f"--workers {workers} needs PostgreSQL: a SQLite database has one serving process. "
            "Set ISTHMUS_DATABASE_URL to a postgresql:// URL, or serve with --workers 1."
        )


def is_embedded(settings: Settings) -> bool:
    """Returns True if the database is a SQLite file. Raises SetupError for a bad URL."""
    return get_sqlite_path(parse_url(settings.resolved_database_url.reveal())) is not None


async def _prepare(database: Database, *, served: bool = False, existing: bool = False) -> Database:
    """Upgrades the schema and checks the keys; returns the database. Closes it and raises SetupError on
    failure. `served`: a server is running on the file, so the schema must not be changed. `existing`: create
    nothing."""
    try:
        revision = await read_revision(database)
        if revision is None and existing:
            raise _missing_database_error(f"the database {_render_url(database.url)} is empty")
        if revision != HEAD:
            if served:
                raise SetupError(
                    "the schema must be brought up to date, and a server of another version is running on "
                    "this file. Stop it, start the new version, and try again."
                )
            await upgrade_schema(database)
        await _check_keys(database)
    except DatabaseError as error:
        await database.close()
        if type(error) in (OperationalError, DatabaseError):  # other subclasses are bugs of ours
            raise SetupError(_describe_unreachable(database.url, error)) from error
        raise
    except BaseException:
        await database.close()
        raise
    return database


async def _check_keys(database: Database) -> None:
    """Raises KeyMissing if stored secrets cannot be decrypted, even with keys that were granted."""
    try:
        await get_server_secret(database, "key-check")
    except KeyMissing:
        await learn_granted_keys(database)
        await get_server_secret(database, "key-check")


def _missing_database_error(problem: str) -> SetupError:
    """Returns the error for a command that needs a database where there is none."""
    return SetupError(
        f"{problem}. `isthmus serve` sets one up when it is first started. If yours is elsewhere, go to the "
        "folder that its server was started in, or name it as the server has it: ISTHMUS_DATA_DIR or "
        "ISTHMUS_DATABASE_URL."
    )


def _describe_unreachable(url: URL, error: DatabaseError) -> str:
    """Returns the message for a database that cannot be opened."""
    why = " ".join(str(error.orig).split())
    return f"the database {_render_url(url)} cannot be opened: {why} (ISTHMUS_DATABASE_URL)"


def _render_url(url: URL) -> str:
    """Returns the URL for a message: without driver and password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _create_directory(path: Path) -> None:
    """Creates the data directory, for its owner only, with a `.gitignore`. Raises SetupError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker = path / ".gitignore"
        if not marker.exists():
            marker.write_text("*\n", encoding="ascii")
    except OSError as error:
        raise SetupError(
            f"ISTHMUS_DATA_DIR: {path} cannot be used as a directory ({error.strerror})"
        ) from error


def _create_file(path: Path) -> None:
    """Creates the file before SQLite does: readable by its owner only, as are then the files that SQLite
    adds."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise SetupError(f"the SQLite file {path} cannot be opened ({error.strerror})") from error
