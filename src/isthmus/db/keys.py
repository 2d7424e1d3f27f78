"""Where the key ring comes from, and how running processes learn a key while it is being rotated."""

from __future__ import annotations

import os

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.config import MAKE_A_KEY, Settings
from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.encryption import KeyMissing, KeyRing, SealBroken, read_sealing_key_id
from isthmus.db.key_file import check_key_file_mode, create_key_file, read_key_file
from isthmus.db.tables import key_grant, server_secret
from isthmus.db.upsert import insert_into
from isthmus.errors import SetupError
from isthmus.kit.ids import derive_id, new_id

__all__ = ["get_server_secret", "grant_key", "learn_granted_keys", "load_keys"]

_SECRET_BYTES = 32


def load_keys(settings: Settings, *, embedded: bool) -> KeyRing:
    """The keys of ISTHMUS_SECRET_KEY, else (SQLite only: `embedded`) of the key file, made if absent.

    With both, the setting's first key seals and those of the file go on opening. Raises SetupError for a file
    that others can read.
    """
    path = settings.key_file
    if embedded and path.exists():
        check_key_file_mode(path)
    if settings.secret_key is not None:
        known = read_key_file(path) if embedded and path.exists() else ()
        return KeyRing((*settings.secret_key.reveal(), *known))
    if not embedded:
        raise SetupError(
            f"PostgreSQL needs ISTHMUS_SECRET_KEY: the key that seals stored secrets; {MAKE_A_KEY}. "
            "Give the same to every process, and keep a copy: without it the secrets cannot be opened."
        )
    if not path.exists():
        create_key_file(path)
    return KeyRing(read_key_file(path), file=path)


async def get_server_secret(database: Database, name: str) -> bytes:
    """32 random bytes of that name, the same for every process and at every start. Raises KeyMissing."""
    query = select(server_secret.c.id, server_secret.c.value).where(server_secret.c.name == name)
    async with database.read() as conn:
        row = (await conn.execute(query)).one_or_none()
    if row is None:
        async with database.write() as conn:
            await _create_secret(conn, name)
            row = (await conn.execute(query)).one()
    return database.keys.decrypt(row.value, _secret_aad(row.id))


async def _create_secret(conn: AsyncConnection, name: str) -> None:
    now = current_time(conn)
    identity = derive_id("server_secret", name)
    value = get_key_ring(conn).encrypt(os.urandom(_SECRET_BYTES), _secret_aad(identity))
    row = {"id": identity, "created_at": now, "updated_at": now, "name": name, "value": value}
    await conn.execute(insert_into(conn, server_secret).values(row).on_conflict_do_nothing())


def _secret_aad(row_id: str) -> bytes:
    return f"server_secret.value:{row_id}".encode()


async def grant_key(conn: AsyncConnection, text: str, *, under: str) -> None:
    """Leaves the key `text` for processes that hold the key with the id `under`."""
    identity, now = new_id(), current_time(conn)
    sealed = get_key_ring(conn).seal_key(text, _grant_aad(identity), under=under)
    row = {"id": identity, "created_at": now, "updated_at": now, "sealed": sealed}
    await conn.execute(insert(key_grant).values(row))


async def learn_granted_keys(database: Database) -> None:
    """Takes up every key granted under one this process holds; the latest one seals from now on."""
    query = select(key_grant.c.id, key_grant.c.sealed).order_by(key_grant.c.created_at)
    async with database.read() as conn:
        rows = (await conn.execute(query)).all()
    keys = database.keys
    for row in rows:
        try:
            text = keys.decrypt(row.sealed, _grant_aad(row.id)).decode()
        except (KeyMissing, SealBroken):  # not for this process, or no key at all
            continue
        if read_sealing_key_id(row.sealed) == keys.primary_id:
            keys.add_primary(text)


def _grant_aad(row_id: str) -> bytes:
    return f"key_grant.sealed:{row_id}".encode()
