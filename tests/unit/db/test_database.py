"""`Database`: transactions, readers beside writers, and column types, on both databases."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import aiosqlite
import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tests.background import until

from isthmus.config import Settings
from isthmus.db.database import Database, make_background_context
from isthmus.db.engines import LIVENESS_OPTIONS
from isthmus.db.startup import open_database
from isthmus.db.tables import environment, team
from isthmus.kit.ids import new_id

pytestmark = pytest.mark.both_databases

NOW = datetime(2030, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


async def add_team(database: Database, name: str = "Acme") -> str:
    identity = new_id()
    async with database.write() as conn:
        await conn.execute(insert(team).values(id=identity, created_at=NOW, updated_at=NOW, name=name))
    return identity


async def team_name(database: Database, identity: str) -> str | None:
    async with database.read() as conn:
        name: str | None = await conn.scalar(select(team.c.name).where(team.c.id == identity))
    return name


async def test_a_write_is_seen_once_its_block_ends(database: Database) -> None:
    identity = await add_team(database)
    async with database.write() as conn:
        await conn.execute(update(team).where(team.c.id == identity).values(name="Later"))
        assert await team_name(database, identity) == "Acme"
    assert await team_name(database, identity) == "Later"


async def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    identity = await add_team(database)

    async def fail() -> None:
        async with database.write() as conn:
            await conn.execute(update(team).where(team.c.id == identity).values(name="Never"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await team_name(database, identity) == "Acme"


async def test_a_cancelled_write_leaves_nothing_and_frees_the_writer(database: Database) -> None:
    identity = await add_team(database)
    entered = asyncio.Event()

    async def hang() -> None:
        async with database.write() as conn:
            await conn.execute(update(team).where(team.c.id == identity).values(name="Never"))
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await team_name(database, identity) == "Acme"
    await add_team(database, "Next")


async def test_writers_of_one_process_lose_no_update(database: Database) -> None:
    identity = await add_team(database, "0")

    async def count_up() -> None:
        async with database.write() as conn:
            query = select(team.c.name).where(team.c.id == identity).with_for_update()
            name = (await conn.execute(query)).scalar_one()
            await conn.execute(update(team).where(team.c.id == identity).values(name=str(int(name) + 1)))

    await asyncio.gather(*(count_up() for _ in range(30)))
    assert await team_name(database, identity) == "30"


async def test_a_write_inside_a_write_is_refused_before_it_can_wait_for_itself(database: Database) -> None:
    with pytest.raises(RuntimeError, match="hand its connection down"):
        async with database.write(), database.write():
            pass
    await add_team(database)


async def test_a_write_inside_a_read_of_the_same_task_is_refused(database: Database) -> None:
    with pytest.raises(RuntimeError, match="read, leave the block, then write"):
        async with database.read(), database.write():
            pass
    async with database.read():
        await asyncio.create_task(add_team(database))  # another task waits for nobody here
    await add_team(database)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_background_work_leaves_half_of_the_pool_to_requests(settings: Settings) -> None:
    database = await open_database(replace(settings, database_pool_size=4))
    let_go, inside = asyncio.Event(), 0

    async def hold() -> None:
        nonlocal inside
        async with database.write():
            inside += 1
            assert await team_name(database, new_id()) is None  # inside it takes no second place
            await let_go.wait()

    holding = [asyncio.create_task(hold(), context=make_background_context()) for _ in range(20)]
    await until(lambda: inside == 2)
    async with asyncio.timeout(10):
        await add_team(database)  # a request is served meanwhile
    assert inside == 2
    let_go.set()
    await asyncio.gather(*holding)
    assert inside == 20
    await database.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_server_that_vanishes_is_noticed(database: Database) -> None:
    async with database.read() as conn:
        raw = await conn.get_raw_connection()
        assert raw.driver_connection is not None
        chosen = raw.driver_connection.info.get_parameters()
    assert {name: int(chosen[name]) for name in LIVENESS_OPTIONS} == LIVENESS_OPTIONS


async def test_many_readers_share_few_connections(database: Database) -> None:
    await add_team(database)

    async def count() -> int:
        async with database.read() as conn:
            return (await conn.execute(select(func.count()).select_from(team))).scalar_one()

    assert await asyncio.gather(*(count() for _ in range(50))) == [1] * 50


async def test_a_reader_cannot_write_on_sqlite(database: Database) -> None:
    if not database.is_sqlite:
        return
    with pytest.raises(Exception, match="readonly"):
        async with database.read() as conn:
            await conn.execute(insert(team).values(id=new_id(), created_at=NOW, updated_at=NOW, name="x"))


async def test_foreign_keys_hold(database: Database) -> None:
    values = {"id": new_id(), "created_at": NOW, "updated_at": NOW, "team_id": new_id(), "name": "e"}
    with pytest.raises(IntegrityError):
        async with database.write() as conn:
            await conn.execute(insert(environment).values(**values, settings={}))


async def test_times_come_back_in_utc_with_their_microseconds(database: Database) -> None:
    identity = await add_team(database)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-7)))
    async with database.write() as conn:
        await conn.execute(update(team).where(team.c.id == identity).values(updated_at=elsewhere))
        row = (await conn.execute(select(team))).one()
    assert row.created_at == row.updated_at == NOW
    assert row.updated_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_times_are_stored_as_text_of_one_width(database: Database) -> None:
    identity = await add_team(database)
    async with database.write() as conn:
        whole = NOW.replace(microsecond=0)
        await conn.execute(update(team).where(team.c.id == identity).values(updated_at=whole))
        stored = (await conn.execute(text("SELECT created_at, updated_at FROM team"))).one()
    assert tuple(stored) == ("2030-05-06 07:08:09.123456", "2030-05-06 07:08:09.000000")


async def test_times_compare_in_statements(database: Database) -> None:
    await add_team(database)
    async with database.read() as conn:
        earlier = select(func.count()).where(team.c.created_at < NOW + timedelta(microseconds=1))
        later = select(func.count()).where(team.c.created_at > NOW)
        assert (await conn.execute(earlier)).scalar_one() == 1
        assert (await conn.execute(later)).scalar_one() == 0


async def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive"):
        async with database.write() as conn:
            await conn.execute(
                insert(team).values(
                    id=new_id(), created_at=NOW.replace(tzinfo=None), updated_at=NOW, name="x"
                )
            )


async def test_json_keeps_the_order_of_its_keys_and_every_character(database: Database) -> None:
    value = {"z": 1, "a": [None, True, 1.5, "ünïcödé 🚣"], "m": {"y": {}, "b": []}, "": "\u0000\\"}
    async with database.write() as conn:
        team_id = new_id()
        await conn.execute(insert(team).values(id=team_id, created_at=NOW, updated_at=NOW, name="t"))
        await conn.execute(
            insert(environment).values(
                id=new_id(), created_at=NOW, updated_at=NOW, team_id=team_id, name="e", settings=value
            )
        )
    async with database.read() as conn:
        stored = (await conn.execute(select(environment.c.settings))).scalar_one()
    assert stored == value
    assert list(stored) == list(value)


async def test_an_error_of_the_database_does_not_tell_what_was_written(database: Database) -> None:
    with pytest.raises(SQLAlchemyError) as failed:
        async with database.write() as conn:
            await conn.execute(text("INSERT INTO no_such_table VALUES (:value)"), {"value": "of-a-customer"})
    assert "no_such_table" in str(failed.value)
    assert "of-a-customer" not in str(failed.value)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_write_of_one_statement_waits_its_turn_outside_of_the_file(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus.db.sqlite_writer.BUSY_SECONDS", 0.01)
    async with database.write():
        with pytest.raises(PoolTimeout, match="another write held the database"):
            await database.execute_write("SELECT 1")
    assert await database.execute_write("SELECT 1") == [(1,)]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_first_statement_that_is_cancelled_leaves_no_half_made_connection(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(aiosqlite.Connection, "execute", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await database.execute_write("SELECT 1")
    assert await database.execute_write("PRAGMA foreign_keys") == [(1,)]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_the_file_is_complete_without_its_log_though_a_connection_was_left_open(
    settings: Settings, tmp_path: Path
) -> None:
    database = await open_database(settings)
    path = database.url.database
    assert path is not None
    left_open = sqlite3.connect(path)
    assert left_open.execute("SELECT count(*) FROM epoch").fetchone() is not None
    await database.execute_write("CREATE TABLE kept (value INTEGER)")
    await database.close()
    alone = tmp_path / "alone.sqlite3"
    shutil.copyfile(path, alone)
    left_open.close()
    with closing(sqlite3.connect(alone)) as conn:
        assert conn.execute("SELECT count(*) FROM kept").fetchone() == (0,)
