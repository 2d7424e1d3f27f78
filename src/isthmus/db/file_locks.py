"""Locks the files of a SQLite installation: one process serves the database file, and one at a time sets it
up."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from isthmus.errors import SetupError

__all__ = ["ServeLock", "SetupLock", "is_served", "lock_setup"]

_UNFINISHED = b"unfinished\n"


class ServeLock:
    """The lock of the one process that serves a SQLite file. The system releases it when that process
    ends."""

    def __init__(self, database: Path) -> None:
        """Takes the lock. Raises SetupError if another process has it, or its file cannot be opened."""
        path = _get_serve_lock_path(database)
        descriptor = _open_lock_file(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            raise SetupError(
                f"{database} is being served by another process{f' ({holder})' if holder else ''}. "
                "A SQLite database has one serving process: stop that one, or give this one a database of "
                "its own (ISTHMUS_DATA_DIR). For several processes on one database use PostgreSQL "
                "(ISTHMUS_DATABASE_URL)."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}\n".encode(), 0)
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Releases the lock; does nothing the second time."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def is_served(database: Path) -> bool:
    """Returns True if a process serves the database file now."""
    try:
        descriptor = os.open(_get_serve_lock_path(database), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class SetupLock:
    """The lock that a process holds while it sets the database file up. Its file says whether a database was
    begun and not finished, so that a first start that was killed is not taken for a loss."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @property
    def is_unfinished(self) -> bool:
        """True from `begin()` to `finish()`, whichever process called them."""
        return os.pread(self._descriptor, len(_UNFINISHED), 0) == _UNFINISHED

    def begin(self) -> None:
        """Says that the database is about to be created."""
        os.pwrite(self._descriptor, _UNFINISHED, 0)
        os.fsync(self._descriptor)

    def finish(self) -> None:
        """Says that the database is complete; does nothing if it was not begun."""
        if self.is_unfinished:
            os.ftruncate(self._descriptor, 0)
            os.fsync(self._descriptor)


@asynccontextmanager
async def lock_setup(database: Path) -> AsyncIterator[SetupLock]:
    """Takes the lock for setting the database file up, until the block ends; waits for other processes, which
    takes moments. Raises SetupError if its file cannot be opened."""
    descriptor = _open_lock_file(database.with_name(f"{database.name}.setup"))
    try:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
        yield SetupLock(descriptor)
    finally:
        os.close(descriptor)


def _open_lock_file(path: Path) -> int:
    """Opens a lock file, for its owner only, and returns its descriptor. Raises SetupError."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SetupError(f"the lock file {path} cannot be opened ({error.strerror})") from error


def _get_serve_lock_path(database: Path) -> Path:
    """Returns the path of the lock file beside the database file."""
    return database.with_name(f"{database.name}.lock")
