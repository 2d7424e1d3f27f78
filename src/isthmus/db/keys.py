"""Loads the key ring, gives running processes a new key during a rotation, and keeps the server's own
secrets."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.config import KEY_HINT, Settings
from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.encryption import DecryptionFailed, KeyMissing, KeyRing, read_encryption_key_id
from isthmus.db.key_file import check_key_file_mode, create_key_file, read_key_file
from isthmus.db.sqlite_files import START_OVER
from isthmus.db.tables import key_grant, server_secret
from isthmus.db.upsert import insert_into
from isthmus.errors import SetupError
from isthmus.kit.ids import derive_id, new_id

__all__ = ["get_server_secret", "grant_key", "learn_granted_keys", "load_keys"]

_SECRET_BYTES = 32


def load_keys(settings: Settings, *, sqlite_file: Path | None, is_new: bool = False) -> KeyRing:
    """Loads the key ring of ISTHMUS_SECRET_KEY or, with a SQLite file, of the key file. `is_new`: the
    database is new, so nothing is encrypted yet and a key file is created if there is none.

    With both, the setting's first key encrypts, and the keys of the file still decrypt. Raises SetupError
    without any key, and for a key file that other users can read.
    """
    path = settings.key_file
    has_file = sqlite_file is not None and path.exists()
    if has_file:
        check_key_file_mode(path)
    if settings.secret_key is not None:
        file_keys = read_key_file(path) if has_file else ()
        return KeyRing((*settings.secret_key.reveal(), *file_keys))
    if sqlite_file is None:
        raise SetupError(
            f"PostgreSQL needs ISTHMUS_SECRET_KEY: the key that seals stored secrets; {KEY_HINT}. "
            "Give the same to every process, and keep a copy: without it the secrets cannot be opened."
        )
    if not has_file and not is_new:
        raise SetupError(
            f"the key file {path} is missing, and ISTHMUS_SECRET_KEY is not set: the secrets in "
            f"{sqlite_file} are sealed, and only their own key opens them. Restore the key file from a "
            "backup, or set ISTHMUS_SECRET_KEY to the key. To start over, move the database away and run "
            f"{START_OVER}."
        )
    if not has_file:
        create_key_file(path)
    return KeyRing(read_key_file(path), file=path)


async def get_server_secret(database: Database, name: str) -> bytes:
    """Returns 32 random bytes with this name, created at the first call: the same in every process and at
    every start. Raises KeyMissing."""
    query = select(server_secret.c.id, server_secret.c.value).where(server_secret.c.name == name)
    async with database.read() as conn:
        row = (await conn.execute(query)).one_or_none()
    if row is None:
        async with database.write() as conn:
            await _create_secret(conn, name)
            row = (await conn.execute(query)).one()
    return database.keys.decrypt(row.value, _make_secret_aad(row.id))


async def _create_secret(conn: AsyncConnection, name: str) -> None:
    """Stores a new secret, unless another process does so first."""
    now = current_time(conn)
    identity = derive_id("server_secret", name)
    value = get_key_ring(conn).encrypt(os.urandom(_SECRET_BYTES), _make_secret_aad(identity))
    row = {"id": identity, "created_at": now, "updated_at": now, "name": name, "value": value}
    await conn.execute(insert_into(conn, server_secret).values(row).on_conflict_do_nothing())


def _make_secret_aad(row_id: str) -> bytes:
    """Returns the associated data of a server secret: table, column and row."""
    return f"server_secret.value:{row_id}".encode()


async def grant_key(conn: AsyncConnection, key: str, *, encryption_key_id: str) -> None:
    """Stores the new key `key`, encrypted with the one whose id is `encryption_key_id`, for processes that
    have that key."""
    identity, now = new_id(), current_time(conn)
    sealed = get_key_ring(conn).encrypt_key(key, _make_grant_aad(identity), key_id=encryption_key_id)
    row = {"id": identity, "created_at": now, "updated_at": now, "sealed": sealed}
    await conn.execute(insert(key_grant).values(row))


async def learn_granted_keys(database: Database) -> None:
    """Adds every granted key that this process can decrypt to its ring; the latest one becomes the
    primary."""
    query = select(key_grant.c.id, key_grant.c.sealed).order_by(key_grant.c.created_at)
    async with database.read() as conn:
        rows = (await conn.execute(query)).all()
    keys = database.keys
    for row in rows:
        try:
            text = keys.decrypt(row.sealed, _make_grant_aad(row.id)).decode()
        except (
            KeyMissing,
            DecryptionFailed,
        ):  # granted under a key that this process does not have, or damaged
            continue
        if read_encryption_key_id(row.sealed) == keys.primary_id:
            keys.add_primary(text)


def _make_grant_aad(row_id: str) -> bytes:
    """Returns the associated data of a granted key: table, column and row."""
    return f"key_grant.sealed:{row_id}".encode()
