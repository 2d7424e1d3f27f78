"""The key file of the embedded default: one key a line, the sealing one first, mode 0600."""

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
    """256 random bits in a form for ISTHMUS_SECRET_KEY."""
    return secrets.token_urlsafe(32)


def read_file_stamp(path: Path | None) -> FileStamp | None:
    """Differs whenever the file was replaced; None where there is none."""
    if path is None:
        return None
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def create_key_file(path: Path) -> None:
    """A file with one new key, unless another process is first: then its file stays."""
    draft = _draft(path, generate_key() + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def read_key_file(path: Path) -> tuple[str, ...]:
    """The keys, the sealing one first. Raises SetupError for an empty or unreadable file."""
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
        check_key(key, str(path))
    return keys


def check_key_file_mode(path: Path) -> None:
    """Raises SetupError for a key file that others than its owner may read or write. Where there are no such
    modes (Windows), nothing is checked."""
    mode = path.stat().st_mode & 0o777
    if os.name == "posix" and mode & 0o077:
        raise SetupError(
            f"the key file {path} has the mode {mode:04o}: others can read the key that opens every secret. "
            f"Run: chmod 600 {shlex.quote(str(path))}"
        )


def prepend_key(path: Path, key: str) -> None:
    """Makes `key` the sealing one. One atomic step: a crash leaves the old file or the new one."""
    keys = (key, *(each for each in read_key_file(path) if each != key))
    _draft(path, "".join(f"{each}\n" for each in keys)).replace(path)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
