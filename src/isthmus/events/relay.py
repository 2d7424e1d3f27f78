"""The relay: gives the events of the outbox to their subscribers, in order for each resource and at least
once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import exists, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, current_time, make_background_context, savepoint
from isthmus.db.outages import is_database_unavailable, is_lock_conflict
from isthmus.db.tables import event
from isthmus.events.catalogue import EVENTS
from isthmus.events.outbox import EMITTED
from isthmus.jobs import PeerProcesses
from isthmus.jobs.lock_timeout import LockNotAvailable, write_with_lock_timeout
from isthmus.jobs.peer_processes import HEARTBEAT_SECONDS
from isthmus.kit.unexpected_cancellation import convert_unexpected_cancellation

__all__ = ["Occurrence", "Relay", "Subscriber", "Subscribers"]

_log = logging.getLogger("isthmus.events")
_ADVISORY_LOCK: Final = 0x1574_4D06
_MAX_AT_ONCE: Final = 50
_MAX_RETRY_SECONDS: Final = 300.0
_LOCKED_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event as subscribers get it. `id` stays the same when it comes again; `payload` is as it was
    written."""

    id: str
    event: str
    environment_id: str
    resource_type: str
    resource_id: str
    payload: Mapping[str, Any]
    created_at: datetime


Subscriber = Callable[[AsyncConnection, Occurrence], Awaitable[None]]


class Subscribers:
    """Which functions get which events. The composition root registers them before the relay starts."""

    def __init__(self) -> None:
        self._handlers: list[tuple[str, str, Subscriber]] = []

    def subscribe(self, name: str, handler: Subscriber, *, stable_name: str | None = None) -> None:
        """Calls `handler(conn, occurrence)` for each event `name`: a name of the catalogue, `prefix:*`, or
        `*`.

        The handler only writes to the database, in the transaction of `conn`: rows, and a job that does the
        rest. So its effect is there exactly once. If it raises, the event comes again later, and other events
        of the same resource wait for it. `stable_name`: a name that stays the same from version to version;
        by default that of the function. Raises ValueError for an unknown event and for a second subscription.
        """
        if name != "*" and not any(matches(name, event_name) for event_name in EVENTS):
            raise ValueError(f"{name} is no event of the catalogue")
        own_name = (
            stable_name or f"{handler.__module__}.{getattr(handler, '__qualname__', type(handler).__name__)}"
        )
        if any(subscriber == own_name and pattern == name for subscriber, pattern, _ in self._handlers):
            raise ValueError(f"{own_name} has subscribed to {name} already")
        self._handlers.append((own_name, name, handler))

    @property
    def names(self) -> frozenset[str]:
        """The subscriptions as text, the same in every process of a version."""
        return frozenset(f"{subscriber} {pattern}" for subscriber, pattern, _ in self._handlers)

    def find_handlers(self, event_name: str) -> Sequence[tuple[str, Subscriber]]:
        """Returns each subscriber of an event once, as (subscriber name, handler), in the order of
        subscription."""
        handlers = {
            subscriber: handler
            for subscriber, pattern, handler in self._handlers
            if matches(pattern, event_name)
        }
        return list(handlers.items())


def matches(pattern: str, event_name: str) -> bool:
    """Returns True if the event `event_name` is one of a subscription's `pattern`: its name, `prefix:*`, or
    `*`."""
    if pattern.endswith(":*"):
        return event_name.startswith(pattern[:-1])
    return pattern in ("*", event_name)


