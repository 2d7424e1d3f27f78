"""The relay: events are handed on in order, at least once, under the same id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.background import until
from tests.fakes.clock import VirtualClock
from tests.unit.events.recording import HERE, THERE, Recorder, happen, relay_to

from isthmus.db import Database
from isthmus.db.database import notify_after_commit
from isthmus.db.epochs import increment_epoch
from isthmus.db.tables import epoch, event
from isthmus.events import (
    Events,
    Occurrence,
    Relay,
    Subscribers,
    emit,
)
from isthmus.events.catalogue import IntegratedAccountDeleted
from isthmus.jobs import defer, read_job_status
from isthmus.jobs.lock_timeout import LockNotAvailable
from isthmus.jobs.peer_processes import HEARTBEAT_SECONDS

pytestmark = pytest.mark.both_databases


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
        database.add_topic_listener(topic, partial(told.append, topic))

    async def willing(conn: AsyncConnection, occurrence: Occurrence) -> None:
        await increment_epoch(conn, HERE)
        notify_after_commit(conn, "before")

    async def unwilling(conn: AsyncConnection, occurrence: Occurrence) -> None:
        await increment_epoch(conn, HERE)
        await increment_epoch(conn, THERE)
        notify_after_commit(conn, "within")
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
        Subscribers().subscribe("integrated_account:vanished", Recorder(), stable_name="x")


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
    subscribers.subscribe("*", before, stable_name="before")
    subscribers.subscribe("*", ask_for_work)
    subscribers.subscribe("*", after, stable_name="after")
    relay = Relay(database, subscribers)
    first, b, second, c = await happen(database, "a", "b", "a", "c")
    async with database.write() as conn:
        await defer(conn, "work", "a")
        await asyncio.create_task(relay.start())
        await until(lambda: after.saw == [b, c])
    await until(lambda: after.saw == [b, c, first, second])
    await relay.stop()
    assert sorted(before.saw) == sorted([first, b, second, c])  # who had it already does not get it again


def rows_of(*resources: tuple[str, str]) -> list[dict[str, Any]]:
    """Events of these (type, id), written by hand: they differ in what `happen` leaves alike."""
    return [
        {
            "id": f"evt_{number:026}",
            "created_at": datetime(2030, 1, 1, tzinfo=UTC),
            "environment_id": HERE,
            "event": "integrated_account:deleted",
            "resource_type": kind,
            "resource_id": id,
            "payload": {"id": id},
            "attempts": 0,
        }
        for number, (kind, id) in enumerate(resources)
    ]


async def test_only_later_events_of_the_same_resource_wait_for_a_retry(
    database: Database, clock: VirtualClock
) -> None:
    """The third was refused; it is retried in a minute. Alike in one thing alone, others do not wait."""
    resources = [("a", "1"), ("a", "2"), ("a", "1"), ("b", "1"), ("a", "3"), ("a", "1")]
    rows = rows_of(*resources)
    async with database.write() as conn:
        await conn.execute(insert(event), rows)
        refused = {"attempts": 1, "retry_at": clock.now() + timedelta(seconds=60), "taken": []}
        await conn.execute(update(event).where(event.c.id == rows[2]["id"]).values(refused))
    recorder = Recorder()
    relay = relay_to(database, recorder)
    ids = [row["id"] for row in rows]
    await relay.relay()
    assert recorder.saw == [ids[0], ids[1], ids[3], ids[4]]
    await clock.advance(59)
    await relay.relay()
    assert len(recorder.saw) == 4
    await clock.advance(1)
    await relay.relay()
    assert recorder.saw[4:] == [ids[2], ids[5]]


async def test_an_event_that_everybody_has_holds_back_no_other(
    database: Database, clock: VirtualClock
) -> None:
    rows = rows_of(("a", "1"), ("a", "1"))
    later = clock.now() + timedelta(seconds=60)
    async with database.write() as conn:
        await conn.execute(insert(event), rows)
        relayed = {"relayed_at": clock.now(), "retry_at": later, "attempts": 1}
        await conn.execute(update(event).where(event.c.id == rows[0]["id"]).values(relayed))
    recorder = Recorder()
    await relay_to(database, recorder).relay()
    assert recorder.saw == [rows[1]["id"]]


async def test_an_event_that_was_refused_again_and_again_waits_five_minutes_at_the_most(
    database: Database, clock: VirtualClock
) -> None:
    recorder = Recorder()
    recorder.refuses.add("a")
    await happen(database, "a")
    relay = relay_to(database, recorder)
    pauses = []
    for _ in range(10):
        await relay.relay()
        async with database.read() as conn:
            row = (await conn.execute(select(event.c.retry_at, event.c.attempts))).one()
        pauses.append((row.retry_at - clock.now()).total_seconds())
        await clock.advance(pauses[-1])
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert row.attempts == 10


async def test_some_dozens_are_handed_on_at_once(database: Database) -> None:
    recorder = Recorder()
    ids = await happen(database, *map(str, range(51)))
    relay = relay_to(database, recorder)
    assert await relay.relay() == 50
    assert recorder.saw == ids[:50]
    assert await relay.relay() == 1
    assert await relay.relay() == 0
    assert recorder.saw == ids


def test_one_subscriber_hears_several_events_under_one_name_and_none_twice() -> None:
    subscribers, recorder = Subscribers(), Recorder()
    subscribers.subscribe("integrated_account:created", recorder, stable_name="mine")
    subscribers.subscribe("integrated_account:*", recorder, stable_name="mine")
    subscribers.subscribe("integrated_account:created", Recorder(), stable_name="other")
    with pytest.raises(ValueError, match="has subscribed to integrated_account:created already"):
        subscribers.subscribe("integrated_account:created", recorder, stable_name="mine")
    assert [own for own, _ in subscribers.find_handlers("integrated_account:created")] == ["mine", "other"]
    assert subscribers.names == {
        "mine integrated_account:created",
        "mine integrated_account:*",
        "other integrated_account:created",
    }


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite has one process
async def test_that_events_are_left_to_another_process_is_told_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    older, newer = relay_to(database, Recorder()), relay_to(database, Recorder(), Recorder())
    await newer._peers.send_heartbeat()
    await happen(database, "a")
    for _ in range(3):
        assert await older.relay() == 0
    assert caplog.text.count("events wait for a process of another version") == 1
    await newer.stop()
    assert await older.relay() == 1
    await newer._peers.send_heartbeat()
    await happen(database, "a")
    assert await older.relay() == 0
    assert caplog.text.count("events wait for a process of another version") == 2


@pytest.fixture
def set_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time by which a relay counts its own waits."""

    def set_to(moment: float) -> None:
        time = SimpleNamespace(monotonic=lambda: moment)
        monkeypatch.setattr("isthmus.events.relay.time", time)

    return set_to


