"""Creates SQLAlchemy's engines for SQLite and PostgreSQL, and sets up their connections."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import URL, event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

__all__ = [
    "BUSY_SECONDS",
    "LIVENESS_OPTIONS",
    "LOCK_SECONDS",
    "SQLITE_PRAGMAS",
    "Engines",
    "dump_json",
    "make_engines",
    "make_schema_engine",
]

BUSY_SECONDS: Final = 10.0
"""How long a statement on SQLite waits for another process, and a write for another one of this process."""
_POOL_SECONDS: Final = 30.0
_SQLITE_READERS = 5
# isolation_level None: the driver begins nothing by itself, so BEGIN IMMEDIATE is ours to send.
_SQLITE_ARGUMENTS = {"timeout": BUSY_SECONDS, "isolation_level": None, "cached_statements": 512}

LIVENESS_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Options of every connection to PostgreSQL, by their names in libpq: a server that vanished without closing
the connection (a cut cable, a failover) is an error after half a minute, both while waiting and while
sending."""

LOCK_SECONDS: Final = 4
"""How long a statement on PostgreSQL waits for a lock. Less than the server may take for an answer
(`answer_limit`): a server on which a transaction holds a lock answers, and is not taken for a silent one."""

# A process that is suspended inside a transaction must not keep its row locks for ever.
_POSTGRESQL_ARGUMENTS = LIVENESS_OPTIONS | {
    "options": (f"-c timezone=UTC -c idle_in_transaction_session_timeout=30s -c lock_timeout={LOCK_SECONDS}s")
}
SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY")


def dump_json(value: Any) -> str:
    """Returns the JSON text of a column's value. Integers beyond 64 bits, which orjson refuses, are written
    too."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one database. `reader`: commits each statement by itself. `writer`: for transactions. On
    PostgreSQL they share a pool."""

    reader: AsyncEngine
    writer: AsyncEngine

    async def close(self) -> None:
        """Closes all connections."""
        await self.reader.dispose()
        await self.writer.dispose()


def make_engines(url: URL, pool_size: int) -> Engines:
    """Returns the engines for reading and writing. Their errors hide parameters, because an error may be
    logged and rows hold personal data."""
    if url.get_backend_name() == "sqlite":
        return _make_sqlite_engines(url)
    return _make_postgresql_engines(url, pool_size)


def make_schema_engine(url: URL) -> AsyncEngine:
    """Returns an engine for migrations. On SQLite it checks no foreign keys, because a table is changed by
    rebuilding it."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(
            url, poolclass=NullPool, connect_args=_POSTGRESQL_ARGUMENTS, hide_parameters=True
        )
    engine = create_async_engine(
        url, poolclass=NullPool, connect_args=_SQLITE_ARGUMENTS, hide_parameters=True
    )
    event.listen(engine.sync_engine, "connect", _make_pragma_listener("journal_mode=WAL", "foreign_keys=OFF"))
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _make_sqlite_engines(url: URL) -> Engines:
    """Makes the engines of SQLite: one connection for writing and several for reading."""
    writer = create_async_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        connect_args=_SQLITE_ARGUMENTS,
        hide_parameters=True,
        json_serializer=dump_json,
        json_deserializer=orjson.loads,
    )
    reader = create_async_engine(
        url,
        pool_size=_SQLITE_READERS,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_use_lifo=True,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        connect_args=_SQLITE_ARGUMENTS,
        hide_parameters=True,
        json_serializer=dump_json,
        json_deserializer=orjson.loads,
    )
    event.listen(writer.sync_engine, "connect", _make_pragma_listener(*SQLITE_PRAGMAS))
    event.listen(writer.sync_engine, "begin", _begin_immediate)
    event.listen(reader.sync_engine, "connect", _make_pragma_listener(*SQLITE_PRAGMAS, "query_only=ON"))
    return Engines(reader=reader, writer=writer)


def _make_postgresql_engines(url: URL, pool_size: int) -> Engines:
    """Makes the engines of PostgreSQL: one pool for writing and reading."""
    from isthmus.db.answering_server import AnsweringServer  # imports psycopg, which SQLite need not pay

    writer = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_pre_ping=True,
        pool_use_lifo=True,
        skip_autocommit_rollback=True,
        connect_args=_POSTGRESQL_ARGUMENTS | {"async_creator_fn": AnsweringServer().connect},
        hide_parameters=True,
        json_serializer=dump_json,
        json_deserializer=orjson.loads,
    )
    return Engines(reader=writer.execution_options(isolation_level="AUTOCOMMIT"), writer=writer)


def _make_pragma_listener(*pragmas: str) -> Any:
    """Returns a listener that executes the pragmas on each new connection."""

    def on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        """Executes the pragmas."""
        try:
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except BaseException:  # the pool does not have the connection yet, and would not close it
            connection.close()
            raise

    return on_connect


def _begin_immediate(connection: Connection) -> None:
    """Takes the write lock at the beginning of a transaction instead of at its first write."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
