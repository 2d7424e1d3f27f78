"""Opening the database of the settings: files, locks, keys, schema; alone and beside others."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from tests.conftest import SECRET_KEY
from tests.unit.db.processes import process

from isthmus.config import Settings
from isthmus.db import check_process_count, open_database
from isthmus.db.encryption import KeyMissing, compute_key_id
from isthmus.db.migrations import VERSION_TABLE
from isthmus.db.tables import environment, team
from isthmus.db.urls import parse_url
from isthmus.errors import SetupError
from isthmus.kit.secret import Secret

pytestmark = pytest.mark.both_databases

OTHER_KEY = "another-key-0123456789-abcdefghijklmnop"


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    """The default: nothing set but where the data lives."""
    return Settings(data_dir=tmp_path / "deep" / "data")


@pytest.fixture
def embedded_environ(embedded: Settings) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
    return {**kept, "ISTHMUS_DATA_DIR": str(embedded.data_dir)}


async def test_the_embedded_default_makes_files_for_its_owner_only(embedded: Settings) -> None:
    mask = os.umask(0)
    try:
        database = await open_database(embedded, serving=True)
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in embedded.data_dir.iterdir()}
        await database.close()
    finally:
        os.umask(mask)
    assert stat.S_IMODE(embedded.data_dir.stat().st_mode) == 0o700
    assert files.pop(".gitignore")
    assert set(files.values()) == {0o600}
    assert {"isthmus.sqlite3", "secret.key"} <= set(files)


async def test_local_administration_makes_no_database(
    embedded: Settings, tmp_path: Path, empty_database_url: str
) -> None:
    with pytest.raises(SetupError, match=r"there is no database at /.*isthmus.sqlite3.*isthmus serve.*"):
        await open_database(embedded, existing=True)
    assert [path.name for path in embedded.data_dir.parent.glob("*")] == []
    made = replace(embedded, database_url=Secret(empty_database_url), secret_key=Secret((SECRET_KEY,)))
    with pytest.raises(SetupError, match=r"(is empty|there is no database).*ISTHMUS_DATABASE_URL"):
        await open_database(made, existing=True)
    await (await open_database(made)).close()
    await (await open_database(made, existing=True)).close()


async def test_sqlite_runs_as_it_is_meant_to(embedded: Settings) -> None:
    database = await open_database(embedded)
    async with database.write() as conn:
        pragmas = {
            name: (await conn.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    await database.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 10_000}


ON_SQLITE = """
import asyncio, sys
from sqlalchemy import select
from isthmus.config import Settings
from isthmus.db import increment_epochs, open_database
from isthmus.db.tables import job
from isthmus.jobs import defer

async def main():
    database = await open_database(Settings.from_environment(), serving=True)
    async with database.write() as conn:
        await increment_epochs(conn, ["e"])
        await defer(conn, "work", "a")
        print((await conn.execute(select(job.c.args))).scalar_one()["key"])
    await database.close()

