"""Looks at the files of a SQLite database: whether SQLite would take them for another database than they were
written as, and whether its pages are whole.

Changes that a server has committed are in the write-ahead log (`<file>-wal`) until they are moved into the
file. SQLite itself opens a file that lost its log, or that was truncated, as one with less in it or nothing.
"""

from __future__ import annotations

import shlex
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from isthmus.db.migrations import VERSION_TABLE
from isthmus.errors import SetupError

__all__ = [
    "BACKUP_PAGE",
    "START_OVER",
    "check_database_file",
    "check_pages",
    "describe_damage",
    "describe_missing_log",
    "has_schema",
]

BACKUP_PAGE: Final = "docs/howto/operate.md#back-up"
START_OVER: Final = "`isthmus db init --new`"

_MAGIC: Final = b"SQLite format 3\x00"
_WRITE_VERSION: Final = 18  # the offset of a byte that is 2 where changes go to a write-ahead log
_CHECK_SECONDS: Final = 2.0
_CHECK_STEPS: Final = 1000


def check_database_file(path: Path, *, allows_empty: bool = False) -> bool:
    """Returns True if there is a database file, False if there is none. `allows_empty`: a file of 0 bytes is
    none.

    Raises SetupError for a file that is empty or no database, and for a file and a log of which one lacks the
    other.
    """
    file = path.resolve()
    log = _get_log_path(file)
    size = _read_size(file)
    if not size and _read_size(log):
        state = "is missing" if size is None else "is empty (0 bytes)"
        raise SetupError(
            f"the database {file} {state}, and its write-ahead log {log.name} is still there. Put the file "
            f"back beside its log, or restore a backup without the log ({BACKUP_PAGE}). To start over, move "
            f"the log away and run {START_OVER}."
        )
    if size is None or (size == 0 and allows_empty):
        return False
    if size == 0:
        raise SetupError(
            f"the database {file} is empty (0 bytes): it was truncated, or copying it failed. Restore it "
            f"from a backup ({BACKUP_PAGE}). To start over with an empty database, run {START_OVER}."
        )
    _check_header(file, log)
    return True


def has_schema(path: Path) -> bool:
    """Returns True if the file holds a database with a schema of this program, or one that cannot be read
    now. Raises SetupError for a file that is no database, or lacks its log."""
    if not check_database_file(path, allows_empty=True):
        return False
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            # Of a constant of ours.
            found = connection.execute(f"SELECT 1 FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - a constant of ours
        except sqlite3.DatabaseError as error:  # no such table: the first start did not come so far
            return error.sqlite_errorcode != sqlite3.SQLITE_ERROR
    return found is not None


def describe_missing_log(path: Path) -> str:
    """Returns the message for a database file whose changes were in a log that is missing."""
    return (
        f"the database {path} lacks its write-ahead log: a running server keeps its latest changes in "
        f"{_get_log_path(path).name}, and the file was copied, or moved, without it. Put the log beside it, "
        f"or restore a backup that SQLite made ({BACKUP_PAGE}) and remove {path.name}-shm. To start over, "
        f"move the file away and run {START_OVER}."
    )


def describe_damage(path: Path, detail: str) -> str:
    """Returns the message for a database file with damaged pages. `detail`: what SQLite says."""
    return (
        f"the database {path} is damaged ({detail}): a page is torn, cut off or overwritten, or the file and "
        f"its -wal are not of the same moment. Stop what uses it and restore a backup ({BACKUP_PAGE}). "
        f"Without one, `sqlite3 {shlex.quote(str(path))} .recover` prints what can still be read."
    )


def check_pages(path: Path) -> None:
    """Reads the pages of the database and raises SetupError if one is damaged. It ends after 2 s, when it has
    read about 850 MB, because a start should not take minutes."""
    deadline = time.monotonic() + _CHECK_SECONDS
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _CHECK_STEPS)
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    finally:
        connection.close()
    if found != "ok":
        raise SetupError(describe_damage(path, " ".join(found.split())))


def _check_header(file: Path, log: Path) -> None:
    """Raises SetupError for a file that is no database, or lacks its log."""
    try:
        with file.open("rb") as opened:
            header = opened.read(_WRITE_VERSION + 1)
    except OSError as error:
        raise SetupError(f"the SQLite file {file} cannot be opened ({error.strerror})") from error
    if not header.startswith(_MAGIC):
        raise SetupError(
            f"{file} is no SQLite database, or its beginning was overwritten. Restore it from a backup "
            f"({BACKUP_PAGE}), or name another file (ISTHMUS_DATA_DIR, ISTHMUS_DATABASE_URL)."
        )
    # SQLite makes the log before the -shm and removes it after, so a -shm alone is none of its doing. It is
    # looked for twice, because another process may close the database just now.
    index = file.with_name(f"{file.name}-shm")
    if header[-1] == 2 and index.exists() and not log.exists() and index.exists():
        raise SetupError(describe_missing_log(file))


def _get_log_path(file: Path) -> Path:
    """Returns the path of the write-ahead log."""
    return file.with_name(f"{file.name}-wal")


def _read_size(file: Path) -> int | None:
    """Returns the size in bytes; None if there is no file."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None
