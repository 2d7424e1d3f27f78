"""Epochs: the writer knows at once, others at their next look or at the notification."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event, insert, text, update
from tests.fakes.clock import VirtualClock

from isthmus.config import Settings
from isthmus.db import Database, EpochWatcher, increment_epoch, increment_epochs, open_database
from isthmus.db.epochs import GROUPS, KEYS, POLL_SECONDS, get_epoch_group
from isthmus.db.keys import grant_key
from isthmus.db.tables import epoch, key_grant
from isthmus.kit.ids import new_id

pytestmark = pytest.mark.both_databases


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def watcher(database: Database, clock: VirtualClock) -> AsyncIterator[EpochWatcher]:
    running = EpochWatcher(database, clock)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def elsewhere(settings: Settings) -> AsyncIterator[Database]:
    """The database as another process has it open."""
    opened = await open_database(settings)
    yield opened
    await opened.close()


async def raised(database: Database, *environment_ids: str) -> None:
    async with database.write() as conn:
        await increment_epochs(conn, environment_ids)


async def test_an_epoch_that_was_never_raised_is_zero(watcher: EpochWatcher) -> None:
    assert watcher.get_epoch("e") == 0


async def test_the_writer_knows_once_its_transaction_has_committed(
    database: Database, watcher: EpochWatcher
) -> None:
    async with database.write() as conn:
        assert await increment_epoch(conn, "e") == 1
        assert watcher.get_epoch("e") == 0
    assert watcher.get_epoch("e") == 1


async def test_a_write_that_is_rolled_back_raises_nothing(database: Database, watcher: EpochWatcher) -> None:
    async def fail() -> None:
        async with database.write() as conn:
            await increment_epoch(conn, "e")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    await watcher.poll()
    assert watcher.get_epoch("e") == 0
    await raised(database, "other")
    assert watcher.get_epoch("e") == 0


async def test_a_look_sees_what_another_process_committed(elsewhere: Database, watcher: EpochWatcher) -> None:
    await raised(elsewhere, "e", "f")
    await raised(elsewhere, "e")
    await watcher.poll()
    assert (watcher.get_epoch("e"), watcher.get_epoch("f")) == (2, 1)


async def test_the_watcher_looks_by_itself_well_within_a_second(
    elsewhere: Database, watcher: EpochWatcher, clock: VirtualClock
) -> None:
    assert POLL_SECONDS <= 0.5
    seen = asyncio.Event()
    watcher.subscribe(lambda environment_id, value: seen.set())
    await raised(elsewhere, "e")
    await clock.advance(POLL_SECONDS)
    await asyncio.wait_for(seen.wait(), 5)
    assert watcher.get_epoch("e") == 1


async def test_a_notification_arrives_without_a_look(elsewhere: Database, watcher: EpochWatcher) -> None:
    """PostgreSQL only: time stands still here, so no look is due."""
    if elsewhere.is_sqlite:
        return
    seen = asyncio.Event()
    watcher.subscribe(lambda environment_id, value: seen.set())
    await watcher.listening.wait()
    await raised(elsewhere, "e")
    await asyncio.wait_for(seen.wait(), 5)
    assert watcher.get_epoch("e") == 1


async def test_subscribers_are_told_once_of_each_rise(database: Database, watcher: EpochWatcher) -> None:
    told: list[tuple[str, int]] = []
    watcher.subscribe(lambda environment_id, value: told.append((environment_id, value)))
    await raised(database, "a", "b", "a")
    await watcher.poll()
    await raised(database, "a")
    await watcher.poll()
    assert told == [("a", 1), ("b", 1), ("a", 2)]


async def test_a_look_at_nothing_new_reads_no_table_on_sqlite(
    database: Database, watcher: EpochWatcher
) -> None:
    if not database.is_sqlite:
        return
    await watcher.poll()
    statements: list[str] = []
    engine = database._engines.reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    await watcher.poll()
    assert statements == ["PRAGMA data_version"]


async def test_writers_of_two_processes_lose_no_rise(
    database: Database, elsewhere: Database, watcher: EpochWatcher
) -> None:
    await asyncio.gather(*(raised(each, "x", "y") for each in (database, elsewhere) for _ in range(15)))
    await watcher.poll()
    assert (watcher.get_epoch("x"), watcher.get_epoch("y")) == (30, 30)


def test_rows_share_their_groups_evenly_and_for_good() -> None:
    """However many rows there are, the table that every process looks at has one line a group."""
    found = Counter(get_epoch_group(new_id()) for _ in range(20 * GROUPS))
    assert len(found) == GROUPS
    assert max(found.values()) < 60
    assert get_epoch_group("0b6f2c1e-0000-4000-8000-000000000000") == "group:285"


async def test_an_outage_is_waited_out(
    elsewhere: Database,
    watcher: EpochWatcher,
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with elsewhere.write() as conn:
        await conn.execute(text("ALTER TABLE epoch RENAME TO epoch_away"))
        await conn.execute(text("CREATE TABLE epoch (gone INTEGER)"))
    with caplog.at_level(logging.WARNING, "isthmus.db.epochs"):
        async with asyncio.timeout(5):
            while not caplog.records:
                await clock.advance(POLL_SECONDS)
    assert watcher.seconds_behind >= POLL_SECONDS
    async with elsewhere.write() as conn:
        await conn.execute(text("DROP TABLE epoch"))
        await conn.execute(text("ALTER TABLE epoch_away RENAME TO epoch"))
        await conn.execute(insert(epoch).values(environment_id="e", value=7))
    seen = asyncio.Event()
    watcher.subscribe(lambda environment_id, value: seen.set())
    async with asyncio.timeout(5):
        while not seen.is_set():
            await clock.advance(POLL_SECONDS)
    assert watcher.get_epoch("e") == 7


async def test_looks_go_on_after_a_failure_of_any_kind(
    elsewhere: Database, watcher: EpochWatcher, clock: VirtualClock
) -> None:
    told: list[int] = []
    seen = asyncio.Event()

    def subscriber(environment_id: str, value: int) -> None:
        told.append(value)
        if value == 1:
            raise RuntimeError("a subscriber that should not raise")
        seen.set()

    watcher.subscribe(subscriber)
    for value in (1, 2):
        await raised(elsewhere, "e")
        async with asyncio.timeout(5):
            while value not in told:
                await clock.advance(POLL_SECONDS)
    await asyncio.wait_for(seen.wait(), 5)
    assert watcher.get_epoch("e") == 2


async def test_each_outage_is_logged_once(
    elsewhere: Database, watcher: EpochWatcher, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    reached = asyncio.Event()

    def subscriber(environment_id: str, value: int) -> None:
        reached.set()
        if environment_id == "broken":
            raise RuntimeError("a subscriber that should not raise")

    watcher.subscribe(subscriber)
    for environment_id in ("broken", "e", "broken", "e"):
        reached.clear()
        await raised(elsewhere, environment_id)
        async with asyncio.timeout(5):
            while not reached.is_set():
                await clock.advance(POLL_SECONDS)
        await clock.advance(POLL_SECONDS)
    assert len([record for record in caplog.records if "epochs cannot be read" in record.message]) == 2


@pytest.mark.parametrize(("seconds", "is_trusted"), [(5.0, True), (5.001, False)])
async def test_an_epoch_is_trusted_until_the_last_look_is_too_long_ago(
    watcher: EpochWatcher, clock: VirtualClock, seconds: float, is_trusted: bool
) -> None:
    await watcher.poll()
    await watcher.stop()
    await clock.advance(seconds)
    assert watcher.is_unchanged("e", 0, max_seconds_behind=5.0) is is_trusted
    assert not watcher.is_unchanged("e", 1, max_seconds_behind=5.0)


async def test_a_grant_that_was_altered_holds_no_epoch_back(
    elsewhere: Database, watcher: EpochWatcher
) -> None:
    async with elsewhere.write() as conn:
        await grant_key(conn, "k" * 40, encryption_key_id=elsewhere.keys.primary_id)
        await conn.execute(update(key_grant).values(id=new_id()))
        await increment_epochs(conn, [KEYS, "e"])
    await watcher.poll()
    assert watcher.get_epoch("e") == 1


async def test_granted_keys_are_read_only_once_one_was_granted(
    database: Database, elsewhere: Database, watcher: EpochWatcher
) -> None:
    asked: list[str] = []
    engine = database._engines.reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    for name, is_granted in (("e", False), (KEYS, True)):
        asked.clear()
        await raised(elsewhere, name)
        await watcher.poll()
        assert any("key_grant" in statement for statement in asked) is is_granted


async def test_connections_that_the_server_ends_are_made_again(
    database: Database, elsewhere: Database, watcher: EpochWatcher, clock: VirtualClock
) -> None:
    """PostgreSQL only: as after its restart."""
    if database.is_sqlite:
        return
    await watcher.listening.wait()
    async with elsewhere.write() as conn:
        others = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert (await conn.execute(others)).all()
    async with database.read() as conn:
        assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1
    async with asyncio.timeout(10):
        while watcher.listening.is_set():
            await clock.advance(0)
        while not watcher.listening.is_set():
            await clock.advance(1)
    seen = asyncio.Event()
    watcher.subscribe(lambda environment_id, value: seen.set())
    await raised(elsewhere, "e")
    await asyncio.wait_for(seen.wait(), 10)
    assert watcher.get_epoch("e") == 1
