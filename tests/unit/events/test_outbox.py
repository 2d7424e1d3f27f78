"""The outbox: events are written with their change, listed, counted and pruned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.fakes.clock import VirtualClock
from tests.unit.events.recording import HERE, THERE, Recorder, happen, relay_to

from isthmus.db import Database
from isthmus.db.listing import Filter, ListQuery
from isthmus.db.tables import event
from isthmus.errors import NotFound
from isthmus.events import (
    EVENTS,
    Events,
    OutboxState,
    emit,
    get_payload_schema,
    prune_events,
    read_outbox_state,
)
from isthmus.events.catalogue import IntegratedAccountDeleted
from isthmus.events.outbox import RETENTION, EventIdGenerator

pytestmark = pytest.mark.both_databases


async def test_an_event_exists_only_if_its_transaction_commits(database: Database) -> None:
    with pytest.raises(RuntimeError, match="regret"):  # noqa: PT012 - the transaction must end so
        async with database.write() as conn:
            happened = {"environment_id": HERE, "payload": {"id": "a"}}
            await emit(conn, IntegratedAccountDeleted.model_validate(happened))
            raise RuntimeError("regret")
    async with database.read() as conn:
        assert (await conn.execute(select(event))).all() == []


async def test_events_are_listed_for_their_own_environment_by_filter(database: Database) -> None:
    ids = await happen(database, "a", "b")
    await happen(database, "c", environment_id=THERE)
    async with database.read() as conn:
        mine = Events(conn, HERE)
        page = await mine.list(ListQuery(limit=10))
        only = await mine.list(ListQuery((Filter("resource_id", "eq", ("b",)),)))
        assert [row["id"] for row in page.rows] == ids[::-1]
        assert [row["id"] for row in only.rows] == [ids[1]]
        assert await mine.get(ids[0]) == page.rows[1]
        with pytest.raises(NotFound):
            await Events(conn, THERE).get(ids[0])


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("event_type", "integrated_account:deleted", ["a", "b"]),
        ("event_type", "integrated_account:created", []),
        ("is_relayed", "true", ["a"]),
        ("is_relayed", "false", ["b"]),
    ],
)
async def test_events_are_filtered_by_each_field_they_show(
    database: Database, field: str, value: str, found: list[str]
) -> None:
    await happen(database, "a")
    await relay_to(database).relay()
    await happen(database, "b")
    async with database.read() as conn:
        mine = Events(conn, HERE)
        page = await mine.list(ListQuery((Filter(field, "eq", (value,)),), descending=False))
        assert [row["resource_id"] for row in page.rows] == found
        first = await mine.list(ListQuery(sort_by=field, limit=1))
        rest = await mine.list(ListQuery(sort_by=field, limit=1, after=first.after))
        assert {row["resource_id"] for row in (*first.rows, *rest.rows)} == {"a", "b"}
        shown = set(first.rows[0]) - {"payload"}
    assert shown == set(Events.FILTERS)


async def test_events_are_forgotten_a_month_after_they_were_handed_on(
    database: Database, clock: VirtualClock
) -> None:
    await happen(database, "a")
    await relay_to(database).relay()
    (waiting,) = await happen(database, "b")
    await clock.advance(timedelta(days=31).total_seconds())
    await prune_events(database)
    async with database.read() as conn:
        assert (await conn.execute(select(event.c.id))).scalars().all() == [waiting]


async def test_the_state_tells_how_many_wait_and_for_how_long(
    database: Database, clock: VirtualClock
) -> None:
    recorder = Recorder()
    recorder.refuses.add("a")
    await happen(database, "a", "b", "a")
    await clock.advance(90)
    await happen(database, "c")
    async with database.read() as conn:
        assert await read_outbox_state(conn) == OutboxState(waiting=4, oldest_seconds=90.0, failing=0)
    await relay_to(database, recorder).relay()
    async with database.read() as conn:
        assert await read_outbox_state(conn) == OutboxState(waiting=2, oldest_seconds=90.0, failing=1)
    recorder.refuses.clear()
    await clock.advance(2)
    await relay_to(database, recorder).relay()
    async with database.read() as conn:
        assert await read_outbox_state(conn) == OutboxState(waiting=0, oldest_seconds=None, failing=0)


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = EventIdGenerator(lambda count: b"\xff" * (count - 1) + b"\x00")
    now = datetime(2030, 1, 1, tzinfo=UTC)
    made = [ids.make_id(now + timedelta(milliseconds=number // 3)) for number in range(30)]
    assert made == sorted(set(made))
    assert all(len(each) == 30 and each.startswith("evt_") for each in made)


def test_every_event_says_when_it_is_sent_and_has_a_schema() -> None:
    for name, each in EVENTS.items():
        assert each.__doc__, name
        schema: dict[str, Any] = get_payload_schema(name)
        assert schema["type"] == "object"
    assert len(EVENTS) == 24


async def test_events_are_kept_for_thirty_days_to_the_moment(database: Database, clock: VirtualClock) -> None:
    await happen(database, "a")
    await relay_to(database).relay()
    await clock.advance(RETENTION.total_seconds())
    await prune_events(database)
    assert await counted(database) == 1
    await clock.advance(0.001)
    await prune_events(database)
    assert await counted(database) == 0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
async def test_old_events_are_forgotten_however_many_there_are(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr("isthmus.events.outbox._MAX_DELETED_AT_ONCE", 2)
    await happen(database, *map(str, range(count)))
    await relay_to(database).relay()
    await clock.advance(timedelta(days=31).total_seconds())
    await prune_events(database)
    assert await counted(database) == 0


async def counted(database: Database) -> int:
    async with database.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(event))).scalar_one())
