"""Hands events on to whoever subscribed: in order for each resource, at least once, under the same id."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import exists, or_, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, current_time, make_background_context, savepoint
from isthmus.db.tables import event
from isthmus.events.catalogue import EVENTS
from isthmus.events.outbox import EMITTED
from isthmus.jobs import PeerProcesses
from isthmus.jobs.database_outages import OutageReporter, is_database_unavailable
from isthmus.jobs.lock_timeout import LockNotAvailable, is_lock_conflict, write_with_lock_timeout
from isthmus.jobs.peer_processes import HEARTBEAT_SECONDS
from isthmus.kit.unexpected_cancellation import convert_unexpected_cancellation

__all__ = ["Occurrence", "Relay", "Subscriber", "Subscribers"]

_log = logging.getLogger("isthmus.events")
_ADVISORY_LOCK: Final = 0x1574_4D06
_AT_ONCE: Final = 50
_LONGEST_PAUSE: Final = 300.0
_HELD_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event as it is handed on. `id` is the same each time; `payload` is as it was when it was written."""

    id: str
    event: str
    environment_id: str
    resource_type: str
    resource_id: str
    payload: Mapping[str, Any]
    created_at: datetime


Subscriber = Callable[[AsyncConnection, Occurrence], Awaitable[None]]


class Subscribers:
    """Filled by the composition root, before the relay starts."""

    def __init__(self) -> None:
        self._handlers: list[tuple[str, str, Subscriber]] = []

    def subscribe(self, name: str, handler: Subscriber, *, known_as: str | None = None) -> None:
        """`handler(conn, occurrence)` for each event `name`: a name of the catalogue, `prefix:*`, or `*`.

        It writes, in the transaction that it is given, what is to be done (rows, and a job for them), and
        makes no call to anybody: what it wrote is then there exactly once. If it raises, the event comes
        again later, and those of the same resource wait behind it. `known_as`: a name of its own that stays
        the same from version to version; else that of the function.
        """
        if name != "*" and not any(matches(name, each) for each in EVENTS):
            raise ValueError(f"{name} is no event of the catalogue")
        own = known_as or f"{handler.__module__}.{getattr(handler, '__qualname__', type(handler).__name__)}"
        if any(known == own and pattern == name for known, pattern, _ in self._handlers):
            raise ValueError(f"{own} has subscribed to {name} already")
        self._handlers.append((own, name, handler))

    @property
    def names(self) -> frozenset[str]:
        """Who subscribed to what, as it stays from process to process."""
        return frozenset(f"{own} {pattern}" for own, pattern, _ in self._handlers)

    def of(self, name: str) -> Sequence[tuple[str, Subscriber]]:
        """Each subscriber of an event once, in the order they subscribed."""
        found = {own: handler for own, pattern, handler in self._handlers if matches(pattern, name)}
        return list(found.items())


def matches(pattern: str, name: str) -> bool:
    if pattern.endswith(":*"):
        return name.startswith(pattern[:-1])
    return pattern in ("*", name)


