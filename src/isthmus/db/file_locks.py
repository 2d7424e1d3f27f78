"""File locks of the embedded default: who serves a SQLite file, and who sets it up."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from isthmus.errors import SetupError

__all__ = ["ServeLock", "is_served", "setup_lock"]


class ServeLock:
    """Held by the one process that serves a SQLite file; the system frees it when that process ends."""

    def __init__(self, database: Path) -> None:
        """Raises SetupError when another process holds it."""
        path = _serve_path(database)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise SetupError(
                f"{database} is being served by another process{f' ({holder})' if holder else ''}. "
                "A SQLite database has one serving process: stop that one, or give this one a database of "
                "its own (ISTHMUS_DATA_DIR). For several processes on one database use PostgreSQL "
                "(ISTHMUS_DATABASE_URL)."
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"pid {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def is_served(database: Path) -> bool:
    """Whether some process serves this file now."""
    try:
        descriptor = os.open(_serve_path(database), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@asynccontextmanager
async def setup_lock(database: Path) -> AsyncIterator[None]:
    """Waits until no other process sets this file up; short, so that it may be waited for."""
    descriptor = os.open(database.with_name(f"{database.name}.setup"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _serve_path(database: Path) -> Path:
    return database.with_name(f"{database.name}.lock")
