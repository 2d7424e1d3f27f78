"""The migrations arrive at the tables, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.conftest import SECRET_KEY
from tests.fakes.clock import VirtualClock

from isthmus.config import Settings
from isthmus.db import Database, migrations, open_database, upgrade
from isthmus.db.encryption import KeyRing
from isthmus.db.migrations import FIRST, HEAD, REPLACED_REVISIONS, VERSION_TABLE
from isthmus.db.tables import metadata
from isthmus.db.upgrade import read_revision, upgrade_schema
from isthmus.errors import SetupError

pytestmark = pytest.mark.both_databases


def shape(connection: Connection) -> dict[str, Any]:
    """Everything the database says about its tables, but our table of revisions and the job engine's own."""
    inspector = inspect(connection)
    return {
        name: {
            "columns": [
                (each["name"], str(each["type"]), each["nullable"], each["default"])
                for each in sorted(inspector.get_columns(name), key=lambda each: each["name"])
            ],
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": _sorted(inspector.get_foreign_keys(name)),
            "unique": _sorted(inspector.get_unique_constraints(name)),
            "indices": _sorted(_written(each) for each in inspector.get_indexes(name)),
            "checks": _sorted(inspector.get_check_constraints(name)),
        }
        for name in sorted(inspector.get_table_names())
        if name != VERSION_TABLE and not name.startswith("procrastinate_")
    }


