"""Rotates the key: encrypts every stored secret with a new key, while servers go on reading and writing.

First every running process gets the new key: by the key file, or as a grant, which is the new key encrypted
with one that they have (`db.keys`). Then values are encrypted again in small transactions, each only if
nobody has changed it meanwhile, until a whole pass finds no value encrypted with another key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, LargeBinary, bindparam, delete, func, literal, select, update

from isthmus.config import check_key
from isthmus.db.column_types import Encrypted
from isthmus.db.database import Database
from isthmus.db.encryption import DecryptionFailed, EncryptedJSON, KeyMissing, compute_key_id
from isthmus.db.epochs import KEYS, increment_epoch
from isthmus.db.key_file import generate_key, prepend_key
from isthmus.db.keys import grant_key
from isthmus.db.tables import key_grant, metadata
from isthmus.kit.secret import Secret

__all__ = ["NewKey", "RotationResult", "choose_key", "find_encrypted_columns", "rotate_key"]

PROPAGATION_SECONDS: Final = 2.0
"""Time for every process to get the new key, and for transactions with the old one to end."""

_BATCH_ROWS = 200
_MAX_PASSES = 20


@dataclass(frozen=True, slots=True)
class NewKey:
    """The key to rotate to. `key_file`: the file that will keep it; None if the operator keeps it.

    `is_granted`: processes get it through the database; False if their settings have it already.
    `is_generated`: it was generated just now, so nobody else knows it.
    """

    key: Secret[str]
    key_file: Path | None
    is_granted: bool
    is_generated: bool


@dataclass(frozen=True, slots=True)
class RotationResult:
    """The result of a rotation to the key `key_id`. `encrypted`: how many values were encrypted again.
    `unreadable`: how many no key of the ring can decrypt; they are left as they are."""

    key_id: str
    encrypted: int
    unreadable: int


def choose_key(database: Database, requested_key: str | None) -> NewKey:
    """Chooses the key to rotate to; changes nothing. Raises SetupError if the requested key
    is too short or not in the right form.

    Without a requested key: the first key of ISTHMUS_SECRET_KEY if it holds several, which completes the
    rotation to it (the grants are deleted, and the old keys are no longer needed); else a new key.
    """
    keys = database.keys
    if requested_key is not None:
        check_key(requested_key, "the new key")
    elif keys.file is None and len(keys.ids) > 1:
        return NewKey(Secret(keys.primary), None, is_granted=False, is_generated=False)
    is_granted = keys.file is None
    return NewKey(
        Secret(requested_key or generate_key()), keys.file, is_granted, is_generated=requested_key is None
    )


async def rotate_key(database: Database, new: NewKey) -> RotationResult:
    """Encrypts every stored secret with `new`, and returns how many. It can be interrupted and repeated at
    any time."""
    text = new.key.reveal()
    if new.key_file is not None:
        prepend_key(new.key_file, text)
    if new.is_granted:
        await _grant_key_to_processes(database, text)
    database.keys.add_primary(text)
    await database.clock.sleep(PROPAGATION_SECONDS)
    encrypted, unreadable = 0, 0
    for _ in range(_MAX_PASSES):
        encrypted_now, unreadable = await _reencrypt_all(database, bytes.fromhex(compute_key_id(text)))
        encrypted += encrypted_now
        if encrypted_now == 0:
            break
        await database.clock.sleep(PROPAGATION_SECONDS)
    if not new.is_granted and unreadable == 0:
        await _delete_grants(database)
    return RotationResult(compute_key_id(text), encrypted, unreadable)


def find_encrypted_columns() -> Iterator[Column[Any]]:
    """Yields every column with encrypted values, of all tables."""
    for table in metadata.sorted_tables:
        yield from (column for column in table.c if isinstance(column.type, Encrypted))


async def _grant_key_to_processes(database: Database, text: str) -> None:
    """Stores the new key for processes that have any of the old ones, and lets them look for it."""
    old_ids = [key_id for key_id in database.keys.ids if key_id != compute_key_id(text)]
    async with database.write() as conn:
        for key_id in old_ids:
            await grant_key(conn, text, encryption_key_id=key_id)
        await increment_epoch(conn, KEYS)


async def _delete_grants(database: Database) -> None:
    """Deletes all granted keys: every process has them in its settings."""
    async with database.write() as conn:
        await conn.execute(delete(key_grant))


async def _reencrypt_all(database: Database, new_id: bytes) -> tuple[int, int]:
    """Makes one pass over all encrypted columns. Returns how many values it encrypted with the new key, and
    how many no key of the ring can decrypt. `new_id`: the id of the new key."""
    encrypted, unreadable = 0, 0
    for column in find_encrypted_columns():
        last = ""
        while rows := await _select_encrypted_with_other_keys(database, column, new_id, last):
            last = rows[-1][0]
            count = await _reencrypt_rows(database, column, rows)
            encrypted += count
            unreadable += len(rows) - count
    return encrypted, unreadable


async def _select_encrypted_with_other_keys(
    database: Database, column: Column[Any], new_id: bytes, last: str
) -> Sequence[tuple[str, bytes]]:
    """Returns (row id, encrypted value) of the next rows after the id `last` whose value another key than
    `new_id` encrypted."""
    identity = column.table.c.id
    encryption_key_id = func.substr(column, 2, len(new_id))
    query = (
        select(identity, column)
        .where(identity > last, encryption_key_id != literal(new_id, LargeBinary))
        .order_by(identity)
        .limit(_BATCH_ROWS)
    )
    async with database.read() as conn:
        return [(row[0], bytes(row[1])) for row in await conn.execute(query)]


async def _reencrypt_rows(database: Database, column: Column[Any], rows: Sequence[tuple[str, bytes]]) -> int:
    """Encrypts the rows' values with the new key; returns how many could be decrypted. A row that was changed
    meanwhile is left: it has the new key already."""
    encryption = EncryptedJSON(column)
    changes: list[dict[str, Any]] = []
    for identity, old in rows:
        aad = encryption.make_aad(identity)
        try:
            plain = database.keys.decrypt(old, aad)
        except (KeyMissing, DecryptionFailed):
            continue
        changes.append({"row": identity, "old": old, "new": database.keys.encrypt(plain, aad)})
    if changes:
        statement = (
            update(column.table)
            .where(column.table.c.id == bindparam("row"), column == bindparam("old"))
            .values({column: bindparam("new")})
        )
        async with database.write() as conn:
            await conn.execute(statement, changes)
    return len(changes)
