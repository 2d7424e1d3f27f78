"""Seals every stored secret with another key, while servers go on reading and writing.

The new key first reaches every running process: by the key file, or as a grant, which is the new key sealed
under one they hold (`db.keys`). Then values are sealed anew in small transactions, each only if nobody
changed it meanwhile, until a whole pass finds nothing under another key.
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
from isthmus.db.encryption import EncryptedJSON, KeyMissing, SealBroken, key_id
from isthmus.db.epochs import KEYS, raise_epoch
from isthmus.db.key_file import generate_key, prepend_key
from isthmus.db.keys import grant_key
from isthmus.db.tables import key_grant, metadata
from isthmus.kit.secret import Secret

__all__ = ["NewKey", "Rotated", "choose_key", "encrypted_columns", "rotate_key"]

SETTLE_SECONDS: Final = 2.0
"""Time for every process to learn of the key, and for transactions under the old one to end."""

_BATCH = 200
_MOST_PASSES = 20


@dataclass(frozen=True, slots=True)
class NewKey:
    """The key to rotate to. `key_file`: where it will be kept; None = the operator keeps it.

    `is_granted`: processes that lack it learn it through the database; False where the settings have it.
    `is_made`: nobody knows it yet but this process.
    """

    key: Secret[str]
    key_file: Path | None
    is_granted: bool
    is_made: bool


@dataclass(frozen=True, slots=True)
class Rotated:
    """`sealed`: values sealed anew. `unreadable`: values that no key of the ring opens, left as they are."""

    key_id: str
    sealed: int
    unreadable: int


def choose_key(database: Database, given: str | None) -> NewKey:
    """Which key to rotate to; changes nothing. `given` is checked (SetupError).

    Without one: a new key, where the keys are in a file or the setting has one only; else the first key of
    ISTHMUS_SECRET_KEY, whose rotation is thereby finished: the grants go, and the old keys open nothing more.
    """
    keys = database.keys
    if given is not None:
        check_key(given, "the new key")
    elif keys.file is None and len(keys.ids) > 1:
        return NewKey(Secret(keys.primary), None, is_granted=False, is_made=False)
    is_granted = keys.file is None
    return NewKey(Secret(given or generate_key()), keys.file, is_granted, is_made=given is None)


async def rotate_key(database: Database, new: NewKey) -> Rotated:
    """Seals everything with `new`. Safe to break off and to repeat."""
    text = new.key.reveal()
    if new.key_file is not None:
        prepend_key(new.key_file, text)
    if new.is_granted:
        await _grant(database, text)
    database.keys.add_primary(text)
    await database.clock.sleep(SETTLE_SECONDS)
    sealed, unreadable = 0, 0
    for _ in range(_MOST_PASSES):
        renewed, unreadable = await _pass(database, bytes.fromhex(key_id(text)))
        sealed += renewed
        if renewed == 0:
            break
        await database.clock.sleep(SETTLE_SECONDS)
    if not new.is_granted and unreadable == 0:
        await _withdraw_grants(database)
    return Rotated(key_id(text), sealed, unreadable)


def encrypted_columns() -> Iterator[Column[Any]]:
    """Every column whose values are sealed. The `id` of its table is part of the seal."""
    for table in metadata.sorted_tables:
        yield from (column for column in table.c if isinstance(column.type, Encrypted))


async def _grant(database: Database, text: str) -> None:
    old = [each for each in database.keys.ids if each != key_id(text)]
    async with database.write() as conn:
        for under in old:
            await grant_key(conn, text, under=under)
        await raise_epoch(conn, KEYS)


async def _withdraw_grants(database: Database) -> None:
    async with database.write() as conn:
        await conn.execute(delete(key_grant))


async def _pass(database: Database, new_id: bytes) -> tuple[int, int]:
    renewed, unreadable = 0, 0
    for column in encrypted_columns():
        last = ""
        while rows := await _under_other_keys(database, column, new_id, last):
            last = rows[-1][0]
            done = await _renew(database, column, rows)
            renewed += done
            unreadable += len(rows) - done
    return renewed, unreadable


async def _under_other_keys(
    database: Database, column: Column[Any], new_id: bytes, last: str
) -> Sequence[tuple[str, bytes]]:
    identity = column.table.c.id
    sealing_key = func.substr(column, 2, len(new_id))
    query = (
        select(identity, column)
        .where(column.is_not(None), identity > last, sealing_key != literal(new_id, LargeBinary))
        .order_by(identity)
        .limit(_BATCH)
    )
    async with database.read() as conn:
        return [(row[0], bytes(row[1])) for row in await conn.execute(query)]


async def _renew(database: Database, column: Column[Any], rows: Sequence[tuple[str, bytes]]) -> int:
    """How many of `rows` were sealed anew, or by somebody else meanwhile, who has the new key too."""
    place = EncryptedJSON(column)
    changes: list[dict[str, Any]] = []
    for identity, old in rows:
        aad = place.aad(identity)
        try:
            plain = database.keys.decrypt(old, aad)
        except (KeyMissing, SealBroken):
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
