"""The storage's own tables: epochs, the server's secrets, and granted keys."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Named, String, Table, TypedColumns

from isthmus.db.column_types import Encrypted
from isthmus.db.tables.base import Row, metadata

__all__ = ["epoch", "key_grant", "server_secret"]


class EpochColumns(TypedColumns):
    """An epoch. `environment_id`: an environment, a group of rows or `KEYS` (`db.epochs`), so no foreign
    key."""

    environment_id: Named[str] = Column(String(36), primary_key=True)
    value: Named[int] = Column(BigInteger)


epoch = Table("epoch", metadata, EpochColumns)


class ServerSecretColumns(Row):
    """Random bytes that all processes share and that survive a key rotation, for example to sign cursors."""

    name: Named[str] = Column(String(64), unique=True)
    value: Named[bytes] = Column(Encrypted)


server_secret = Table("server_secret", metadata, ServerSecretColumns)


class KeyGrantColumns(Row):
    """A new key, encrypted with a key that running processes have already; only during a key rotation."""

    sealed: Named[bytes] = Column(LargeBinary)


key_grant = Table("key_grant", metadata, KeyGrantColumns)