class Relay:
    """Relays events in the background, between `start()` and `stop()`. Each process has one; of several
    processes one relays at a time.

    It leaves all events to other processes while one of those knows a subscriber that this one does not.
    """

    def __init__(self, database: Database, subscribers: Subscribers, *, poll_seconds: float = 1.0) -> None:
        self._database = database
        self._subscribers = subscribers
        self._poll_seconds = poll_seconds
        self._emitted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._peers = PeerProcesses(database, "subscribers", subscribers.names)
        self._next_heartbeat = 0.0
        self._is_left_to_others = False
        self._skipped_until: dict[tuple[str, str], float] = {}
        """Resources whose events need a lock of another transaction, and until when they are skipped."""

    async def start(self) -> None:
        """Starts relaying. Events emitted from now on reach every subscriber that this process knows."""
        await self._send_heartbeat()
        self._stop_listening = self._database.add_topic_listener(EMITTED, self._emitted.set)
        self._task = asyncio.create_task(
            self._relay_forever(), name="events: relay", context=make_background_context()
        )

    async def stop(self) -> None:
        """Stops relaying; a transaction that is open is rolled back."""
        self._stop_listening()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        with suppress(SQLAlchemyError, OSError):  # it counts as gone a minute later anyway
            await self._peers.unregister()

    async def relay(self) -> int:
        """Relays up to 50 events that wait, in one transaction. Returns how many events it looked at, 0 if
        another process relays. Raises LockNotAvailable, after the commit, if a subscriber needed a lock of
        another transaction: the event's resource is then skipped for a moment."""
        if not await self._is_something_waiting():
            return 0
        skipped = self._list_skipped()
        async with write_with_lock_timeout(self._database) as conn:
            if not await _is_only_relay(conn):
                return 0
            result = (await conn.execute(_select_waiting(current_time(conn), skipped))).mappings()
            rows = [dict(row) for row in result]
            # After reading the rows: a process is registered before it emits its first event.
            if not self._knows_all(await self._peers.read_names_of_others(conn)):
                return 0
            relayed_seqs, locked = await self._relay_all(conn, rows)
            if relayed_seqs:
                update_relayed = (
                    update(event).where(event.c.seq.in_(relayed_seqs)).values(relayed_at=current_time(conn))
                )
                await conn.execute(update_relayed)
        if locked is not None:
            raise locked
        return len(rows)

    async def _relay_all(
        self, conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[list[int], LockNotAvailable | None]:
        """Relays the events in order. Returns (the `seq` of those that every subscriber has now, error): the
        error is that of the first event that needs a lock of another transaction, where it ends; None if
        there is none.

        To wait a second time, with the locks of the first, could keep others waiting for too long.
        """
        refused: set[tuple[str, str]] = set()
        relayed: list[int] = []
        for row in rows:
            resource = (row["resource_type"], row["resource_id"])
            if resource in refused:
                continue
            try:
                is_done = await self._relay_event(conn, row)
            except LockNotAvailable as locked:
                self._skipped_until[resource] = time.monotonic() + _LOCKED_SECONDS
                return relayed, locked
            if is_done:
                relayed.append(row["seq"])
            else:
                refused.add(resource)
        return relayed, None

    def _list_skipped(self) -> list[tuple[str, str]]:
        """Returns the (type, id) of the resources that are skipped now, because a subscriber needed a
        lock."""
        now = time.monotonic()
        self._skipped_until = {
            resource: until for resource, until in self._skipped_until.items() if until > now
        }
        return list(self._skipped_until)

    def _knows_all(self, subscriptions: frozenset[str]) -> bool:
        """Returns True if this process knows all these subscriptions of other processes. Logs those that it
        does not know."""
        others = sorted(subscriptions - self._peers.names)
        if others and not self._is_left_to_others:
            _log.warning("events wait for a process of another version, which knows %s", ", ".join(others))
        self._is_left_to_others = bool(others)
        return not others

    async def _send_heartbeat(self) -> None:
        """Records that this process is running and which subscribers it knows."""
        await self._peers.send_heartbeat()
        self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS

    async def _is_something_waiting(self) -> bool:
        """Returns True if an event was not relayed to every subscriber yet."""
        async with self._database.read() as conn:
            query = select(exists().where(event.c.relayed_at.is_(None)))
            return bool((await conn.execute(query)).scalar_one())

    async def _relay_event(self, conn: AsyncConnection, row: Mapping[str, Any]) -> bool:
        """Calls each subscriber that does not have the event yet. Returns True if all have it now.

        Raises LockNotAvailable at a subscriber that needs a lock of another transaction. Those that had the
        event before it are stored.
        """
        delivered_to = set(row["taken"] or ())
        missing = [
            (subscriber, handler)
            for subscriber, handler in self._subscribers.find_handlers(row["event"])
            if subscriber not in delivered_to
        ]
        has_failed = False
        for subscriber, handler in missing:
            try:
                async with savepoint(conn):
                    with convert_unexpected_cancellation():
                        await handler(conn, _make_occurrence(row))
            except DBAPIError as error:
                if is_lock_conflict(error):
                    await self._store_delivered_to(conn, row, delivered_to)
                    raise LockNotAvailable from error
                if is_database_unavailable(error):
                    raise
                has_failed = True
                self._log_failure(subscriber, row)
            except Exception:
                has_failed = True
                self._log_failure(subscriber, row)
            else:
                delivered_to.add(subscriber)
        if has_failed:
            attempts = row["attempts"] + 1
            pause = min(2.0 ** min(attempts, 30), _MAX_RETRY_SECONDS)
            later = {
                "attempts": attempts,
                "retry_at": current_time(conn) + timedelta(seconds=pause),
                "taken": sorted(delivered_to),
            }
            await conn.execute(update(event).where(event.c.seq == row["seq"]).values(later))
        return not has_failed

    async def _store_delivered_to(
        self, conn: AsyncConnection, row: Mapping[str, Any], delivered_to: set[str]
    ) -> None:
        """Stores which subscribers have the event, so that they do not get it again."""
        if delivered_to:
            statement = update(event).where(event.c.seq == row["seq"]).values(taken=sorted(delivered_to))
            await conn.execute(statement)

    def _log_failure(self, subscriber: str, row: Mapping[str, Any]) -> None:
        """Logs that a subscriber raised, with the traceback."""
        _log.exception(
            "%s did not take %s %s (%d before)", subscriber, row["event"], row["id"], row["attempts"]
        )

    async def _relay_forever(self) -> None:
        """Relays whenever events are emitted, and every `poll_seconds`."""
        while True:
            self._emitted.clear()
            is_more, pause = False, self._poll_seconds
            try:
                with convert_unexpected_cancellation():
                    if time.monotonic() >= self._next_heartbeat:
                        await self._send_heartbeat()
                    is_more = await self.relay() >= _MAX_AT_ONCE
            except LockNotAvailable:
                is_more = True  # of other resources, and they have waited already
            except Exception as error:
                if is_database_unavailable(error):
                    self._database.outages.report("events wait", error)
                else:
                    _log.exception("events wait")
            if self._skipped_until:
                pause = min(pause, _LOCKED_SECONDS)
            if not is_more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._emitted.wait()


async def _is_only_relay(conn: AsyncConnection) -> bool:
    """Takes the lock of the relay. Returns True if no other process relays now; then none does until this
    transaction ends."""
    if conn.dialect.name == "sqlite":  # it has one writer at a time anyway
        return True
    query = text("SELECT pg_try_advisory_xact_lock(:lock)")
    return bool((await conn.execute(query, {"lock": _ADVISORY_LOCK})).scalar_one())


def _select_waiting(now: datetime, skipped: Sequence[tuple[str, str]]) -> Any:
    """Returns the SELECT of the oldest events that are not relayed, without those to be retried later and
    those behind one of these. `skipped`: the resources to leave out."""
    earlier = event.alias("earlier")  # or the event itself
    waits_for_retry = exists().where(
        earlier.c.relayed_at.is_(None),
        earlier.c.resource_id == event.c.resource_id,
        earlier.c.resource_type == event.c.resource_type,
        earlier.c.seq <= event.c.seq,
        earlier.c.retry_at > now,
    )
    waiting = select(event).where(event.c.relayed_at.is_(None), ~waits_for_retry)
    if skipped:
        waiting = waiting.where(tuple_(event.c.resource_type, event.c.resource_id).not_in(skipped))
    return waiting.order_by(event.c.seq).limit(_MAX_AT_ONCE)


def _make_occurrence(row: Mapping[str, Any]) -> Occurrence:
    """Returns a row of the outbox as subscribers get it."""
    return Occurrence(
        id=row["id"],
        event=row["event"],
        environment_id=row["environment_id"],
        resource_type=row["resource_type"],
        resource_id=row["resource_id"],
        payload=row["payload"],
        created_at=row["created_at"],
    )
