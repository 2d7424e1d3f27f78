"""Encrypts secrets that are stored: the key ring, and columns whose values are encrypted with it.

An encrypted value is `01 | key id (4) | nonce (12) | AES-256-GCM ciphertext and tag`. The associated data
names table, column and row, so a value that was moved to another row cannot be decrypted.
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

__all__ = [
    "DecryptionFailed",
    "EncryptedJSON",
    "KeyMissing",
    "KeyRing",
    "compute_key_id",
    "read_encryption_key_id",
]

_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12
_HEAD = len(_VERSION) + _ID_BYTES


class KeyMissing(SetupError):
    """A value is encrypted with a key that this process does not have."""


class DecryptionFailed(SetupError):
    """An encrypted value was altered, cut, or moved to another row."""


def compute_key_id(key: str) -> str:
    """Returns the public id of a key: 8 hex digits of a hash, from which the key cannot be found."""
    return hashlib.sha256(b"isthmus key id\x00" + key.encode()).hexdigest()[: 2 * _ID_BYTES]


def read_encryption_key_id(ciphertext: bytes) -> str:
    """Returns the id of the key that a value was encrypted with, as 8 hex digits."""
    return ciphertext[len(_VERSION) : _HEAD].hex()


class KeyRing:
    """Encryption keys: the first one, the primary, encrypts; each of them decrypts.

    `keys`: keys as in ISTHMUS_SECRET_KEY, already checked. `file`: the file that the keys were read from,
    one on each line; when it changes, it is read again at the next use.
    """

    def __init__(self, keys: Sequence[str], *, file: Path | None = None) -> None:
        self._file = file
        self._stamp = read_file_stamp(file)
        self._ciphers: dict[str, AESGCM] = {}
        self._keys_by_id: dict[str, str] = {}
        self._primary = ""  # its id
        self._add_keys(keys)

    @property
    def file(self) -> Path | None:
        """The key file; None where the keys come from the setting."""
        return self._file

    @property
    def primary(self) -> str:
        """The key that encrypts new values."""
        return self._keys_by_id[self.primary_id]

    @property
    def primary_id(self) -> str:
        """The id of the key that encrypts new values."""
        self._reload_changed_file()
        return self._primary

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the primary first."""
        return (self.primary_id, *(key_id for key_id in self._keys_by_id if key_id != self._primary))

    def encrypt(self, plain: bytes, aad: bytes) -> bytes:
        """Encrypts with the primary key. `aad`: associated data; `decrypt` needs the same."""
        return self._encrypt_with(self.primary_id, plain, aad)

    def decrypt(self, ciphertext: bytes, aad: bytes) -> bytes:
        """Decrypts with whichever key of the ring encrypted. Raises KeyMissing or DecryptionFailed."""
        if ciphertext[: len(_VERSION)] != _VERSION or len(ciphertext) < _HEAD + _NONCE_BYTES:
            raise DecryptionFailed("a stored secret is not in a form this version of Isthmus wrote")
        cipher = self._get_cipher(read_encryption_key_id(ciphertext))
        nonce = ciphertext[_HEAD : _HEAD + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, ciphertext[_HEAD + _NONCE_BYTES :], aad)
        except InvalidTag:
            raise DecryptionFailed("a stored secret was altered or moved: its seal does not hold") from None

    def add_primary(self, key: str) -> None:
        """Adds a key and makes it the primary; the other keys still decrypt."""
        self._add_keys((key, *self._list_keys()))

    def encrypt_key(self, new_key: str, aad: bytes, *, key_id: str) -> bytes:
        """Encrypts the text of a new key with the key of this ring whose id is `key_id`."""
        return self._encrypt_with(key_id, new_key.encode(), aad)

    def _encrypt_with(self, key_id: str, plain: bytes, aad: bytes) -> bytes:
        """Encrypts with the key whose id is `key_id`; returns version, key id, nonce and ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + bytes.fromhex(key_id) + nonce + self._ciphers[key_id].encrypt(nonce, plain, aad)

    def _get_cipher(self, key_id: str) -> AESGCM:
        """Returns the cipher of the key with this id. Raises KeyMissing."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            self._reload_changed_file()
            cipher = self._ciphers.get(key_id)
        if cipher is None:
            known_ids = ", ".join(self._keys_by_id)
            remedy = "Add" if self._file is None else "Restore the key file, or add"
            raise KeyMissing(
                f"a stored secret is sealed with key {key_id}, which this server does not have "
                f"(it has {known_ids}). {remedy} that key to ISTHMUS_SECRET_KEY, after the first one."
            )
        return cipher

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
        """Returns all keys, the primary first."""
        first = self._keys_by_id.get(self._primary)
        return [] if first is None else [first, *(key for key in self._keys_by_id.values() if key != first)]

    def _add_keys(self, keys: Sequence[str]) -> None:
        """Adds keys to the ring; the first becomes the primary."""
        for key in keys:
            key_id = compute_key_id(key)
            if key_id not in self._keys_by_id:
                self._keys_by_id[key_id] = key
                self._ciphers[key_id] = AESGCM(_derive_aes_key(key))
        self._primary = compute_key_id(keys[0])


class EncryptedJSON:
    """Encrypts and decrypts the JSON values of one column. `row_id`: the `id` of the value's row."""

    def __init__(self, column: Column[Any]) -> None:
        self._place = f"{column.table.name}.{column.name}:"

    def make_aad(self, row_id: str) -> bytes:
        """Returns the associated data (AEAD) of the value in this row: `table.column:row_id` as bytes."""
        return (self._place + row_id).encode()

    def encrypt(self, keys: KeyRing, row_id: str, value: Any) -> bytes | None:
        """Returns the JSON of `value`, encrypted for the row; None for None."""
        return None if value is None else keys.encrypt(orjson.dumps(value), self.make_aad(row_id))

    def decrypt(self, keys: KeyRing, row_id: str, ciphertext: bytes | None) -> Any:
        """Returns the value of the row as it was encrypted; None for None. Raises KeyMissing or
        DecryptionFailed."""
        return None if ciphertext is None else orjson.loads(keys.decrypt(ciphertext, self.make_aad(row_id)))


def _derive_aes_key(key: str) -> bytes:
    """Returns the 256-bit AES key for the text of a key."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"isthmus secrets v1").derive(key.encode())
