"""The outbox: an event is written with the change it tells of, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, current_time
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import event
from isthmus.errors import NotFound
from isthmus.events.catalogue import EVENTS, Event
from isthmus.events.ids import EventIds
from isthmus.jobs import announce_everywhere

__all__ = [
    "EMITTED",
    "FILTERS",
    "RETENTION",
    "Events",
    "OutboxState",
    "emit",
    "emit_all",
    "prune_events",
    "read_outbox_state",
]

EMITTED: Final = "events"
"""Announced by each commit that has events in it."""

RETENTION: Final = timedelta(days=30)
"""How long events are listed after they were handed on."""

_AT_ONCE = 1_000
_IDS = EventIds()


async def emit(conn: AsyncConnection, happened: Event) -> str:
    """The event's id. Call it after the write that it tells of, in the same transaction.

    That write holds the row of the resource, so the events of one resource are numbered in the order in which
    their changes were committed. For several resources at once: in the order of their ids.
    """
    return (await emit_all(conn, [happened]))[0]


async def emit_all(conn: AsyncConnection, happened: Sequence[Event]) -> list[str]:
    """Several at once, numbered in this order; their ids."""
    if not happened:
        return []
    rows = [_row(each, current_time(conn)) for each in happened]
    await conn.execute(insert(event), rows)
    await announce_everywhere(conn, EMITTED)
    return [row["id"] for row in rows]


def _row(happened: Event, now: datetime) -> dict[str, Any]:
    assert happened.name in EVENTS
    resource_type, resource_id = happened.resource
    return {
        "id": _IDS.next(now),
        "created_at": now,
        "environment_id": happened.environment_id,
        "event": happened.name,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "payload": happened.content,
        "relayed_at": None,
        "attempts": 0,
        "retry_at": None,
        "taken": None,
    }


_SHOWN: Final = ("id", "event", "environment_id", "resource_type", "resource_id", "payload", "created_at")
_DERIVED: Final[Mapping[str, ColumnElement[Any]]] = {
    "event_type": event.c.event,
    "is_relayed": event.c.relayed_at.is_not(None),
}
FILTERS: Final[Mapping[str, ColumnElement[Any]]] = {
    **{name: event.c[name] for name in _SHOWN if name != "payload"},
    **_DERIVED,
}
"""What a list may be narrowed and ordered by."""


@dataclass(frozen=True, slots=True)
class OutboxState:
    """`waiting`: events that were not handed on to every subscriber yet; `oldest_seconds`: the age of the
    oldest, None without one; `failing`: of them those that a subscriber refused, and that are tried again.
    """

    waiting: int
    oldest_seconds: float | None
    failing: int


async def read_outbox_state(conn: AsyncConnection) -> OutboxState:
    waits = event.c.relayed_at.is_(None)
    counts = select(func.count(), func.min(event.c.created_at), func.count(event.c.retry_at)).where(waits)
    waiting, oldest, failing = (await conn.execute(counts)).one()
    age = None if oldest is None else max(0.0, round((current_time(conn) - oldest).total_seconds(), 3))
    return OutboxState(waiting, age, failing)


class Events:
    """The events of one environment, the newest first unless asked otherwise."""

    def __init__(self, conn: AsyncConnection, environment_id: str) -> None:
        self._conn = conn
        self._environment_id = environment_id

    async def list(self, query: ListQuery) -> Page:
        return await fetch_page(self._conn, self._mine(), FILTERS, query)

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Raises NotFound."""
        row = (await self._conn.execute(self._mine().where(event.c.id == id))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no event {id} in this environment. GET /events lists them, for 30 days.")
        return dict(row)

    def _mine(self) -> Any:
        derived = [each.label(name) for name, each in _DERIVED.items()]
        return select(*(event.c[name] for name in _SHOWN), *derived).where(
            event.c.environment_id == self._environment_id
        )


async def prune_events(database: Database) -> None:
    """Forgets what was handed on long ago, some at a time."""
    old = database.clock.now() - RETENTION
    chosen = select(event.c.seq).where(event.c.relayed_at < old).limit(_AT_ONCE)
    while True:
        async with database.write() as conn:
            done = await conn.execute(delete(event).where(event.c.seq.in_(chosen)))
        if done.rowcount < _AT_ONCE:
            return
