"""Epochs, which invalidate caches: a number for each environment that is incremented by every write that
caches must notice.

`increment_epoch` is called inside the writing transaction. `EpochCache` keeps a value only as long as the
epoch stays the same, which it reads from the `EpochWatcher` of its process. The process that wrote sees the
new number as soon as its transaction has committed, others when PostgreSQL notifies them or at their next
poll (at most `POLL_SECONDS` later).

A write that concerns a single row and happens often increments the epoch of the row's group
(`get_epoch_group`) instead of the environment's. There are `GROUPS` groups in all, so the table that every
process polls stays small however many rows there are. The price: the other rows of the group are read again
too.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Generic, Protocol, TypeVar

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.answer_limit import ANSWER_LIMIT
from isthmus.db.database import Database, get_incremented_epochs
from isthmus.db.engines import LIVENESS_OPTIONS
from isthmus.db.keys import learn_granted_keys
from isthmus.db.outages import is_database_unavailable
from isthmus.db.tables import epoch
from isthmus.db.upsert import insert_into
from isthmus.kit.clock import Clock

__all__ = [
    "GROUPS",
    "KEYS",
    "POLL_SECONDS",
    "EpochCache",
    "EpochWatcher",
    "Epochs",
    "get_epoch_group",
    "increment_epoch",
    "increment_epochs",
]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_EpochPair = tuple[int, int]
"""The epoch of an environment and that of a key's group."""

KEYS: Final = "keys"
"""The epoch that rises when a key was granted to the running processes (key rotation)."""

GROUPS: Final = 512
_GROUP_NAMES: Final = tuple(f"group:{number}" for number in range(GROUPS))

POLL_SECONDS: Final = 0.4
_POLL_LIMIT_SECONDS: Final = 5.0
_RECONNECT_SECONDS = 1.0
_CHANNEL = "isthmus_epoch"
_log = logging.getLogger("isthmus.db.epochs")


def get_epoch_group(id: str) -> str:
    """Returns the name of the group that the row with this id belongs to, for `increment_epoch` and
    `get_epoch`."""
    return _GROUP_NAMES[zlib.crc32(id.encode()) % GROUPS]


async def increment_epoch(conn: AsyncConnection, environment_id: str) -> int:
    """Increments an epoch by 1 and returns it. `environment_id`: an environment, a group or `KEYS`. `conn`:
    of a `Database.write()`; the epoch's row stays locked until it commits."""
    values = {"environment_id": environment_id, "value": 1}
    increment = {"value": epoch.c.value + 1}
    key = [epoch.c.environment_id]
    statement = (
        insert_into(conn, epoch).values(values).on_conflict_do_update(index_elements=key, set_=increment)
    )
    value = int((await conn.execute(statement.returning(epoch.c.value))).scalar_one())
    if conn.dialect.name != "sqlite":
        await conn.execute(select(func.pg_notify(_CHANNEL, f"{environment_id}:{value}")))
    get_incremented_epochs(conn)[environment_id] = value
    return value


async def increment_epochs(conn: AsyncConnection, environment_ids: Iterable[str]) -> None:
    """Increments several epochs, always in the same order, so that two writers cannot deadlock."""
    for environment_id in sorted(set(environment_ids)):
        await increment_epoch(conn, environment_id)


