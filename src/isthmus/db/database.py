"""Connections for reading, transactions for writing, and the listeners that are called after a commit."""

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
from isthmus.db.outages import OutageReporter
from isthmus.db.sqlite_writer import SqliteWriter
from isthmus.db.urls import parse_url
from isthmus.kit.clock import Clock, SystemClock

if TYPE_CHECKING:
    from isthmus.db.encryption import KeyRing

__all__ = [
    "Database",
    "EpochListener",
    "current_time",
    "get_incremented_epochs",
    "get_key_ring",
    "make_background_context",
    "notify_after_commit",
    "savepoint",
]

EpochListener = Callable[[Mapping[str, int]], None]

_EPOCHS = "isthmus.epochs"
_TOPICS = "isthmus.topics"
_DATABASE = "isthmus.database"
_TaskVariable = ContextVar[asyncio.Task[object] | None]
_writing_task: _TaskVariable = ContextVar("isthmus_db_writing_task", default=None)
_reading_task: _TaskVariable = ContextVar("isthmus_db_reading_task", default=None)
_slot_owner: _TaskVariable = ContextVar("isthmus_db_slot_owner", default=None)
_in_background: ContextVar[bool] = ContextVar("isthmus_db_in_background", default=False)


def make_background_context() -> Context:
    """Makes a context for `create_task`. A task in it, and tasks that it creates, use half of the connection
    pool at most and leave the rest to requests."""
    context = copy_context()
    context.run(_in_background.set, True)
    return context


