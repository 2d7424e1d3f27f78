"""Events: written with their change, masked, handed on in order, at least once, under the same id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.background import until
from tests.fakes.clock import VirtualClock

from isthmus.api.resources.events import list_events
from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.db.database import announce
from isthmus.db.epochs import raise_epoch
from isthmus.db.listing import Filter, ListQuery
from isthmus.db.tables import environment, epoch, event, team
from isthmus.errors import NotFound
from isthmus.events import (
    EVENTS,
    Events,
    Occurrence,
    OutboxState,
    Relay,
    Subscribers,
    emit,
    get_payload_schema,
    prune_events,
    read_outbox_state,
)
from isthmus.events.catalogue import IntegratedAccountDeleted
from isthmus.events.outbox import FILTERS, EventIdGenerator
from isthmus.jobs import defer, read_job_status
from isthmus.jobs.lock_timeout import LockNotAvailable
from isthmus.kit.ids import new_id

pytestmark = pytest.mark.both_databases

HERE, THERE = new_id(), new_id()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2030, 1, 1, 12, tzinfo=UTC))


@pytest.fixture
async def database(settings: Settings, clock: VirtualClock) -> AsyncIterator[Database]:
    opened = await open_database(settings, clock=clock)
    row = {"created_at": clock.now(), "updated_at": clock.now()}
    async with opened.write() as conn:
        team_id = new_id()
        await conn.execute(insert(team).values(id=team_id, name="t", **row))
        for each in (HERE, THERE):
            await conn.execute(
                insert(environment).values(id=each, team_id=team_id, name=each, settings={}, **row)
            )
    yield opened
    await opened.close()


async def happen(database: Database, *resources: str, environment_id: str = HERE) -> list[str]:
    async with database.write() as conn:
        return [
            await emit(
                conn,
                IntegratedAccountDeleted.model_validate(
                    {"environment_id": environment_id, "payload": {"id": each}}
                ),
            )
            for each in resources
        ]


class Recorder:
    """A subscriber that fails for the resources in `refuses`."""

    def __init__(self) -> None:
        self.saw: list[str] = []
        self.refuses: set[str] = set()

    async def __call__(self, conn: AsyncConnection, occurrence: Occurrence) -> None:
        if occurrence.resource_id in self.refuses:
            raise ValueError("not now")
        self.saw.append(occurrence.id)


def relay_to(database: Database, *recorders: Recorder, name: str = "*") -> Relay:
    subscribers = Subscribers()
    for number, each in enumerate(recorders):
        subscribers.subscribe(name, each, known_as=f"recorder {number}")
    return Relay(database, subscribers)


async def test_an_event_exists_only_if_its_transaction_commits(database: Database) -> None:
    with pytest.raises(RuntimeError, match="regret"):  # noqa: PT012 - the transaction must end so
        async with database.write() as conn:
            happened = {"environment_id": HERE, "payload": {"id": "a"}}
            await emit(conn, IntegratedAccountDeleted.model_validate(happened))
            raise RuntimeError("regret")
    async with database.read() as conn:
        assert (await conn.execute(select(event))).all() == []


async def test_events_are_handed_on_once_in_the_order_they_happened(database: Database) -> None:
    recorder = Recorder()
    ids = await happen(database, "a", "b", "a") + await happen(database, "b")
    relay = relay_to(database, recorder)
    while await relay.relay():
        pass
    assert recorder.saw == ids == sorted(ids)


async def test_an_event_that_is_refused_comes_again_and_holds_back_its_resource_only(
    database: Database, clock: VirtualClock
) -> None:
    recorder = Recorder()
    recorder.refuses.add("a")
    first, other, second = await happen(database, "a", "b", "a")
    relay = relay_to(database, recorder)
    await relay.relay()
    await relay.relay()
    assert recorder.saw == [other]
    recorder.refuses.clear()
    await relay.relay()
    assert recorder.saw == [other]  # not before its time
    await clock.advance(2)
    await relay.relay()
    assert recorder.saw == [other, first, second]


async def test_what_a_subscriber_told_before_it_failed_is_not_told(
    database: Database, clock: VirtualClock
) -> None:
    told: list[object] = []
    database.add_epoch_listener(lambda raised: told.append(dict(raised)))
    for topic in ("before", "within"):
        database.add_announcement_listener(topic, partial(told.append, topic))

    async def willing(conn: AsyncConnection, occurrence: Occurrence) -> None:
        await raise_epoch(conn, HERE)
        announce(conn, "before")

    async def unwilling(conn: AsyncConnection, occurrence: Occurrence) -> None:
        await raise_epoch(conn, HERE)
        await raise_epoch(conn, THERE)
        announce(conn, "within")
        raise ValueError("not now")

    subscribers = Subscribers()
    subscribers.subscribe("*", willing)
    subscribers.subscribe("*", unwilling)
    await happen(database, "a")
    await Relay(database, subscribers).relay()
    assert told == [{HERE: 1}, "before"]
    async with database.read() as conn:
        stored = (await conn.execute(select(epoch.c.environment_id, epoch.c.value))).all()
    assert {each: value for each, value in stored if each in (HERE, THERE)} == {HERE: 1}


async def test_a_subscriber_that_ends_with_what_it_waited_for_has_refused(
    database: Database, clock: VirtualClock
) -> None:
    recorder, calls = Recorder(), 0

    async def end_once(conn: AsyncConnection, occurrence: Occurrence) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            waited_for = asyncio.create_task(asyncio.Event().wait())
            waited_for.cancel()
            await waited_for
        await recorder(conn, occurrence)

    subscribers = Subscribers()
    subscribers.subscribe("*", end_once)
    relay = Relay(database, subscribers, poll_seconds=0.02)
    await relay.start()
    first, other = await happen(database, "a", "b")
    await until(lambda: recorder.saw == [other])
    await clock.advance(2)
    await until(lambda: recorder.saw == [other, first])
    await relay.stop()


async def test_whoever_has_an_event_already_is_spared_its_next_try(
    database: Database, clock: VirtualClock
) -> None:
    willing, unwilling = Recorder(), Recorder()
    unwilling.refuses.add("a")
    (identity,) = await happen(database, "a")
    relay = relay_to(database, willing, unwilling)
    await relay.relay()
    await clock.advance(2)
    unwilling.refuses.clear()
    await relay.relay()
    assert willing.saw == unwilling.saw == [identity]


async def test_what_a_subscriber_wrote_before_it_failed_is_not_kept(
    database: Database, clock: VirtualClock
) -> None:
    calls = 0

    async def tell_more(conn: AsyncConnection, occurrence: Occurrence) -> None:
        nonlocal calls
        calls += 1
        if occurrence.resource_id == "a":
            happened = {"environment_id": HERE, "payload": {"id": "from a"}}
            await emit(conn, IntegratedAccountDeleted.model_validate(happened))
            if calls == 1:
                raise ValueError("half done")

    subscribers = Subscribers()
    subscribers.subscribe("integrated_account:*", tell_more)
    relay = Relay(database, subscribers)
    await happen(database, "a")
    await relay.relay()
    await clock.advance(2)
    while await relay.relay():
        pass
    async with database.read() as conn:
        told = (await conn.execute(select(event.c.resource_id).order_by(event.c.seq))).scalars().all()
    assert told == ["a", "from a"]


@pytest.mark.parametrize(
    ("pattern", "hears"),
    [
        ("*", True),
        ("integrated_account:*", True),
        ("integrated_account:deleted", True),
        ("integrated_account:created", False),
        ("record:*", False),
    ],
)
async def test_a_subscriber_hears_what_it_subscribed_to(
    database: Database, pattern: str, hears: bool
) -> None:
    recorder = Recorder()
    await happen(database, "a")
    await relay_to(database, recorder, name=pattern).relay()
    assert bool(recorder.saw) == hears


def test_a_subscription_to_no_event_is_refused() -> None:
    with pytest.raises(ValueError, match="no event of the catalogue"):
        Subscribers().subscribe("integrated_account:vanished", Recorder(), known_as="x")


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
    assert shown == set(FILTERS)
    assert all(f"`{name}`" in (list_events.__doc__ or "") for name in FILTERS)


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


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite has one process
async def test_an_older_process_leaves_events_to_one_that_knows_more_subscribers(database: Database) -> None:
    known, added = Recorder(), Recorder()
    older, newer = relay_to(database, known), relay_to(database, known, added)
    await newer._peers.send_heartbeat()  # it is here, and emits
    ids = await happen(database, "a")
    assert await older.relay() == 0
    assert known.saw == []
    await newer.relay()
    assert known.saw == added.saw == ids
    more = await happen(database, "a")
    await newer.stop()
    await older.relay()
    assert known.saw == ids + more


async def ask_for_work(conn: AsyncConnection, occurrence: Occurrence) -> None:
    await defer(conn, "work", occurrence.resource_id)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_the_relay_gives_way_to_a_transaction_that_holds_what_a_subscriber_needs(
    database: Database,
) -> None:
    subscribers = Subscribers()
    subscribers.subscribe("*", ask_for_work)
    (identity,) = await happen(database, "a")
    async with database.write() as conn:
        await defer(conn, "work", "a")
        with pytest.raises(LockNotAvailable):
            await asyncio.create_task(Relay(database, subscribers).relay())
    await Relay(database, subscribers).relay()
    async with database.read() as conn:
        row = (await conn.execute(select(event.c.attempts, event.c.relayed_at))).one()
        assert (await Events(conn, HERE).get(identity))["is_relayed"]
        assert (await read_job_status(conn, "work", "a")).waiting
    assert row.attempts == 0  # it was nobody's failure


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_what_somebody_holds_holds_back_the_events_of_its_own_resource_only(
    database: Database,
) -> None:
    before, after = Recorder(), Recorder()
    subscribers = Subscribers()
    subscribers.subscribe("*", before, known_as="before")
    subscribers.subscribe("*", ask_for_work)
    subscribers.subscribe("*", after, known_as="after")
    relay = Relay(database, subscribers)
    first, b, second, c = await happen(database, "a", "b", "a", "c")
    async with database.write() as conn:
        await defer(conn, "work", "a")
        await asyncio.create_task(relay.start())
        await until(lambda: after.saw == [b, c])
    await until(lambda: after.saw == [b, c, first, second])
    await relay.stop()
    assert sorted(before.saw) == sorted([first, b, second, c])  # who had it already does not get it again
