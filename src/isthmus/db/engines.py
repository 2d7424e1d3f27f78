"""The engines of SQLAlchemy for each database, and how each connection is set up."""

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

__all__ = ["LIVENESS_OPTIONS", "Engines", "dump_json", "make_engines", "make_schema_engine"]

_BUSY_SECONDS = 30.0
_SQLITE_READERS = 5
# isolation_level None: the driver begins nothing by itself, so BEGIN IMMEDIATE is ours to send.
_SQLITE3 = {"timeout": _BUSY_SECONDS, "isolation_level": None, "cached_statements": 512}

LIVENESS_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Of every connection to PostgreSQL, in libpq's words: a server that vanished without a word (a cut cable, a
fail-over) is an error after half a minute, whether its answer is waited for or something is sent to it."""

# A process that is paused inside a transaction must not hold its rows' locks against everybody for ever.
_PSYCOPG = LIVENESS_OPTIONS | {"options": "-c timezone=UTC -c idle_in_transaction_session_timeout=30s"}
_SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY")


def dump_json(value: Any) -> str:
    """JSON text. Integers beyond 64 bits, which orjson refuses, are written too."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Engines:
    reader: AsyncEngine
    writer: AsyncEngine

    async def close(self) -> None:
        await self.reader.dispose()
        await self.writer.dispose()


def make_engines(url: URL, pool_size: int) -> Engines:
    """Their errors hide the parameters: an error may be logged, and rows hold people's data."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    return _postgresql(url, pool_size)


def make_schema_engine(url: URL) -> AsyncEngine:
    """For migrations. SQLite without foreign keys: it changes a table by dropping and rebuilding it."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, poolclass=NullPool, connect_args=_PSYCOPG, hide_parameters=True)
    engine = create_async_engine(url, poolclass=NullPool, connect_args=_SQLITE3, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _set_pragmas("journal_mode=WAL", "foreign_keys=OFF"))
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _sqlite(url: URL) -> Engines:
    writer = create_async_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=_BUSY_SECONDS,
        connect_args=_SQLITE3,
        hide_parameters=True,
        json_serializer=dump_json,
        json_deserializer=orjson.loads,
    )
    reader = create_async_engine(
        url,
        pool_size=_SQLITE_READERS,
        max_overflow=0,
        pool_timeout=_BUSY_SECONDS,
        pool_use_lifo=True,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        connect_args=_SQLITE3,
        hide_parameters=True,
        json_serializer=dump_json,
        json_deserializer=orjson.loads,
    )
    event.listen(writer.sync_engine, "connect", _set_pragmas(*_SQLITE_PRAGMAS))
    event.listen(writer.sync_engine, "begin", _begin_immediate)
    event.listen(reader.sync_engine, "connect", _set_pragmas(*_SQLITE_PRAGMAS, "query_only=ON"))
    return Engines(reader=reader, writer=writer)


def _postgresql(url: URL, pool_size: int) -> Engines:
    writer = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_BUSY_SECONDS,
        pool_pre_ping=True,
        pool_use_lifo=True,
        skip_autocommit_rollback=True,
        connect_args=_PSYCOPG,
        hide_parameters=True,
        json_serializer=dump_json,
        json_deserializer=orjson.loads,
    )
    return Engines(reader=writer.execution_options(isolation_level="AUTOCOMMIT"), writer=writer)


def _set_pragmas(*pragmas: str) -> Any:
    def on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return on_connect


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
