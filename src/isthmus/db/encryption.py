"""Secrets at rest: a ring of keys, and the columns they seal.

A sealed value is `01 | key id (4) | nonce (12) | AES-256-GCM ciphertext and tag`. The associated data names
table, column and row, so a value that was moved to another row does not open.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column

from isthmus.db.key_file import read_file_stamp, read_key_file
from isthmus.errors import SetupError

__all__ = ["EncryptedJSON", "KeyMissing", "KeyRing", "SealBroken", "key_id", "read_sealing_key_id"]

_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12
_HEAD = len(_VERSION) + _ID_BYTES


class KeyMissing(SetupError):
    """A value is sealed with a key that this process does not have."""


class SealBroken(SetupError):
    """A sealed value was altered, cut, or moved to another row."""


def key_id(text: str) -> str:
    """The public name of a key: 8 hex digits that do not lead back to it."""
    return hashlib.sha256(b"isthmus key id\x00" + text.encode()).hexdigest()[: 2 * _ID_BYTES]


def read_sealing_key_id(sealed: bytes) -> str:
    """The id of the key that sealed this value."""
    return sealed[len(_VERSION) : _HEAD].hex()


class KeyRing:
    """The first key seals, every key opens. `texts` are keys as in ISTHMUS_SECRET_KEY, checked there.

    With `file`, the keys live in that file, one a line: a change of it counts at the next use.
    """

    def __init__(self, texts: Sequence[str], *, file: Path | None = None) -> None:
        self._file = file
        self._stamp = read_file_stamp(file)
        self._ciphers: dict[str, AESGCM] = {}
        self._texts: dict[str, str] = {}
        self._primary = ""
        self._take(texts)

    @property
    def file(self) -> Path | None:
        """The key file; None where the keys come from the setting."""
        return self._file

    @property
    def primary(self) -> str:
        """The key that seals new values."""
        return self._texts[self.primary_id]

    @property
    def primary_id(self) -> str:
        """The id of the key that seals new values."""
        self._notice_changed_file()
        return self._primary

    @property
    def ids(self) -> tuple[str, ...]:
        """Every key's id, the sealing one first."""
        return (self.primary_id, *(each for each in self._texts if each != self._primary))

    def encrypt(self, plain: bytes, aad: bytes) -> bytes:
        primary = self.primary_id
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[primary].encrypt(nonce, plain, aad)
        return _VERSION + bytes.fromhex(primary) + nonce + sealed

    def decrypt(self, sealed: bytes, aad: bytes) -> bytes:
        """Raises KeyMissing or SealBroken."""
        if sealed[: len(_VERSION)] != _VERSION or len(sealed) < _HEAD + _NONCE_BYTES:
            raise SealBroken("a stored secret is not in a form this version of Isthmus wrote")
        cipher = self._cipher(read_sealing_key_id(sealed))
        nonce = sealed[_HEAD : _HEAD + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[_HEAD + _NONCE_BYTES :], aad)
        except InvalidTag:
            raise SealBroken("a stored secret was altered or moved: its seal does not hold") from None

    def add_primary(self, text: str) -> None:
        """From now on `text` seals; the keys before it go on opening."""
        self._take((text, *self._in_order()))

    def seal_key(self, text: str, aad: bytes, *, under: str) -> bytes:
        """`text` (a key) sealed under the key of this ring whose id is `under`."""
        nonce = os.urandom(_NONCE_BYTES)
        return (
            _VERSION + bytes.fromhex(under) + nonce + self._ciphers[under].encrypt(nonce, text.encode(), aad)
        )

    def _cipher(self, wanted: str) -> AESGCM:
        found = self._ciphers.get(wanted)
        if found is None:
            self._notice_changed_file()
            found = self._ciphers.get(wanted)
        if found is None:
            raise KeyMissing(
                f"a stored secret is sealed with key {wanted}, which this server does not have "
                f"(it has {', '.join(self._texts)}). Add that key to ISTHMUS_SECRET_KEY, after the first one."
            )
        return found

    def _notice_changed_file(self) -> None:
        if self._file is None:
            return
        stamp = read_file_stamp(self._file)
        if stamp is None or stamp == self._stamp:
            return
        self._take((*read_key_file(self._file), *self._in_order()))
        self._stamp = stamp

    def _in_order(self) -> list[str]:
        first = self._texts.get(self._primary)
        return [] if first is None else [first, *(text for text in self._texts.values() if text != first)]

    def _take(self, texts: Sequence[str]) -> None:
        for text in texts:
            identity = key_id(text)
            if identity not in self._texts:
                self._texts[identity] = text
                self._ciphers[identity] = AESGCM(_derive(text))
        self._primary = key_id(texts[0])


class EncryptedJSON:
    """The JSON values of one encrypted column. `row_id` is the `id` of the row the value belongs to."""

    def __init__(self, column: Column[Any]) -> None:
        self._place = f"{column.table.name}.{column.name}:"

    def aad(self, row_id: str) -> bytes:
        return (self._place + row_id).encode()

    def seal(self, keys: KeyRing, row_id: str, value: Any) -> bytes | None:
        """None stays None; anything else must be JSON."""
        return None if value is None else keys.encrypt(orjson.dumps(value), self.aad(row_id))

    def open(self, keys: KeyRing, row_id: str, sealed: bytes | None) -> Any:
        """The value; None for None. Raises KeyMissing or SealBroken."""
        return None if sealed is None else orjson.loads(keys.decrypt(sealed, self.aad(row_id)))


def _derive(text: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"isthmus secrets v1").derive(text.encode())
