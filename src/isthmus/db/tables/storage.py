"""The storage's own tables: epochs, the server's secrets, granted keys, and counts of a window."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Integer, LargeBinary, Named, String, Table, TypedColumns

from isthmus.db.column_types import Encrypted
from isthmus.db.tables.base import Row, metadata

__all__ = ["epoch", "key_grant", "server_secret", "window_count"]


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


class WindowCountColumns(TypedColumns):
    """What a process has counted for a key (an id) since its window began (`db.window_counts`). `process`: a
    number that each makes up when it starts. `started`: seconds since 1970."""

    key: Named[str] = Column(String(36), primary_key=True)
    process: Named[int] = Column(BigInteger, primary_key=True, autoincrement=False)
    started: Named[float] = Column(Double)
    count: Named[int] = Column(Integer)


window_count = Table("window_count", metadata, WindowCountColumns)