class Relay:
    """One a process; of several processes one at a time hands on. `start()`, `stop()`.

    Beside a process that knows a subscriber of another version it leaves the events to that one.
    """

    def __init__(self, database: Database, subscribers: Subscribers, *, poll_seconds: float = 1.0) -> None:
        self._database = database
        self._subscribers = subscribers
        self._poll_seconds = poll_seconds
        self._emitted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unhear: Callable[[], None] = lambda: None
        self._outages = OutageReporter()
        self._peers = PeerProcesses(database, "subscribers", subscribers.names)
        self._next_beat = 0.0
        self._leaves_to_others = False
        self._passed_over: dict[tuple[str, str], float] = {}
        """Resources whose events wait for a lock of somebody's, and until when they are left alone."""

    async def start(self) -> None:
        """What this process emits from now on is seen by every subscriber it knows."""
        await self._beat()
        self._unhear = self._database.add_announcement_listener(EMITTED, self._emitted.set)
        self._task = asyncio.create_task(
            self._relay_for_ever(), name="events: relay", context=make_background_context()
        )

    async def stop(self) -> None:
        self._unhear()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        with suppress(SQLAlchemyError, OSError):  # it is forgotten anyway, a minute later
            await self._peers.unregister()

    async def relay(self) -> int:
        """Hands on what waits, some dozens at once; how many events were looked at. Raises LockNotAvailable:
        not all of them, because a subscriber wanted what another transaction holds. That resource is then
        passed over for a moment."""
        if not await self._something_waits():
            return 0
        passed_over = self._still_passed_over()
        async with write_with_lock_timeout(self._database) as conn:
            if not await _is_alone(conn):
                return 0
            found = (await conn.execute(_waiting(current_time(conn), passed_over))).mappings()
            rows = [dict(row) for row in found]
            # After the rows: a process is here before its first event is.
            if not self._may_hand_on(await self._peers.read_names_of_others(conn)):
                return 0
            done, held = await self._hand_on_all(conn, rows)
            if done:
                relayed = update(event).where(event.c.seq.in_(done)).values(relayed_at=current_time(conn))
                await conn.execute(relayed)
        if held is not None:
            raise held
        return len(rows)

    async def _hand_on_all(
        self, conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[list[int], LockNotAvailable | None]:
        """Which of them every subscriber has now. It ends where somebody else holds what is needed: who waits
        a second time, with the locks of the first, can keep others waiting for too long."""
        refused: set[tuple[str, str]] = set()
        done: list[int] = []
        for row in rows:
            resource = (row["resource_type"], row["resource_id"])
            if resource in refused:
                continue
            try:
                is_done = await self._hand_on(conn, row)
            except LockNotAvailable as held:
                self._passed_over[resource] = time.monotonic() + _HELD_SECONDS
                return done, held
            if is_done:
                done.append(row["seq"])
            else:
                refused.add(resource)
        return done, None

    def _still_passed_over(self) -> list[tuple[str, str]]:
        now = time.monotonic()
        self._passed_over = {each: until for each, until in self._passed_over.items() if until > now}
        return list(self._passed_over)

    def _may_hand_on(self, known: frozenset[str]) -> bool:
        others = sorted(known - self._peers.names)
        if others and not self._leaves_to_others:
            _log.warning("events wait for a process of another version, which knows %s", ", ".join(others))
        self._leaves_to_others = bool(others)
        return not others

    async def _beat(self) -> None:
        await self._peers.send_heartbeat()
        self._next_beat = time.monotonic() + HEARTBEAT_SECONDS

    async def _something_waits(self) -> bool:
        async with self._database.read() as conn:
            query = select(exists().where(event.c.relayed_at.is_(None)))
            return bool((await conn.execute(query)).scalar_one())

    async def _hand_on(self, conn: AsyncConnection, row: Mapping[str, Any]) -> bool:
        """Whether every subscriber has it now. Raises LockNotAvailable, with nothing lost or doubled, where
        the next one has to wait for another transaction."""
        taken = set(row["taken"] or ())
        missing = [(own, handler) for own, handler in self._subscribers.of(row["event"]) if own not in taken]
        failed = False
        for own, handler in missing:
            try:
                async with savepoint(conn):
                    with convert_unexpected_cancellation():
                        await handler(conn, _occurrence(row))
            except DBAPIError as error:
                if error.connection_invalidated or conn.closed:
                    raise
                if is_lock_conflict(error):
                    await self._keep_taken(conn, row, taken)
                    raise LockNotAvailable from error
                failed = self._note_failure(own, row)
            except Exception:
                failed = self._note_failure(own, row)
            else:
                taken.add(own)
        if failed:
            attempts = row["attempts"] + 1
            pause = min(2.0 ** min(attempts, 30), _LONGEST_PAUSE)
            later = {
                "attempts": attempts,
                "retry_at": current_time(conn) + timedelta(seconds=pause),
                "taken": sorted(taken),
            }
            await conn.execute(update(event).where(event.c.seq == row["seq"]).values(later))
        return not failed

    async def _keep_taken(self, conn: AsyncConnection, row: Mapping[str, Any], taken: set[str]) -> None:
        """So that those who have it already do not get it again."""
        if taken:
            kept = update(event).where(event.c.seq == row["seq"]).values(taken=sorted(taken))
            await conn.execute(kept)

    def _note_failure(self, own: str, row: Mapping[str, Any]) -> bool:
        _log.exception("%s did not take %s %s (%d before)", own, row["event"], row["id"], row["attempts"])
        return True

    async def _relay_for_ever(self) -> None:
        while True:
            self._emitted.clear()
            is_more, pause = False, self._poll_seconds
            try:
                with convert_unexpected_cancellation():
                    if time.monotonic() >= self._next_beat:
                        await self._beat()
                    is_more = await self.relay() >= _AT_ONCE
            except LockNotAvailable:
                is_more = True  # of other resources; it has waited long enough
            except Exception as error:
                if is_database_unavailable(error):
                    self._outages.report("events wait", error)
                else:
                    _log.exception("events wait")
            if self._passed_over:
                pause = min(pause, _HELD_SECONDS)
            if not is_more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._emitted.wait()


async def _is_alone(conn: AsyncConnection) -> bool:
    """PostgreSQL: no other process hands on until this transaction ends. SQLite has one writer anyway."""
    if conn.dialect.name == "sqlite":
        return True
    query = text("SELECT pg_try_advisory_xact_lock(:lock)")
    return bool((await conn.execute(query, {"lock": _ADVISORY_LOCK})).scalar_one())


def _waiting(now: datetime, passed_over: Sequence[tuple[str, str]]) -> Any:
    """The oldest that are not handed on, without those that wait for another try, or behind one that does."""
    earlier = event.alias("earlier")
    held = exists().where(
        earlier.c.relayed_at.is_(None),
        earlier.c.resource_id == event.c.resource_id,
        earlier.c.resource_type == event.c.resource_type,
        earlier.c.seq <= event.c.seq,
        earlier.c.retry_at > now,
    )
    waiting = select(event).where(
        event.c.relayed_at.is_(None), or_(event.c.retry_at.is_(None), event.c.retry_at <= now), ~held
    )
    if passed_over:
        waiting = waiting.where(tuple_(event.c.resource_type, event.c.resource_id).not_in(passed_over))
    return waiting.order_by(event.c.seq).limit(_AT_ONCE)


def _occurrence(row: Mapping[str, Any]) -> Occurrence:
    return Occurrence(
        id=row["id"],
        event=row["event"],
        environment_id=row["environment_id"],
        resource_type=row["resource_type"],
        resource_id=row["resource_id"],
        payload=row["payload"],
        created_at=row["created_at"],
    )