@pytest.mark.parametrize(("seconds", "is_skipped"), [(0.19, True), (0.2, False), (0.21, False)])
async def test_events_that_need_what_somebody_holds_are_skipped_for_a_moment(
    database: Database, set_time: Callable[[float], None], seconds: float, is_skipped: bool
) -> None:
    recorder = Recorder()
    conflicts = [DBAPIError("SELECT 1", None, psycopg.errors.LockNotAvailable())]

    async def wait_in_vain_once(conn: AsyncConnection, occurrence: Occurrence) -> None:
        if conflicts:
            raise conflicts.pop()
        await recorder(conn, occurrence)

    subscribers = Subscribers()
    subscribers.subscribe("*", wait_in_vain_once)
    relay = Relay(database, subscribers)
    ids = await happen(database, "a")
    set_time(0.0)
    with pytest.raises(LockNotAvailable):
        await relay.relay()
    set_time(seconds)
    await relay.relay()
    assert recorder.saw == ([] if is_skipped else ids)


@pytest.mark.parametrize(("seconds", "beats"), [(HEARTBEAT_SECONDS - 0.1, 1), (HEARTBEAT_SECONDS, 2)])
async def test_a_relay_tells_that_it_lives_when_it_is_time(
    database: Database,
    set_time: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    beats: int,
) -> None:
    told: list[float] = []

    async def tell() -> None:
        told.append(seconds)

    recorder = Recorder()
    relay = relay_to(database, recorder)
    monkeypatch.setattr(relay._peers, "send_heartbeat", tell)
    set_time(0.0)
    await relay.start()
    set_time(seconds)
    ids = await happen(database, "a")
    await until(lambda: recorder.saw == ids)
    await relay.stop()
    assert len(told) == beats


async def test_after_a_full_batch_the_next_one_does_not_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus.events.relay._MAX_AT_ONCE", 2)
    recorder = Recorder()
    subscribers = Subscribers()
    subscribers.subscribe("*", recorder, stable_name="recorder")
    ids = await happen(database, *"abc")
    relay = Relay(database, subscribers, poll_seconds=60.0)
    await relay.start()
    await until(lambda: recorder.saw == ids)
    await relay.stop()