class EpochWatcher:
    """Keeps the epochs of the database in memory. Call `start()` before use and `stop()` at the end."""

    def __init__(self, database: Database, clock: Clock, *, seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._clock = clock
        self._seconds = seconds
        self._values: dict[str, int] = {}
        self._subscribers: list[Callable[[str, int], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._sqlite = _SqliteChangeDetector(database) if database.is_sqlite else None
        self._last_poll = clock.monotonic()
        self._failing = False
        self.listening = asyncio.Event()
        """Set while notifications arrive; never on SQLite."""
        database.add_epoch_listener(self._apply)

    def get_epoch(self, environment_id: str) -> int:
        """Returns the epoch as far as this process knows; 0 if it was never incremented."""
        return self._values.get(environment_id, 0)

    def snapshot(self) -> Mapping[str, int]:
        """Returns all epochs as they are now. Take it before reading rows: what is made of the rows is valid
        for these epochs."""
        return dict(self._values)

    @property
    def seconds_behind(self) -> float:
        """How long ago the last successful poll was; more than a second or two means the database is
        unavailable."""
        return self._clock.monotonic() - self._last_poll

    def is_unchanged(self, environment_id: str, value: int, *, max_seconds_behind: float) -> bool:
        """Returns True if the epoch is still `value`, and the last successful poll is at most
        `max_seconds_behind` ago."""
        if self._clock.monotonic() - self._last_poll > max_seconds_behind:
            return False
        return self._values.get(environment_id, 0) == value

    def subscribe(self, subscriber: Callable[[str, int], None]) -> None:
        """Calls `subscriber(environment_id, value)` in the event loop at each rise; it must be quick and not
        raise."""
        self._subscribers.append(subscriber)

    async def start(self) -> None:
        """Reads the epochs, then keeps them up to date in the background."""
        await self.poll()
        self._tasks.append(asyncio.create_task(self._poll_forever(), name="epochs: poll"))
        if not self._database.is_sqlite:
            self._tasks.append(asyncio.create_task(self._listen_forever(), name="epochs: listen"))

    async def stop(self) -> None:
        """Stops keeping the epochs up to date."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        if self._sqlite is not None:
            await self._sqlite.close()

    async def poll(self) -> None:
        """Reads all epochs once; on SQLite only if another connection has committed since the last time."""
        if self._sqlite is None:
            async with self._database.read() as conn:
                values = await _select_epochs(conn)
            await self._apply_all(values)
        elif await self._sqlite.has_changed():
            await self._apply_all(await _select_epochs(self._sqlite.connection))
        self._last_poll = self._clock.monotonic()

    async def _apply_all(self, values: Mapping[str, int]) -> None:
        """Learns keys that were granted, then applies the epochs."""
        if values.get(KEYS, 0) > self.get_epoch(KEYS):
            await learn_granted_keys(self._database)
        self._apply(values)

    def _apply(self, values: Mapping[str, int]) -> None:
        """Stores the epochs that have risen, and calls the subscribers."""
        for environment_id, value in values.items():
            if value > self.get_epoch(environment_id):
                self._values[environment_id] = value
                for subscriber in self._subscribers:
                    subscriber(environment_id, value)

    async def _poll_forever(self) -> None:
        """Polls every `seconds`; a failed poll is logged, and the next one is tried."""
        ANSWER_LIMIT.set(_POLL_LIMIT_SECONDS)  # so that a server that falls silent is noticed soon
        while True:
            await self._clock.sleep(self._seconds)
            try:
                await self.poll()
            except Exception as error:  # of any kind: without polls a revoked token would work for ever
                self._log_failure(error)
                await self._close_sqlite()
            else:
                self._failing = False
            self._database.outages.log_progress()

    async def _listen_forever(self) -> None:
        """Applies the epochs that PostgreSQL notifies; reconnects when the connection is lost."""
        import psycopg  # 70 ms that SQLite need not pay

        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                connecting = psycopg.AsyncConnection.connect(url, autocommit=True, **LIVENESS_OPTIONS)
                async with await connecting as connection:
                    await connection.execute(f"LISTEN {_CHANNEL}")
                    self.listening.set()
                    async for notice in connection.notifies():
                        environment_id, _, value = notice.payload.rpartition(":")
                        await self._apply_all({environment_id: int(value)})
            except Exception as error:  # as above: listening must not end before the process does
                self._log_failure(error)
            self.listening.clear()
            await self._clock.sleep(_RECONNECT_SECONDS)

    async def _close_sqlite(self) -> None:
        """Closes the connection that detects changes of the SQLite file; errors are ignored."""
        if self._sqlite is not None:
            with suppress(SQLAlchemyError, OSError):
                await self._sqlite.close()

    def _log_failure(self, error: Exception) -> None:
        """Logs an outage of the database, and the first of several other failures in a row."""
        if is_database_unavailable(error):
            self._database.outages.report("changes of other processes wait", error)
            return
        if not self._failing:
            _log.warning(
                "epochs cannot be read, so changes of other processes wait: %s", type(error).__name__
            )
        self._failing = True


class Epochs(Protocol):
    """The part of `EpochWatcher` that caches need."""

    def get_epoch(self, environment_id: str) -> int:
        """Returns the epoch as far as this process knows."""


class EpochCache(Generic[K, V]):
    """Caches values read from the database by (environment, key), while the environment's epoch stands.

    At most `size` values are kept; the least recently used go first. A value counts for the epoch that was
    current before it was loaded, so a write during the load makes it stale. Callers that load the same key at
    the same time share one load. `group`: returns a key's group (`get_epoch_group`), if the group's epoch
    counts too.
    """

    def __init__(self, epochs: Epochs, size: int, *, group: Callable[[K], str] | None = None) -> None:
        self._epochs = epochs
        self._size = size
        self._group = group
        self._entries: OrderedDict[tuple[str, K], tuple[_EpochPair, V]] = OrderedDict()
        self._loads: dict[tuple[str, K, _EpochPair], asyncio.Task[V]] = {}

    def get(self, environment_id: str, key: K) -> V | None:
        """Returns the value; None if it is not cached or an epoch has risen since it was loaded."""
        place = (environment_id, key)
        entry = self._entries.get(place)
        if entry is None or entry[0] != self._current_epochs(environment_id, key):
            return None
        self._entries.move_to_end(place)
        return entry[1]

    async def load(self, environment_id: str, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """Calls `read`, caches its result and returns it. An exception of `read` is raised and not cached."""
        epochs = self._current_epochs(environment_id, key)
        place = (environment_id, key, epochs)
        task = self._loads.get(place)
        if task is None:
            task = asyncio.ensure_future(self._load(environment_id, key, epochs, read))
            self._loads[place] = task
            task.add_done_callback(lambda done: self._forget_load(place, done))
        # Shielded: a caller that is cancelled must not cancel the load for the others.
        return await asyncio.shield(task)

    def _current_epochs(self, environment_id: str, key: K) -> _EpochPair:
        """Returns the epochs of the environment and of the key's group, which a value loaded now is valid
        for."""
        of_environment = self._epochs.get_epoch(environment_id)
        return of_environment, 0 if self._group is None else self._epochs.get_epoch(self._group(key))

    def _forget_load(self, place: tuple[str, K, _EpochPair], task: asyncio.Task[V]) -> None:
        """Removes a load that has ended. `place`: its environment, key and epochs."""
        self._loads.pop(place, None)
        if not task.cancelled():
            task.exception()  # retrieved, in case every caller was cancelled

    async def _load(
        self, environment_id: str, key: K, epochs: _EpochPair, read: Callable[[], Awaitable[V]]
    ) -> V:
        """Calls `read`, caches its result for these epochs and returns it."""
        value = await read()
        self._entries[(environment_id, key)] = (epochs, value)
        self._entries.move_to_end((environment_id, key))
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return value


async def _select_epochs(conn: AsyncConnection) -> dict[str, int]:
    """Returns all epochs of the database."""
    rows = (await conn.execute(select(epoch.c.environment_id, epoch.c.value))).all()
    return {row.environment_id: row.value for row in rows}


class _SqliteChangeDetector:
    """Tells whether the SQLite file was changed: `PRAGMA data_version` of a connection that is kept open
    differs after a commit of another one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._context: Any = None
        self._connection: AsyncConnection | None = None
        self._version: int | None = None

    @property
    def connection(self) -> AsyncConnection:
        """The connection that is kept open; only after `has_changed`."""
        assert self._connection is not None
        return self._connection

    async def has_changed(self) -> bool:
        """Returns True if another connection has committed since the last call, and at the first call."""
        if self._connection is None:
            self._context = self._database.open_reader()
            self._connection = await self._context.__aenter__()
        version = (await self._connection.exec_driver_sql("PRAGMA data_version")).scalar_one()
        before, self._version = self._version, version
        return bool(version != before)

    async def close(self) -> None:
        """Closes the connection; the next `has_changed` opens another one."""
        if self._connection is not None:
            self._connection = self._version = None
            await self._context.__aexit__(None, None, None)
