"""Encrypts secrets that are stored: the key ring, and the columns whose values are sealed with it.

A sealed value is `01 | key id (4) | nonce (12) | AES-256-GCM ciphertext and tag`. The associated data names
table, column and row, so a value that was moved to another row cannot be decrypted.
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

__all__ = ["EncryptedJSON", "KeyMissing", "KeyRing", "SealBroken", "compute_key_id", "read_sealing_key_id"]

_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12
_HEAD = len(_VERSION) + _ID_BYTES


class KeyMissing(SetupError):
    """A value is sealed with a key that this process does not have."""


class SealBroken(SetupError):
    """A sealed value was altered, cut, or moved to another row."""


def compute_key_id(text: str) -> str:
    """Returns the public id of a key: 8 hex digits of a hash, from which the key cannot be found."""
    return hashlib.sha256(b"isthmus key id\x00" + text.encode()).hexdigest()[: 2 * _ID_BYTES]


def read_sealing_key_id(sealed: bytes) -> str:
    """Returns the id of the key that a sealed value was encrypted with."""
    return sealed[len(_VERSION) : _HEAD].hex()


class KeyRing:
    """Encryption keys: the first one, the primary, encrypts; each of them decrypts.

    `texts`: keys as in ISTHMUS_SECRET_KEY, already checked. `file`: the file that the keys were read from,
    one on each line; when it changes, it is read again at the next use.
    """

    def __init__(self, texts: Sequence[str], *, file: Path | None = None) -> None:
        self._file = file
        self._stamp = read_file_stamp(file)
        self._ciphers: dict[str, AESGCM] = {}
        self._texts: dict[str, str] = {}
        self._primary = ""
        self._add_keys(texts)

    @property
    def file(self) -> Path | None:
        """The key file; None where the keys come from the setting."""
        return self._file

    @property
    def primary(self) -> str:
        """The key that encrypts new values."""
        return self._texts[self.primary_id]

    @property
    def primary_id(self) -> str:
        """The id of the key that encrypts new values."""
        self._reload_changed_file()
        return self._primary

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the primary first."""
        return (self.primary_id, *(each for each in self._texts if each != self._primary))

    def encrypt(self, plain: bytes, aad: bytes) -> bytes:
        """Returns the sealed value. `aad`: associated data, which `decrypt` needs again."""
        return self._encrypt_with(self.primary_id, plain, aad)

    def decrypt(self, sealed: bytes, aad: bytes) -> bytes:
        """Returns the plain value. Raises KeyMissing or SealBroken."""
        if sealed[: len(_VERSION)] != _VERSION or len(sealed) < _HEAD + _NONCE_BYTES:
            raise SealBroken("a stored secret is not in a form this version of Isthmus wrote")
        cipher = self._get_cipher(read_sealing_key_id(sealed))
        nonce = sealed[_HEAD : _HEAD + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[_HEAD + _NONCE_BYTES :], aad)
        except InvalidTag:
            raise SealBroken("a stored secret was altered or moved: its seal does not hold") from None

    def add_primary(self, text: str) -> None:
        """Makes `text` the primary; the other keys still decrypt."""
        self._add_keys((text, *self._list_keys()))

    def seal_key(self, text: str, aad: bytes, *, under: str) -> bytes:
        """Encrypts `text`, a key, with the key of this ring whose id is `under`."""
        return self._encrypt_with(under, text.encode(), aad)

    def _encrypt_with(self, identity: str, plain: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + bytes.fromhex(identity) + nonce + self._ciphers[identity].encrypt(nonce, plain, aad)

    def _get_cipher(self, wanted: str) -> AESGCM:
        """Returns the cipher of the key with this id. Raises KeyMissing."""
        found = self._ciphers.get(wanted)
        if found is None:
            self._reload_changed_file()
            found = self._ciphers.get(wanted)
        if found is None:
            raise KeyMissing(
                f"a stored secret is sealed with key {wanted}, which this server does not have "
                f"(it has {', '.join(self._texts)}). Add that key to ISTHMUS_SECRET_KEY, after the first one."
            )
        return found

    def _reload_changed_file(self) -> None:
        """Adds the keys of the key file if it was changed since it was last read."""
        if self._file is None:
            return
        stamp = read_file_stamp(self._file)
        if stamp is None or stamp == self._stamp:
            return
        self._add_keys((*read_key_file(self._file), *self._list_keys()))
        self._stamp = stamp

    def _list_keys(self) -> list[str]:
        """Returns the texts of all keys, the primary first."""
        first = self._texts.get(self._primary)
        return [] if first is None else [first, *(text for text in self._texts.values() if text != first)]

    def _add_keys(self, texts: Sequence[str]) -> None:
        """Adds keys to the ring; the first becomes the primary."""
        for text in texts:
            identity = compute_key_id(text)
            if identity not in self._texts:
                self._texts[identity] = text
                self._ciphers[identity] = AESGCM(_derive_aes_key(text))
        self._primary = compute_key_id(texts[0])


class EncryptedJSON:
    """Encrypts and decrypts the JSON values of one column. `row_id`: the `id` of the value's row."""

    def __init__(self, column: Column[Any]) -> None:
        self._place = f"{column.table.name}.{column.name}:"

    def make_aad(self, row_id: str) -> bytes:
        """Returns the associated data of the row's value."""
        return (self._place + row_id).encode()

    def seal(self, keys: KeyRing, row_id: str, value: Any) -> bytes | None:
        """Returns the sealed value; None for None."""
        return None if value is None else keys.encrypt(orjson.dumps(value), self.make_aad(row_id))

    def open(self, keys: KeyRing, row_id: str, sealed: bytes | None) -> Any:
        """Returns the plain value; None for None. Raises KeyMissing or SealBroken."""
        return None if sealed is None else orjson.loads(keys.decrypt(sealed, self.make_aad(row_id)))


def _derive_aes_key(text: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"isthmus secrets v1").derive(text.encode())
