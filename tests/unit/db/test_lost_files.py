"""Opening a SQLite installation of which a file is missing, empty, damaged, or open to others."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError
from tests.conftest import SECRET_KEY

from isthmus.config import Settings
from isthmus.db import open_database, sqlite_files
from isthmus.db.failures import describe_failure
from isthmus.db.migrations import VERSION_TABLE
from isthmus.db.urls import parse_url
from isthmus.errors import SetupError
from isthmus.kit.secret import Secret

_PAGE = 4096


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    """The default: nothing set but where the data lives."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
async def installed(embedded: Settings) -> Settings:
    """The same, after a first start that was stopped in order."""
    await (await open_database(embedded, serving=True)).close()
    return embedded


def file_of(settings: Settings) -> Path:
    return settings.data_dir / "isthmus.sqlite3"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def open_and_close(settings: Settings, *, new: bool = False) -> None:
    await (await open_database(settings, serving=True, new=new)).close()


async def refusal(settings: Settings, *, serving: bool = True, existing: bool = False) -> str:
    """Returns the message of the refusal, which left every file as it was."""
    before = contents(settings.data_dir)
    with pytest.raises(SetupError) as caught:
        await open_database(settings, serving=serving, existing=existing)
    assert contents(settings.data_dir) == before
    return caught.value.message


async def test_a_database_missing_beside_its_key_is_refused_until_a_new_one_is_asked_for(
    installed: Settings,
) -> None:
    key = installed.key_file.read_text()
    file_of(installed).unlink()
    for asked in ({"serving": True}, {"serving": False}, {"existing": True}):
        message = await refusal(installed, **asked)
        assert str(file_of(installed)) in message
        assert str(installed.key_file) in message
        assert "`isthmus db init --new`" in message
        assert "backup" in message
    await open_and_close(installed, new=True)
    await open_and_close(installed)
    assert installed.key_file.read_text() == key


async def test_a_new_database_takes_the_place_of_none_that_is_there(installed: Settings) -> None:
    before = file_of(installed).read_bytes()
    with pytest.raises(SetupError, match="is there already"):
        await open_database(installed, new=True)
    assert file_of(installed).read_bytes() == before


@pytest.mark.parametrize("with_setting", [False, True])
async def test_a_database_of_zero_bytes_is_no_first_start(installed: Settings, with_setting: bool) -> None:
    file_of(installed).write_bytes(b"")
    keys: Secret[tuple[str, ...]] | None = Secret((SECRET_KEY,)) if with_setting else None
    assert "is empty (0 bytes)" in await refusal(replace(installed, secret_key=keys))
    await open_and_close(installed, new=True)


async def test_a_deleted_key_leaves_no_new_key_behind(installed: Settings) -> None:
    key = installed.key_file.read_text().strip()
    installed.key_file.unlink()
    for asked in ({"serving": True}, {"existing": True}):
        message = await refusal(installed, **asked)
        assert f"the key file {installed.key_file} is missing" in message
    await open_and_close(replace(installed, secret_key=Secret((key,))))


@pytest.mark.parametrize("copied", [(), ("-shm",)], ids=["file alone", "file and index"])
async def test_a_file_that_was_copied_without_its_log_is_told_apart_from_a_new_one(
    embedded: Settings, tmp_path: Path, copied: tuple[str, ...]
) -> None:
    copy = replace(embedded, data_dir=tmp_path / "copy")
    server = await open_database(embedded, serving=True)
    copy.data_dir.mkdir(mode=0o700)
    shutil.copy2(embedded.key_file, copy.key_file)
    for suffix in ("", *copied):
        shutil.copy2(f"{file_of(embedded)}{suffix}", f"{file_of(copy)}{suffix}")
    await server.close()
    with pytest.raises(SetupError, match=r"lacks its write-ahead log.*isthmus\.sqlite3-wal"):
        await open_database(copy, serving=True)
    assert [path.stat().st_size for path in copy.data_dir.glob("*-wal")] in ([], [0])


@pytest.mark.parametrize("leaves_file", [False, True])
async def test_a_log_without_its_file_is_kept(embedded: Settings, tmp_path: Path, leaves_file: bool) -> None:
    copy = replace(embedded, data_dir=tmp_path / "copy")
    server = await open_database(embedded, serving=True)
    copy.data_dir.mkdir(mode=0o700)
    shutil.copy2(f"{file_of(embedded)}-wal", f"{file_of(copy)}-wal")
    await server.close()
    if leaves_file:
        file_of(copy).touch()
    before = contents(copy.data_dir)["isthmus.sqlite3-wal"]
    for new in (False, True):
        with pytest.raises(SetupError, match=r"its write-ahead log isthmus\.sqlite3-wal is still there"):
            await open_database(copy, new=new)
    assert contents(copy.data_dir)["isthmus.sqlite3-wal"] == before