def _written(index: Any) -> dict[str, Any]:
    """The condition of a partial index as text: on SQLite it is told as an expression."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def _create_all(connection: Connection) -> None:
    """The tables state the condition of a partial index for SQLite alone, for to name the other dialect would
    import it at each start; on PostgreSQL it is the same."""
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    metadata.create_all(connection)


def _sorted(entries: Any) -> list[str]:
    return sorted(repr(sorted(dict(each).items(), key=lambda item: item[0])) for each in entries)


async def test_the_migrations_make_exactly_the_tables(database: Database, empty_database_url: str) -> None:
    async with database.read() as conn:
        migrated = await conn.run_sync(shape)
    if database.is_sqlite:  # there, both URLs are one file of this test
        empty_database_url = empty_database_url.replace("isthmus.sqlite3", "created.sqlite3")
    created = Database(empty_database_url, KeyRing([SECRET_KEY]))
    async with created.write() as conn:
        await conn.run_sync(_create_all)
    async with created.read() as conn:
        wanted = await conn.run_sync(shape)
    await created.close()
    assert migrated == wanted
    assert len(wanted) == len(metadata.tables)


async def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    async with database.read() as conn:
        before = await conn.run_sync(shape)
    await upgrade_schema(database)
    async with database.read() as conn:
        assert await conn.run_sync(shape) == before
    assert await read_revision(database) == HEAD


async def test_a_revision_that_cannot_be_read_is_not_taken_for_none(database: Database) -> None:
    async with database.write() as conn:
        await conn.execute(text(f"ALTER TABLE {VERSION_TABLE} RENAME COLUMN version_num TO other"))
    with pytest.raises(DBAPIError, match="version_num"):
        await read_revision(database)


async def test_a_schema_of_a_newer_version_is_refused(database: Database) -> None:
    async with database.write() as conn:
        await conn.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    assert await read_revision(database) != HEAD
    with pytest.raises(SetupError, match="newer version"):
        await upgrade_schema(database)


ADDED_SINCE_FIRST = (
    ("idempotency_record", "process"),
    ("idempotency_record", "sent_at"),
    ("idempotency_record", "sent_to"),
    ("job_timer", "set_at"),
    ("integrated_account", "closed_at"),
)


async def undo_later_migrations(conn: AsyncConnection) -> None:
    """Makes the schema that of the first migration."""
    await conn.execute(text("DROP TABLE sandbox_record"))
    await conn.execute(text("DROP TABLE window_count"))
    for table, column in ADDED_SINCE_FIRST:
        await conn.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
    await conn.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{FIRST}'"))


async def test_a_database_of_before_the_first_release_gets_the_later_migrations(
    settings: Settings, database: Database
) -> None:
    """It was made by thirteen migrations, the last of which was 0013, in place of the first one of today."""
    async with database.read() as conn:
        current = await conn.run_sync(shape)
    async with database.write() as conn:
        await conn.execute(text("CREATE TABLE untouched (id INTEGER)"))
        await undo_later_migrations(conn)
    reopened = await open_database(settings)
    async with reopened.read() as conn:
        upgraded = await conn.run_sync(shape)
    assert upgraded.pop("untouched")
    assert {name: sorted(columns) for name, columns in upgraded.items()} == {
        name: sorted(columns) for name, columns in current.items()
    }
    assert await read_revision(reopened) == HEAD
    await reopened.close()


@pytest.mark.parametrize("revision", ["0001", "0012"])
async def test_a_database_of_an_older_development_version_is_told_what_to_do(
    settings: Settings, database: Database, revision: str
) -> None:
    async with database.write() as conn:
        await conn.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'"))
    async with database.read() as conn:
        before = await conn.run_sync(shape)
    with pytest.raises(SetupError, match=f"has the revision {revision}.* starts from 0013") as refused:
        await open_database(settings)
    assert "or set up a new database" in refused.value.message
    async with database.read() as conn:
        assert await conn.run_sync(shape) == before
    assert await read_revision(database) == revision


def test_the_replaced_revisions_are_those_before_the_first_migration() -> None:
    assert sorted(REPLACED_REVISIONS) == [f"{number:04}" for number in range(1, 13)]


class ReleasingClock(VirtualClock):
    """Ends the transaction that holds the lock when the upgrade has paused so often; None for never."""

    def __init__(self, holder: AsyncConnection, *, after: int | None) -> None:
        super().__init__(auto_advance=True)
        self.pauses = 0
        self._holder = holder
        self._after = after

    async def sleep(self, seconds: float) -> None:
        """Counts a pause."""
        self.pauses += 1
        if self.pauses == self._after:
            await self._holder.rollback()
        await super().sleep(seconds)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("after", [2, None])
async def test_an_upgrade_gives_way_to_transactions_that_hold_locks_a_few_times(
    database: Database, monkeypatch: pytest.MonkeyPatch, after: int | None
) -> None:
    monkeypatch.setattr(upgrade, "_LOCK_MILLISECONDS", 30)
    async with database.write() as conn:
        await undo_later_migrations(conn)
    async with database.open_reader() as reader:
        holder = await reader.execution_options(isolation_level="READ COMMITTED")
        await holder.execute(text("SELECT 1 FROM job_timer"))
        database.clock = clock = ReleasingClock(holder, after=after)
        async with asyncio.timeout(20):
            if after is None:
                with pytest.raises(SetupError, match="held locks on its tables at each of 5 tries"):
                    await upgrade_schema(database)
            else:
                await upgrade_schema(database)
        await holder.rollback()
    assert clock.pauses == (after or 5)
    assert await read_revision(database) == (FIRST if after is None else HEAD)


async def test_a_migration_that_fails_leaves_nothing(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(empty_database_url, KeyRing([SECRET_KEY]))
    async with database.write() as conn:  # in the way of the last table the first migration makes
        await conn.execute(text("CREATE TABLE integrated_account (id INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        await upgrade_schema(database)
    async with database.read() as conn:
        assert list(await conn.run_sync(shape)) == ["integrated_account"]
    async with database.write() as conn:
        await conn.execute(text("DROP TABLE integrated_account"))
    await upgrade_schema(database)
    assert await read_revision(database) == HEAD
    await database.close()


def test_the_head_is_that_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [HEAD]


def test_no_script_imports_the_tables() -> None:
    scripts = [*Path(migrations.__file__).parent.rglob("*.py")]
    assert any(script.parent.name == "first_schema" for script in scripts)
    for script in scripts:
        if script.name == "env.py":  # it tells alembic what the tables are, and makes none
            continue
        assert "isthmus.db.tables" not in script.read_text()
        assert "isthmus.db.column_types" not in script.read_text()
