"""Reads and writes the key file of a SQLite installation: one key on each line, the primary first, file mode
0600."""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path

from isthmus.config import check_key
from isthmus.errors import SetupError

__all__ = [
    "check_key_file_mode",
    "create_key_file",
    "generate_key",
    "prepend_key",
    "read_file_stamp",
    "read_key_file",
]

FileStamp = tuple[int, int, int]


def generate_key() -> str:
    """Returns a new random key of 256 bits, in the form of ISTHMUS_SECRET_KEY."""
    return secrets.token_urlsafe(32)


def read_file_stamp(path: Path | None) -> FileStamp | None:
    """Returns (inode, modification time in ns, size), which differ once the file was replaced; None if there
    is no file."""
    if path is None:
        return None
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def create_key_file(path: Path) -> None:
    """Creates the file with one new key. If another process creates it first, that file stays."""
    temporary = _write_temporary_file(path, generate_key() + "\n")
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def read_key_file(path: Path) -> tuple[str, ...]:
    """Returns the keys of the file, the primary first. Raises SetupError for an empty, unreadable or damaged
    file."""
    try:
        keys = tuple(path.read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"the key file {path} cannot be read ({error}). Restore it from a backup."
        ) from error
    if not keys:
        raise SetupError(
            f"the key file {path} is empty. Restore it from a backup: without it the stored "
            "secrets cannot be opened."
        )
    for key in keys:
        try:
            check_key(key, str(path))
        except SetupError:
            raise SetupError(
                f"the key file {path} is damaged: a line of it is no key. Restore it from a backup: without "
                "it the stored secrets cannot be opened."
            ) from None
    return keys


def check_key_file_mode(path: Path) -> None:
    """Raises SetupError if other users than the owner may read or write the key file. Checks nothing on
    Windows, which has no such modes."""
    mode = path.stat().st_mode & 0o777
    if os.name == "posix" and mode & 0o077 and path.is_file():
        raise SetupError(
            f"the key file {path} has the mode {mode:04o}: others can read the key that opens every secret. "
            f"Run: chmod 600 {shlex.quote(str(path))}"
        )


def prepend_key(path: Path, key: str) -> None:
    """Makes `key` the primary, in one atomic step: a crash leaves the old file or the new one."""
    keys = (key, *(old_key for old_key in read_key_file(path) if old_key != key))
    _write_temporary_file(path, "".join(f"{old_key}\n" for old_key in keys)).replace(path)


def _write_temporary_file(path: Path, text: str) -> Path:
    """Writes `text` to a new file beside `path`, to be renamed or linked to it, and returns its path."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return temporary
