"""An operator's own key reaches `isthmus db rotate-key` where no other user of the machine can see it."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isthmus.cli.local.administration import _read_new_key
from isthmus.cli.main import app
from isthmus.config import Settings
from isthmus.db import open_database
from isthmus.errors import SetupError

KEY = "a-key-of-the-operator-0123456789-abcdef"


def test_a_key_on_the_command_line_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_DATA_DIR", str(tmp_path / "data"))
    result = CliRunner().invoke(app, ["db", "rotate-key", "--new-key", KEY])
    assert isinstance(result.exception, SetupError)
    assert "standard input" in result.exception.message
    assert KEY not in result.exception.message
    assert not (tmp_path / "data").exists()


def test_a_key_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_NEW_SECRET_KEY", "another")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    assert _read_new_key("-") == KEY


@pytest.mark.parametrize(("value", "key"), [(KEY, KEY), ("", None), (None, None)])
def test_a_key_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str | None, key: str | None
) -> None:
    monkeypatch.delenv("ISTHMUS_NEW_SECRET_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("ISTHMUS_NEW_SECRET_KEY", value)
    assert _read_new_key(None) == key


async def _set_up(folder: Path) -> None:
    await (await open_database(Settings(data_dir=folder))).close()


def test_nothing_on_standard_input_is_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(_set_up(tmp_path / "data"))
    monkeypatch.setenv("ISTHMUS_DATA_DIR", str(tmp_path / "data"))
    result = CliRunner().invoke(app, ["db", "rotate-key", "--new-key", "-"], input="\n")
    assert isinstance(result.exception, SetupError)
    assert "the new key must hold" in result.exception.message
