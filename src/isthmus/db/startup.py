"""Opens the database that the settings name: loads keys, creates and locks the file, upgrades the schema."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path

from sqlalchemy import text

from isthmus.config import Settings
from isthmus.db.database import Database
from isthmus.db.encryption import KeyMissing
from isthmus.db.failures import describe_failure, render_url
from isthmus.db.file_locks import ServeLock, SetupLock, is_served, lock_setup
from isthmus.db.keys import get_server_secret, learn_granted_keys, load_keys
from isthmus.db.migrations import HEAD
from isthmus.db.sqlite_files import (
    BACKUP_PAGE,
    START_OVER,
    check_database_file,
    check_pages,
    describe_damage,
    describe_missing_log,
    has_schema,
)
from isthmus.db.upgrade import read_revision, upgrade_schema
from isthmus.db.urls import get_sqlite_path, parse_url
from isthmus.errors import SetupError
from isthmus.kit.clock import Clock

__all__ = ["check_process_count", "is_embedded", "open_database"]


async def open_database(
    settings: Settings,
    *,
    serving: bool = False,
    existing: bool = False,
    new: bool = False,
    clock: Clock | None = None,
) -> Database:
    """Opens the database and returns it, with the current schema and readable secrets. Call `close()` at the
    end.

    `serving`: take the lock of a SQLite file until then, and read its pages; local administration opens the
    file beside a server, without the lock. If there is no database, one is created, but not beside a key
    file, which is the sign of one that is lost; with `existing` never; with `new` always, and there must be
    none.
    Raises SetupError: another process serves the file, no key, server not reachable, schema of an unknown
    version, wrong key, a database that is lost, damaged or incomplete; with `existing`, no database; with
    `new`, one that is there; files that others may write.
    """
    url = parse_url(settings.resolved_database_url.reveal())
    path = get_sqlite_path(url)
    if path is None:
        keys = load_keys(settings, sqlite_file=None)
        database = Database(url, keys, pool_size=settings.database_pool_size, clock=clock)
        return await _prepare(database, existing=existing, new=new)
    if existing and not path.exists() and not check_database_file(path):
        raise _describe_missing_file(path, settings.key_file)
    _prepare_directory(settings.data_dir)
    lock = ServeLock(path) if serving else None
    try:
        async with lock_setup(path) as setup:
            is_new = _begin_new_file(path, setup, settings.key_file, existing=existing, new=new)
            keys = load_keys(settings, sqlite_file=path, is_new=is_new)
            database = Database(url, keys, clock=clock, on_close=None if lock is None else lock.release)
            served = not serving and is_served(path)
            opened = await _prepare(database, served=served, existing=not is_new, checks_pages=serving)
            setup.finish()
            return opened
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


def _begin_new_file(path: Path, setup: SetupLock, key_file: Path, *, existing: bool, new: bool) -> bool:
    """Creates the SQLite file if a database is to be created in it; returns whether it is. `existing`, `new`:
    as for `open_database`. Raises SetupError for files that are not those of a whole database, or of none."""
    # A database that was put over one that was begun is whole: what was said of the other does not count.
    is_unfinished = setup.is_unfinished and not has_schema(path)
    if not is_unfinished and check_database_file(path, allows_empty=new):
        if new:
            raise _describe_present_database(f"the database {path}")
        return False
    if existing or (not is_unfinished and key_file.exists() and not new):
        raise _describe_missing_file(path, key_file)
    setup.begin()
    _create_file(path)
    return True


async def _prepare(
    database: Database,
    *,
    served: bool = False,
    existing: bool = False,
    new: bool = False,
    checks_pages: bool = False,
) -> Database:
    """Upgrades the schema and checks the keys; returns the database. Closes it and raises SetupError on
    failure. `served`: a server is running on the file, so the schema must not be changed. `existing`: there
    must be a schema. `new`: there must be none. `checks_pages`: read the pages of the file."""
    try:
        revision = await read_revision(database)
        if new and revision is not None:
            raise _describe_present_database(f"the database {render_url(database.url)}")
        if revision != HEAD:
            if served:
                raise SetupError(
                    "the schema must be brought up to date, and a server of another version is running on "
                    "this file. Stop it, start the new version, and try again."
                )
            if revision is None and existing:
                raise await _describe_empty_database(database)
            await upgrade_schema(database)
        elif checks_pages and (path := get_sqlite_path(database.url)) is not None:
            await asyncio.to_thread(check_pages, path)
        await _check_keys(database)
    except BaseException as error:
        await database.close()
        if (message := describe_failure(database.url, error)) is not None:
            raise SetupError(message) from error
        raise
    return database


async def _check_keys(database: Database) -> None:
    """Raises KeyMissing if stored secrets cannot be decrypted, even with keys that were granted."""
    try:
        await get_server_secret(database, "key-check")
    except KeyMissing:
        await learn_granted_keys(database)
        await get_server_secret(database, "key-check")


def _describe_missing_file(path: Path, key_file: Path) -> SetupError:
    """Returns the error for a SQLite file that is not there; a key file says that it was."""
    if not key_file.exists():
        return _describe_missing_database(f"there is no database at {path}")
    return SetupError(
        f"there is no database at {path}, and the key file of one is there ({key_file}). Restore the "
        f"database from a backup ({BACKUP_PAGE}), or name the place where it is: ISTHMUS_DATA_DIR or "
        f"ISTHMUS_DATABASE_URL. To start over with an empty database and this key, run {START_OVER}."
    )


async def _describe_empty_database(database: Database) -> SetupError:
    """Returns the error for a database without a revision where there must be one."""
    path = get_sqlite_path(database.url)
    if path is None:
        return _describe_missing_database(f"the database {render_url(database.url)} is empty")
    async with database.read() as conn:
        tables = (await conn.execute(text("SELECT count(*) FROM sqlite_schema"))).scalar_one()
    if tables:
        return SetupError(describe_damage(path, "the number of its schema is missing"))
    return SetupError(describe_missing_log(path))


def _describe_missing_database(problem: str) -> SetupError:
    """Returns the error for a command that needs a database where there is none."""
    return SetupError(
        f"{problem}. `isthmus serve` sets one up when it is first started. If yours is elsewhere, go to the "
        "folder that its server was started in, or name it as the server has it: ISTHMUS_DATA_DIR or "
        "ISTHMUS_DATABASE_URL."
    )


def _describe_present_database(name: str) -> SetupError:
    """Returns the error for a database that is there where a new one is to be created."""
    return SetupError(
        f"{name} is there already, and nothing was changed. To start over, move it away first; or name "
        "another place: ISTHMUS_DATA_DIR or ISTHMUS_DATABASE_URL."
    )


def _prepare_directory(path: Path) -> None:
    """Creates the data directory, for its owner only, with a `.gitignore`. Raises SetupError, also if others
    may write to it: they could replace the key and the database. Its group may, as in mounted volumes."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o7777
        if os.name == "posix" and mode & 0o002:
            raise SetupError(
                f"others may write to the data directory {path} (its mode is {mode:04o}), and so replace the "
                f"key and the database. Run: chmod o-w {shlex.quote(str(path))}; or name a directory of its "
                "own (ISTHMUS_DATA_DIR)."
            )
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
