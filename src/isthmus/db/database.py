"""The way to the database: `read()` for statements that change nothing, `write()` for one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from contextvars import Context, ContextVar, copy_context
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.engines import Engines, make_engines, make_schema_engine
from isthmus.db.sqlite_writer import SqliteTurns
from isthmus.db.urls import parse_url
from isthmus.kit.clock import Clock, SystemClock

if TYPE_CHECKING:
    from isthmus.db.encryption import KeyRing

__all__ = [
    "Database",
    "EpochListener",
    "announce",
    "current_time",
    "get_key_ring",
    "get_raised_epochs",
    "make_background_context",
    "savepoint",
]

EpochListener = Callable[[Mapping[str, int]], None]

_EPOCHS = "isthmus.epochs"
_ANNOUNCED = "isthmus.announced"
_DATABASE = "isthmus.database"
_Holder = ContextVar[asyncio.Task[object] | None]
_writing: _Holder = ContextVar("isthmus_db_writing", default=None)
_reading: _Holder = ContextVar("isthmus_db_reading", default=None)
_sharing: _Holder = ContextVar("isthmus_db_sharing", default=None)
_in_background: ContextVar[bool] = ContextVar("isthmus_db_in_background", default=False)


def make_background_context() -> Context:
    """For `create_task`: what runs in it, and in tasks it makes, leaves half of the pool to requests."""
    context = copy_context()
    context.run(_in_background.set, True)
    return context


class Database:
    """One database of one process. `keys` seals and opens the encrypted columns; `clock` dates its rows.

    SQLite: writers take turns on one connection, and each begins with the write lock (`BEGIN IMMEDIATE`);
    readers have their own connections and never wait. PostgreSQL: one pool of `pool_size` connections, of
    which background work (`make_background_context`) has half at most.
    """

    def __init__(
        self,
        url: str | URL,
        keys: KeyRing,
        *,
        pool_size: int = 10,
        clock: Clock | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.url = parse_url(url) if isinstance(url, str) else url
        self.keys = keys
        self.clock = clock or SystemClock()
        self._engines: Engines = make_engines(self.url, pool_size)
        self._turns = SqliteTurns(self.url) if self.is_sqlite else None
        self._background = None if self.is_sqlite else asyncio.Semaphore(max(1, pool_size // 2))
        self._listeners: list[EpochListener] = []
        self._on_announced: dict[str, list[Callable[[], None]]] = {}
        self._on_close = on_close

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for statements that change nothing. Each statement sees what is committed by then.

        A write inside it, of the same task, is a RuntimeError: whoever holds one connection and waits for
        another can wait for ever.
        """
        task = asyncio.current_task()
        token = _reading.set(task)
        try:
            async with self._share(task), self.open_reader() as conn:
                yield conn
        finally:
            _reading.reset(token)

    @asynccontextmanager
    async def open_reader(self) -> AsyncIterator[AsyncConnection]:
        """`read()` for one who looks again and again: whoever opens it may write meanwhile."""
        async with self._engines.reader.connect() as conn:
            conn.info[_DATABASE] = self
            for left in (_EPOCHS, _ANNOUNCED):  # of a write that had this connection before
                conn.info.pop(left, None)
            yield conn

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Never nested in a write or a read of the same task (a RuntimeError): hand the connection down, or
        read first. Never open during a third-party call.
        """
        task = asyncio.current_task()
        _refuse_nested(task)
        raised: dict[str, int] = {}
        announced: set[str] = set()
        token = _writing.set(task)
        try:
            async with self._share(task), self._turn(), self._engines.writer.begin() as conn:
                conn.info[_DATABASE] = self
                conn.info[_EPOCHS] = raised
                conn.info[_ANNOUNCED] = announced
                yield conn
        finally:
            _writing.reset(token)
        if raised:
            for listener in tuple(self._listeners):
                listener(raised)
        for topic in announced:
            self.notify_listeners(topic)

    async def execute_write(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """SQLite only: one statement as a transaction of its own, for 1/20 of what `write()` costs.

        In SQLite's own words: `?` for parameters, times as its text. It takes its turn among the writers.
        """
        assert self._turns is not None
        return await self._turns.execute(statement, parameters)

    @asynccontextmanager
    async def write_schema(self) -> AsyncIterator[AsyncConnection]:
        """One transaction on a connection of its own that checks no foreign keys; for migrations only."""
        engine = make_schema_engine(self.url)
        try:
            async with engine.begin() as conn:
                yield conn
        finally:
            await engine.dispose()

    def add_epoch_listener(self, listener: EpochListener) -> None:
        """`listener` gets the epochs a transaction of this process raised, right after its commit."""
        self._listeners.append(listener)

    def add_announcement_listener(self, topic: str, heard: Callable[[], None]) -> Callable[[], None]:
        """`heard` is called after each commit of this process that announced `topic`; it must be quick and
        not raise. The result takes it back."""
        listeners = self._on_announced.setdefault(topic, [])
        listeners.append(heard)
        return lambda: listeners.remove(heard)

    def notify_listeners(self, topic: str) -> None:
        """Announces at once: what another process committed."""
        for heard in tuple(self._on_announced.get(topic, ())):
            heard()

    def _turn(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._turns is None else self._turns.turn()

    def _share(self, task: asyncio.Task[object] | None) -> AbstractAsyncContextManager[None]:
        """A place among the connections that background work may hold: one a task."""
        if self._background is None or not _in_background.get():
            return nullcontext()
        return nullcontext() if _sharing.get() is task else _placed(self._background, task)

    async def close(self) -> None:
        if self._turns is not None:
            await self._turns.close()
        await self._engines.close()
        if self._on_close is not None:
            self._on_close()


@asynccontextmanager
async def _placed(places: asyncio.Semaphore, task: asyncio.Task[object] | None) -> AsyncIterator[None]:
    async with places:
        token = _sharing.set(task)
        try:
            yield
        finally:
            _sharing.reset(token)


def _refuse_nested(task: asyncio.Task[object] | None) -> None:
    if task is None:
        return
    if _writing.get() is task:
        raise RuntimeError("a write inside a write of the same task; hand its connection down")
    if _reading.get() is task:
        raise RuntimeError("a write inside a read of the same task; read, leave the block, then write")


@asynccontextmanager
async def savepoint(conn: AsyncConnection) -> AsyncIterator[None]:
    """A part of a write that may be undone alone: when the block raises, so is what it did, and what would
    have been told of it after the commit (epochs, announcements)."""
    raised, announced = conn.info[_EPOCHS], conn.info[_ANNOUNCED]
    before = dict(raised), set(announced)
    try:
        async with conn.begin_nested():
            yield
    except BaseException:
        for told, was in zip((raised, announced), before, strict=True):
            told.clear()
            told.update(was)
        raise


def get_key_ring(conn: AsyncConnection) -> KeyRing:
    """The key ring of the database that handed out `conn`."""
    return _database(conn).keys


def current_time(conn: AsyncConnection) -> datetime:
    """The time by the clock of the database that handed out `conn`: that of `created_at` and `updated_at`."""
    return _database(conn).clock.now()


def announce(conn: AsyncConnection, topic: str) -> None:
    """When the write of `conn` has committed, whoever asked for `topic` in this process is told."""
    announced: set[str] = conn.info[_ANNOUNCED]
    announced.add(topic)


def _database(conn: AsyncConnection) -> Database:
    database: Database = conn.info[_DATABASE]
    return database


def get_raised_epochs(conn: AsyncConnection) -> dict[str, int]:
    """The epochs this transaction raised so far; only inside `Database.write()`."""
    raised: dict[str, int] = conn.info[_EPOCHS]
    return raised