class Database:
    """The database of this process. `keys` encrypts and decrypts secret columns; `clock` gives the times of
    rows. `outages` logs for the whole process when it cannot be used.

    SQLite: writers write one after the other, each with the write lock from the beginning (`BEGIN
    IMMEDIATE`); readers have their own connections and never wait. PostgreSQL: one pool of `pool_size`
    connections, of which background work (`make_background_context`) may use half.
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
        self.outages = OutageReporter()
        self._engines: Engines = make_engines(self.url, pool_size)
        self._sqlite_writer = SqliteWriter(self.url) if self.is_sqlite else None
        self._background = None if self.is_sqlite else asyncio.Semaphore(max(1, pool_size // 2))
        self._listeners: list[EpochListener] = []
        self._topic_listeners: dict[str, list[Callable[[], None]]] = {}
        self._on_close = on_close

    @property
    def is_sqlite(self) -> bool:
        """True for SQLite, False for PostgreSQL."""
        return self.url.get_backend_name() == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Opens a connection for statements that change nothing. Each statement sees what is committed by
        then.

        A write of the same task inside it is a RuntimeError: a task that holds one connection and waits for
        another could wait for ever.
        """
        task = asyncio.current_task()
        token = _reading_task.set(task)
        try:
            async with self._take_background_slot(task), self.open_reader() as conn:
                yield conn
        finally:
            _reading_task.reset(token)

    @asynccontextmanager
    async def open_reader(self) -> AsyncIterator[AsyncConnection]:
        """Opens a connection as `read()` does, but one that stays open for long: its task can write
        meanwhile."""
        async with self._engines.reader.connect() as conn:
            conn.info[_DATABASE] = self
            for name in (_EPOCHS, _TOPICS):  # left by a write that had this connection before
                conn.info.pop(name, None)
            yield conn

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction: committed when the block ends, rolled back when it raises.

        Never nested in a write or a read of the same task (a RuntimeError): hand the connection down, or read
        first. Never open during a third-party call.
        """
        task = asyncio.current_task()
        _refuse_nested(task)
        incremented: dict[str, int] = {}
        topics: set[str] = set()
        token = _writing_task.set(task)
        try:
            async with (
                self._take_background_slot(task),
                self._lock_writer(),
                self._engines.writer.begin() as conn,
            ):
                conn.info[_DATABASE] = self
                conn.info[_EPOCHS] = incremented
                conn.info[_TOPICS] = topics
                yield conn
        finally:
            _writing_task.reset(token)
        if incremented:
            for listener in tuple(self._listeners):
                listener(incremented)
        for topic in topics:
            self.notify_listeners(topic)

    async def execute_write(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """SQLite only: executes one statement as a transaction and returns its rows; 20 times as fast as
        `write()`.

        `statement` is SQLite's SQL with `?` for parameters; times are text. It waits for other writers.
        """
        assert self._sqlite_writer is not None
        return await self._sqlite_writer.execute(statement, parameters)

    @asynccontextmanager
    async def write_schema(self) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction on a connection of its own that checks no foreign keys; for migrations only."""
        engine = make_schema_engine(self.url)
        try:
            async with engine.begin() as conn:
                yield conn
        finally:
            await engine.dispose()

    def add_epoch_listener(self, listener: EpochListener) -> None:
        """Calls `listener` with the epochs, by name, that a transaction of this process incremented, right
        after its commit."""
        self._listeners.append(listener)

    def add_topic_listener(self, topic: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after each commit of this process that called `notify_after_commit` with the
        topic; it must be quick and not raise. Returns a function that removes the listener."""
        listeners = self._topic_listeners.setdefault(topic, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def notify_listeners(self, topic: str) -> None:
        """Calls the listeners of `topic` now, because another process has committed."""
        for listener in tuple(self._topic_listeners.get(topic, ())):
            listener()

    def _lock_writer(self) -> AbstractAsyncContextManager[None]:
        """Returns a context with the write lock of SQLite; it does nothing on PostgreSQL."""
        return nullcontext() if self._sqlite_writer is None else self._sqlite_writer.lock()

    def _take_background_slot(self, task: asyncio.Task[object] | None) -> AbstractAsyncContextManager[None]:
        """Returns a context that waits for one of the connections that background work may use, one for each
        task; it waits for nothing in a request."""
        if self._background is None or not _in_background.get():
            return nullcontext()
        return nullcontext() if _slot_owner.get() is task else _hold_slot(self._background, task)

    async def close(self) -> None:
        """Closes all connections. The file of SQLite is complete then, without its WAL."""
        await self._engines.close()
        if self._sqlite_writer is not None:
            await self._sqlite_writer.close()
        if self._on_close is not None:
            self._on_close()


@asynccontextmanager
async def _hold_slot(slots: asyncio.Semaphore, task: asyncio.Task[object] | None) -> AsyncIterator[None]:
    """Takes one of the slots until the block ends, and remembers that `task` has it."""
    async with slots:
        token = _slot_owner.set(task)
        try:
            yield
        finally:
            _slot_owner.reset(token)


def _refuse_nested(task: asyncio.Task[object] | None) -> None:
    """Raises RuntimeError if the task is inside a write or a read of its own."""
    if task is None:
        return
    if _writing_task.get() is task:
        raise RuntimeError("a write inside a write of the same task; hand its connection down")
    if _reading_task.get() is task:
        raise RuntimeError("a write inside a read of the same task; read, leave the block, then write")


@asynccontextmanager
async def savepoint(conn: AsyncConnection) -> AsyncIterator[None]:
    """Opens a savepoint inside a write: if the block raises, what it wrote is rolled back, and so are the
    epochs that it incremented and the topics that it would notify of."""
    incremented, topics = conn.info[_EPOCHS], conn.info[_TOPICS]
    before = dict(incremented), set(topics)
    try:
        async with conn.begin_nested():
            yield
    except BaseException:
        for current, saved in zip((incremented, topics), before, strict=True):
            current.clear()
            current.update(saved)
        raise


def get_key_ring(conn: AsyncConnection) -> KeyRing:
    """Returns the key ring of the `Database` that opened `conn` by `read()`, `open_reader()` or `write()`."""
    return _get_database(conn).keys


def current_time(conn: AsyncConnection) -> datetime:
    """Returns the time by the clock of the database that `conn` belongs to, as for `created_at` and
    `updated_at`."""
    return _get_database(conn).clock.now()


def notify_after_commit(conn: AsyncConnection, topic: str) -> None:
    """Calls the listeners of `topic` (`Database.add_topic_listener`) in this process once the transaction of
    `conn` has committed."""
    topics: set[str] = conn.info[_TOPICS]
    topics.add(topic)


def _get_database(conn: AsyncConnection) -> Database:
    """Returns the database that `conn` belongs to."""
    database: Database = conn.info[_DATABASE]
    return database


def get_incremented_epochs(conn: AsyncConnection) -> dict[str, int]:
    """Returns the new numbers of the epochs that this transaction has incremented so far, by name; only
    inside `Database.write()`."""
    incremented: dict[str, int] = conn.info[_EPOCHS]
    return incremented
