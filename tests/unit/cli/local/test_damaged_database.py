"""Commands of the database where it is lost or damaged: a message and no trace."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from isthmus.cli import main
from isthmus.cli.main import run
from isthmus.config import Settings
from isthmus.db import open_database
from isthmus.tenancy import bootstrap


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of the commands, which is not there yet."""
    for name in ("ISTHMUS_DATABASE_URL", "ISTHMUS_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ISTHMUS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


async def _set_up(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    database = await open_database(settings)
    await bootstrap(database, settings)
    await database.close()


def isthmus(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Runs a command as the program does; returns its exit code."""
    monkeypatch.setattr("sys.argv", ["isthmus", *words])
    with pytest.raises(SystemExit) as ended:
        run()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    "command",
    [
        ("tokens", "list"),
        ("tokens", "create", "--environment", "development"),
        ("environments", "list"),
        ("connect", "hubspot", "--tenant", "acme"),
    ],
    ids=" ".join,
)
def test_damage_that_a_command_meets_is_told_without_a_trace(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
) -> None:
    asyncio.run(_set_up(folder))
    file = folder / "isthmus.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        pages = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE tbl_name IN ('api_token', 'environment')"
        ).fetchall()
    with file.open("r+b") as opened:
        for (page,) in pages:
            opened.seek((page - 1) * 4096)
            opened.write(b"\xff" * 4096)
    assert isthmus(monkeypatch, *command) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"isthmus: the database {file} is damaged (database disk image is malformed)")
    assert error.count("\n") == 1


def test_a_database_is_created_by_its_own_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (("db", "init"), ("db", "init")):
        assert isthmus(monkeypatch, *words) == 0
        assert capsys.readouterr().err == f"The database sqlite:///{folder / 'isthmus.sqlite3'} is ready.\n"
    (folder / "isthmus.sqlite3").unlink()
    assert isthmus(monkeypatch, "db", "init") == 1
    assert "db init --new" in capsys.readouterr().err
    assert isthmus(monkeypatch, "db", "init", "--new") == 0
    assert isthmus(monkeypatch, "db", "init", "--new") == 1
    assert "is there already" in capsys.readouterr().err
    assert isthmus(monkeypatch, "environments", "list") == 0


def test_a_fault_of_a_command_that_uses_no_database_loads_nothing_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: str) -> None:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(main, "app", fail)
    monkeypatch.setattr("sys.argv", ["isthmus"])
    monkeypatch.delitem(sys.modules, "isthmus.db.failures", raising=False)
    monkeypatch.setenv("ISTHMUS_DATABASE_URL", "mysql://x.example/y")  # which no command could use
    with pytest.raises(RuntimeError, match="a fault of the program"):
        run()
    assert "isthmus.db.failures" not in sys.modules