async def test_a_server_finds_a_torn_page_at_its_start(
    installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await open_database(installed)
    async with database.write() as conn:
        await conn.execute(text("CREATE TABLE more (value TEXT)"))
        await conn.execute(text("INSERT INTO more VALUES (:value)"), [{"value": "x" * 500}] * 400)
    await database.close()
    monkeypatch.setattr(sqlite_files, "_CHECK_STEPS", 1)
    tear_page(file_of(installed), file_of(installed).stat().st_size // _PAGE)
    message = await refusal(installed)
    assert f"the database {file_of(installed)} is damaged" in message
    assert "a page is torn" in message
    monkeypatch.setattr(sqlite_files, "_CHECK_SECONDS", -1.0)
    await open_and_close(installed)


async def test_a_file_that_was_cut_off_is_told(installed: Settings) -> None:
    os.truncate(file_of(installed), 3 * _PAGE)
    assert "is damaged" in await refusal(installed)


@pytest.mark.parametrize(
    ("code", "is_damage"),
    [
        (sqlite3.SQLITE_CORRUPT, True),
        (sqlite3.SQLITE_CORRUPT_INDEX, True),
        (sqlite3.SQLITE_NOTADB, True),
        (sqlite3.SQLITE_BUSY, False),
        (sqlite3.SQLITE_CANTOPEN, False),
        (sqlite3.SQLITE_FULL, False),
    ],
)
def test_damage_is_told_from_a_file_that_cannot_be_used_now(code: int, is_damage: bool) -> None:
    error = sqlite3.DatabaseError("what SQLite says")
    error.sqlite_errorcode = code
    url = parse_url("sqlite:////tmp/isthmus.sqlite3")
    for raised in (error, DatabaseError("SELECT 1", None, error)):
        message = describe_failure(url, raised) or ""
        assert ("is damaged (what SQLite says)" in message) is is_damage
        assert ("cannot be used: what SQLite says" in message) is not is_damage


def test_a_fault_of_the_program_is_no_failure_of_the_database() -> None:
    for raised in (ValueError(), sqlite3.IntegrityError(), IntegrityError("SELECT 1", None, ValueError())):
        assert describe_failure(parse_url("sqlite:////tmp/isthmus.sqlite3"), raised) is None


async def test_a_lost_schema_number_is_damage_and_no_new_database(installed: Settings) -> None:
    database = await open_database(installed)
    async with database.write() as conn:
        await conn.execute(text(f"DELETE FROM {VERSION_TABLE}"))
    await database.close()
    assert "the number of its schema is missing" in await refusal(installed)


@pytest.mark.skipif(os.name != "posix", reason="no such modes")
@pytest.mark.parametrize("mode", [0o702, 0o1777])
async def test_a_data_directory_that_others_may_write_to_is_refused(installed: Settings, mode: int) -> None:
    installed.data_dir.chmod(mode)
    message = await refusal(installed)
    assert f"others may write to the data directory {installed.data_dir} (its mode is {mode:04o})" in message
    assert f"chmod o-w {installed.data_dir}" in message
    for allowed in (0o755, 0o2775):
        installed.data_dir.chmod(allowed)
        await open_and_close(installed)


@pytest.mark.parametrize("damage", [b"\x00" * 44, b"cut", bytes(range(128, 172)), b""])
async def test_a_damaged_key_file_is_told_with_its_remedy(installed: Settings, damage: bytes) -> None:
    installed.key_file.write_bytes(damage)
    message = await refusal(installed)
    assert f"the key file {installed.key_file}" in message
    assert "Restore it from a backup" in message


DYING = """
import asyncio, os, signal, sys
from isthmus.config import Settings
from isthmus.db import open_database, startup

def die(*_arguments, **_options):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(startup, sys.argv[1], die)
asyncio.run(open_database(Settings.from_environment(), serving=True))
"""


@pytest.mark.walk(share=0.34)
@pytest.mark.parametrize("moment", ["load_keys", "upgrade_schema", "_check_keys"])
def test_a_first_start_that_was_killed_is_continued_by_the_next(embedded: Settings, moment: str) -> None:
    """Killed with an empty file, with a key, with a schema and no secrets."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
    killed = subprocess.run(
        [sys.executable, "-c", DYING, moment],
        env=environ | {"ISTHMUS_DATA_DIR": str(embedded.data_dir)},
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    for _ in range(2):
        asyncio.run(open_and_close(embedded))
    file_of(embedded).unlink()
    assert "isthmus db init --new" in asyncio.run(refusal(embedded))


def tear_page(path: Path, number: int) -> None:
    """Overwrites the second half of a page; pages are counted from 1."""
    with path.open("r+b") as file:
        file.seek((number - 1) * _PAGE + _PAGE // 2)
        file.write(random.Random(number).randbytes(_PAGE // 2))


async def test_a_database_put_over_a_first_start_that_was_killed_is_no_new_one(installed: Settings) -> None:
    setup = mark_unfinished(installed)
    key = installed.key_file.read_bytes()
    installed.key_file.unlink()
    assert "key file" in await refusal(installed)
    installed.key_file.write_bytes(key)
    installed.key_file.chmod(0o600)
    await open_and_close(installed)
    assert setup.read_bytes() == b""


async def test_a_database_that_was_put_there_and_cannot_be_read_gets_no_new_key(installed: Settings) -> None:
    mark_unfinished(installed)
    tear_page(file_of(installed), 1)
    assert "is damaged" in await refusal(installed)
    installed.key_file.unlink()
    assert "key file" in await refusal(installed)


def mark_unfinished(settings: Settings) -> Path:
    """Leaves the mark of a first start that was killed. Returns the file that has it."""
    setup = settings.data_dir / "isthmus.sqlite3.setup"
    setup.write_text("unfinished\n")
    return setup
