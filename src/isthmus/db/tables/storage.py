"""What the storage keeps for itself: epochs, its own secrets, keys on their way to other processes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Named, String, Table, TypedColumns

from isthmus.db.column_types import Encrypted
from isthmus.db.tables.base import Row, metadata

__all__ = ["epoch", "key_grant", "server_secret"]


class EpochColumns(TypedColumns):
    """`environment_id`: an environment, a group of rows or `KEYS` (`db.epochs`); no foreign key."""

    environment_id: Named[str] = Column(String(36), primary_key=True)
    value: Named[int] = Column(BigInteger)


epoch = Table("epoch", metadata, EpochColumns)


class ServerSecretColumns(Row):
    """Random bytes that every process shares and that outlive a key rotation (cursor signatures)."""

    name: Named[str] = Column(String(64), unique=True)
    value: Named[bytes] = Column(Encrypted)


server_secret = Table("server_secret", metadata, ServerSecretColumns)


class KeyGrantColumns(Row):
    """During a rotation: a new key, sealed under one that running processes already hold."""

    sealed: Named[bytes] = Column(LargeBinary)


key_grant = Table("key_grant", metadata, KeyGrantColumns)
