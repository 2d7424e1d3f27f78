"""What is written to sandbox accounts, in the database: how much, for how long, and for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.conftest import install as install_desk
from tests.unit.integrations.world import World

from isthmus.accounts import Connections, derive_sandbox_account_id
from isthmus.accounts.sandbox.stored_records import (
    LIFETIME,
    MAX_RECORDS,
    AccountRecords,
    StoredRecord,
    delete_expired_records,
    empty_sandbox,
    read_records,
)
from isthmus.db import Database
from isthmus.db.tables import sandbox_record
from isthmus.errors import Conflict, NotFound
from isthmus.integrations.catalog.shipped_files import derive_integration_id

pytestmark = pytest.mark.both_databases


@dataclass(frozen=True)
class Written:
    records: Sequence[StoredRecord]


def storing(*records: StoredRecord) -> Callable[[Sequence[StoredRecord]], Written]:
    """Decides to store these records, whatever is there."""
    return lambda _: Written(records)


def created(id: str, **values: object) -> StoredRecord:
    return StoredRecord("tickets", id, values, is_created=True)


def sandbox_of(desk: Desk) -> str:
    return derive_sandbox_account_id(desk.scope.environment_id, derive_integration_id("brightfold"))


@pytest.fixture
def store(database: Database, desk: Desk, clock: WatchedClock) -> AccountRecords:
    return AccountRecords(database, desk.scope.environment_id, sandbox_of(desk), ())


async def stored_ids(database: Database, desk: Desk) -> list[str]:
    async with database.read() as conn:
        return [record.record_id for record in await read_records(conn, sandbox_of(desk))]


async def test_records_are_read_as_they_were_written(
    database: Database, desk: Desk, store: AccountRecords
) -> None:
    await store.write(storing(created("b", subject="Kettle"), created("a", subject="Lamp")))
    await store.write(storing(StoredRecord("tickets", "b", {"subject": "Pot"}, {"ticket_id": "1"})))
    async with database.read() as conn:
        read = await read_records(conn, sandbox_of(desk))
    assert read == list(store.list_records())
    assert [(record.record_id, record.values, record.parameters) for record in read] == [
        ("b", {"subject": "Pot"}, {"ticket_id": "1"}),
        ("a", {"subject": "Lamp"}, {}),
    ]


async def test_what_is_written_is_encrypted(database: Database, desk: Desk, store: AccountRecords) -> None:
    await store.write(storing(created("a", subject="Kettle")))
    async with database.read() as conn:
        content = (await conn.execute(select(sandbox_record.c.content))).scalar_one()
    assert b"Kettle" not in content


async def test_writes_at_the_same_time_see_each_other(
    database: Database, desk: Desk, store: AccountRecords
) -> None:
    """Each counts what is there, as a new id does."""

    def count(stored: Sequence[StoredRecord]) -> Written:
        return Written([created(str(len(stored)))])

    others = [AccountRecords(database, desk.scope.environment_id, sandbox_of(desk), ()) for _ in range(5)]
    await asyncio.gather(*(each.write(count) for each in (store, *others)))
    assert await stored_ids(database, desk) == ["0", "1", "2", "3", "4", "5"]


async def test_the_record_after_the_last_is_refused_with_the_way_out(
    database: Database, desk: Desk, store: AccountRecords
) -> None:
    await store.write(storing(*(created(str(number)) for number in range(MAX_RECORDS))))
    account_id = sandbox_of(desk)
    with pytest.raises(Conflict, match=f"1000 is the most. DELETE /integrated-account/{account_id}/sandbox"):
        await store.write(storing(created("one more")))
    await store.write(storing(created("7", subject="Changed")))
    async with database.write() as conn:
        assert await empty_sandbox(conn, desk.scope.environment_id, account_id) == MAX_RECORDS
    await store.write(storing(created("one more")))
    assert await stored_ids(database, desk) == ["one more"]


async def test_a_record_goes_a_day_after_its_last_change(
    database: Database, desk: Desk, store: AccountRecords, clock: WatchedClock
) -> None:
    await store.write(storing(created("a"), created("b")))
    await clock.advance(LIFETIME.total_seconds() - 1)
    await store.write(storing(created("b")))
    assert len(store.list_records()) == 2
    await clock.advance(1)
    assert [record.record_id for record in store.list_records()] == ["b"]
    assert await stored_ids(database, desk) == ["b"]
    async with database.write() as conn:
        assert await delete_expired_records(conn) == 1
        assert (await conn.execute(select(func.count()).select_from(sandbox_record))).scalar_one() == 1


async def test_an_expired_record_makes_room_for_one_with_its_id(
    database: Database, desk: Desk, store: AccountRecords, clock: WatchedClock
) -> None:
    await store.write(storing(created("a", subject="Kettle")))
    await clock.advance(LIFETIME.total_seconds())
    await store.write(storing(created("a", subject="Lamp")))
    assert [record.values for record in store.list_records()] == [{"subject": "Lamp"}]


async def test_another_environment_neither_sees_nor_empties_it(
    database: Database, desk: Desk, store: AccountRecords, world: World
) -> None:
    await store.write(storing(created("a")))
    other = await install_desk(database, world.foreign, desk.url)
    async with database.read() as conn:
        assert await read_records(conn, sandbox_of(other)) == []
    async with database.write() as conn:
        with pytest.raises(NotFound):
            await empty_sandbox(conn, other.scope.environment_id, sandbox_of(desk))
    trespasser = AccountRecords(database, other.scope.environment_id, sandbox_of(desk), ())
    with pytest.raises(NotFound):
        await trespasser.write(storing(created("b")))
    assert await stored_ids(database, desk) == ["a"]


async def test_an_account_with_a_provider_has_no_sandbox_to_empty(database: Database, desk: Desk) -> None:
    account = await desk.connect()
    async with database.write() as conn:
        with pytest.raises(Conflict, match="has no sandbox to empty"):
            await empty_sandbox(conn, desk.scope.environment_id, account["id"])


async def test_an_opened_account_has_what_was_written_before(
    desk: Desk, connections: Connections, store: AccountRecords
) -> None:
    opened = await connections.open(desk.scope.environment_id, sandbox_of(desk), request_id="r")
    await store.write(storing(StoredRecord("tickets", "1", is_deleted=True)))
    again = await connections.open(desk.scope.environment_id, sandbox_of(desk), request_id="r")
    assert again.upstream is not opened.upstream