asyncio.run(main())
print(*{"alembic", "procrastinate", "psycopg", "sqlalchemy.dialects.postgresql"} & set(sys.modules))
"""


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_start_on_a_current_file_imports_nothing_of_postgresql(environ: dict[str, str]) -> None:
    command = [sys.executable, "-c", ON_SQLITE]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["a", ""]


async def test_a_second_server_on_the_file_is_refused_and_told_what_to_do(
    embedded: Settings, embedded_environ: dict[str, str]
) -> None:
    database = await open_database(embedded, serving=True)
    with process(embedded_environ, serving=True) as second:
        answer = second.open()
    await database.close()
    assert answer.startswith("refused:")
    assert f"pid {os.getpid()}" in answer
    assert "ISTHMUS_DATABASE_URL" in answer


@pytest.mark.walk(of="file", share=0.25)
async def test_local_administration_opens_the_file_beside_the_server(
    embedded: Settings, embedded_environ: dict[str, str]
) -> None:
    database = await open_database(embedded, serving=True)
    with process(embedded_environ) as beside:
        assert beside.open() == "open first"
        async with database.read() as conn:
            assert (await conn.execute(select(environment.c.name))).scalar_one() == "development"
        beside.close()
    await database.close()


@pytest.mark.walk(of="file", share=0.25)
def test_the_lock_of_a_killed_server_is_free(embedded_environ: dict[str, str]) -> None:
    with process(embedded_environ, serving=True) as first:
        assert first.open() == "open first"
        first.kill()
        with process(embedded_environ, serving=True) as second:
            assert second.open() == "open later"
            second.close()


async def test_a_closed_database_frees_the_lock(embedded: Settings) -> None:
    for _ in range(2):
        database = await open_database(embedded, serving=True)
        await database.close()


@pytest.mark.walk(of="file", share=0.25)
def test_processes_that_start_at_once_make_one_schema_and_one_team(
    empty_database_url: str, tmp_path: Path, embedded_environ: dict[str, str]
) -> None:
    environ = {
        **embedded_environ,
        "ISTHMUS_DATABASE_URL": empty_database_url,
        "ISTHMUS_SECRET_KEY": SECRET_KEY,
    }
    with ExitStack() as stack:
        started = [stack.enter_context(process(environ)) for _ in range(3)]
        for each in started:
            each.go_on()
        answers = sorted(each.line() for each in started)
        for each in started:
            each.close()
    assert answers == ["open first", "open later", "open later"]


@pytest.mark.walk(of="file", share=0.25)
def test_embedded_processes_that_start_at_once_share_one_key(embedded_environ: dict[str, str]) -> None:
    with ExitStack() as stack:
        started = [stack.enter_context(process(embedded_environ)) for _ in range(3)]
        for each in started:
            each.go_on()
        assert sorted(each.line() for each in started) == ["open first", "open later", "open later"]
        for each in started:
            each.close()


async def test_administration_does_not_change_the_schema_under_a_running_server(embedded: Settings) -> None:
    server = await open_database(embedded, serving=True)
    async with server.write() as conn:
        await conn.execute(text(f"DELETE FROM {VERSION_TABLE}"))
    with pytest.raises(SetupError, match="Stop it"):
        await open_database(embedded)
    await server.close()


async def test_several_workers_are_refused_on_sqlite_only(settings: Settings, embedded: Settings) -> None:
    check_process_count(embedded, 1)
    with pytest.raises(SetupError, match="--workers 2 needs PostgreSQL"):
        check_process_count(embedded, 2)
    check_process_count(replace(embedded, database_url=Secret("postgresql://host/name")), 8)


@pytest.mark.parametrize(
    "url", ["postgresql://isthmus@127.0.0.1:1/isthmus", "postgres://127.0.0.1:1/isthmus"]
)
async def test_postgresql_without_a_key_is_refused_before_it_is_tried(embedded: Settings, url: str) -> None:
    with pytest.raises(SetupError, match=r"needs ISTHMUS_SECRET_KEY.*secrets\.token_urlsafe"):
        await open_database(replace(embedded, database_url=Secret(url)))
    assert not embedded.data_dir.exists()


@pytest.mark.parametrize("existing", [False, True])
async def test_an_unreachable_server_is_named_without_its_password(
    embedded: Settings, existing: bool
) -> None:
    url = Secret("postgresql://isthmus:hunter2@127.0.0.1:1/isthmus")
    settings = replace(embedded, database_url=url, secret_key=Secret((SECRET_KEY,)))
    with pytest.raises(SetupError, match=r":1/isthmus cannot be used.*ISTHMUS_DATABASE_URL") as caught:
        await open_database(settings, existing=existing)
    assert "hunter2" not in caught.value.message


async def test_a_key_that_opens_nothing_is_told_at_the_start(settings: Settings) -> None:
    with pytest.raises(KeyMissing, match=compute_key_id(SECRET_KEY)):
        await open_database(replace(settings, secret_key=Secret((OTHER_KEY,))))


async def test_a_key_set_later_goes_before_those_of_the_key_file(embedded: Settings) -> None:
    await (await open_database(embedded)).close()
    database = await open_database(replace(embedded, secret_key=Secret((OTHER_KEY,))))
    assert database.keys.ids[0] == compute_key_id(OTHER_KEY)
    assert len(database.keys.ids) == 2
    await database.close()


@pytest.mark.skipif(os.name != "posix", reason="no such modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
@pytest.mark.parametrize("with_setting", [False, True])
async def test_a_key_file_that_others_can_read_is_refused_with_the_command_that_mends_it(
    embedded: Settings, mode: int, with_setting: bool
) -> None:
    await (await open_database(embedded)).close()
    embedded.key_file.chmod(mode)
    keys: Secret[tuple[str, ...]] | None = Secret((OTHER_KEY,)) if with_setting else None
    with pytest.raises(SetupError, match=rf"{mode:04o}.*chmod 600 .*{embedded.key_file.name}"):
        await open_database(replace(embedded, secret_key=keys))
    embedded.key_file.chmod(0o400)
    await (await open_database(embedded)).close()


async def test_a_data_directory_that_is_a_file_is_refused(embedded: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="ISTHMUS_DATA_DIR"):
        await open_database(replace(embedded, data_dir=tmp_path / "file"))


async def test_a_file_that_is_no_database_is_refused(embedded: Settings, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 100)
    with pytest.raises(SetupError, match=r"letter\.txt"):
        await open_database(replace(embedded, database_url=Secret(f"sqlite:///{path}")))


async def test_databases_of_one_process_can_be_opened_at_once(settings: Settings) -> None:
    opened = await asyncio.gather(*(open_database(settings) for _ in range(3)))
    for database in opened:
        async with database.read() as conn:
            assert (await conn.execute(select(func.count()).select_from(team))).scalar_one() == 0
        await database.close()


@pytest.mark.parametrize(
    ("text_", "complaint"),
    [
        ("mysql://host/name", "'mysql'"),
        ("isthmus.sqlite3", "not a database URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://user:hunter2@host:port/name", "not a database URL"),
    ],
)
def test_a_url_that_cannot_be_right_is_refused_with_an_example(text_: str, complaint: str) -> None:
    with pytest.raises(SetupError, match=complaint) as caught:
        parse_url(text_)
    assert "postgresql://user:password@host" in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_every_spelling_of_postgresql_gets_our_driver(scheme: str) -> None:
    assert parse_url(f"{scheme}://host/name").drivername == "postgresql+psycopg"
