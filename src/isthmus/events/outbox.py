"""The outbox: events are written in the transaction of the change that they report, so there is never one
without the other. Also lists and prunes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, current_time
from isthmus.db.listing import FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.tables import event
from isthmus.errors import NotFound
from isthmus.events.catalogue import Event
from isthmus.jobs import notify_all_processes

__all__ = [
    "EMITTED",
    "RETENTION",
    "Events",
    "OutboxState",
    "emit",
    "emit_all",
    "prune_events",
    "read_outbox_state",
]

EMITTED: Final = "events"
"""The topic announced by each commit that has events in it."""

RETENTION: Final = timedelta(days=30)
"""How long events are kept after they were relayed."""

_MAX_DELETED_AT_ONCE = 1_000

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_LETTERS: Final = 26
_RANDOM_BITS: Final = 80


class EventIdGenerator:
    """Makes event ids: `evt_` and a ULID, so that they are unique and sort by time. Those that one process
    makes in the same millisecond count up."""

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._last = 0

    def make_id(self, now: datetime) -> str:
        """Returns a new id, greater than all that were made before unless `now` goes back."""
        milliseconds = int(now.timestamp() * 1000)
        if milliseconds == self._last >> _RANDOM_BITS:
            value = self._last + 1
        else:
            value = milliseconds << _RANDOM_BITS | int.from_bytes(
                self._random_bytes(_RANDOM_BITS // 8), "big"
            )
        self._last = value
        letters = (_ALPHABET[value >> 5 * place & 31] for place in reversed(range(_LETTERS)))
        return "evt_" + "".join(letters)


_IDS: Final = EventIdGenerator()


async def emit(conn: AsyncConnection, new_event: Event) -> str:
    """Writes the event and returns its id. Call it after the write that it reports, in the same transaction.

    That write locks the row of the resource, so the events of one resource are numbered in the order in which
    their changes were committed. For several resources, emit in the order of their ids.
    """
    return (await emit_all(conn, [new_event]))[0]


async def emit_all(conn: AsyncConnection, new_events: Sequence[Event]) -> list[str]:
    """Writes several events, numbered in this order; returns their ids."""
    if not new_events:
        return []
    rows = [_make_row(new_event, current_time(conn)) for new_event in new_events]
    await conn.execute(insert(event), rows)
    await notify_all_processes(conn, EMITTED)
    return [row["id"] for row in rows]


def _make_row(new_event: Event, now: datetime) -> dict[str, Any]:
    """Returns the row of a new event."""
    resource_type, resource_id = new_event.resource
    return {
        "id": _IDS.make_id(now),
        "created_at": now,
        "environment_id": new_event.environment_id,
        "event": new_event.name,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "payload": new_event.content,
        "relayed_at": None,
        "attempts": 0,
        "retry_at": None,
        "taken": None,
    }


_FIELDS: Final = ("id", "event", "environment_id", "resource_type", "resource_id", "payload", "created_at")
_DERIVED: Final[Mapping[str, ColumnElement[Any]]] = {
    "event_type": event.c.event,
    "is_relayed": event.c.relayed_at.is_not(None),
}


@dataclass(frozen=True, slots=True)
class OutboxState:
    """The state of the outbox. `waiting`: how many events not every subscriber has yet. `oldest_seconds`: the
    age of the oldest of them, None if there is none. `failing`: how many of them a subscriber has refused;
    they are retried."""

    waiting: int
    oldest_seconds: float | None
    failing: int


async def read_outbox_state(conn: AsyncConnection) -> OutboxState:
    """Counts what is in the outbox now."""
    waits = event.c.relayed_at.is_(None)
    counts = select(func.count(), func.min(event.c.created_at), func.count(event.c.retry_at)).where(waits)
    waiting, oldest, failing = (await conn.execute(counts)).one()
    age = None if oldest is None else max(0.0, round((current_time(conn) - oldest).total_seconds(), 3))
    return OutboxState(waiting, age, failing)


class Events:
    """The events of one environment, the newest first unless asked otherwise."""

    FILTERS: ClassVar[FilterColumns] = {
        **{name: event.c[name] for name in _FIELDS if name != "payload"},
        **_DERIVED,
    }

    def __init__(self, conn: AsyncConnection, environment_id: str) -> None:
        self._conn = conn
        self._environment_id = environment_id

    async def list(self, query: ListQuery) -> Page:
        """Returns a page of the events."""
        return await fetch_page(self._conn, self._select_own(), self.FILTERS, query)

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Returns an event with its payload. Raises NotFound."""
        row = (await self._conn.execute(self._select_own().where(event.c.id == id))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no event {id} in this environment. GET /events lists them, for 30 days.")
        return dict(row)

    def _select_own(self) -> Any:
        """Returns the SELECT of the environment's events, with the derived fields."""
        derived = [column.label(name) for name, column in _DERIVED.items()]
        return select(*(event.c[name] for name in _FIELDS), *derived).where(
            event.c.environment_id == self._environment_id
        )


async def prune_events(database: Database) -> None:
    """Deletes the events that were relayed longer than `RETENTION` ago."""
    old = database.clock.now() - RETENTION
    chosen = select(event.c.seq).where(event.c.relayed_at < old).limit(_MAX_DELETED_AT_ONCE)
    while True:
        async with database.write() as conn:
            result = await conn.execute(delete(event).where(event.c.seq.in_(chosen)))
        if result.rowcount < _MAX_DELETED_AT_ONCE:
            return
