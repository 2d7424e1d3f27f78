"""Local administration where there is nothing to administer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.logging_state import restoring_logging
from typer.testing import CliRunner

from isthmus.cli.main import app
from isthmus.errors import SetupError

COMMANDS = (
    ("tokens", "create", "--environment", "development"),
    ("tokens", "list"),
    ("environments", "create", "staging"),
    ("accounts", "block", "x"),
    ("connect", "jira", "--tenant", "acme"),
    ("explain", "x"),
    ("db", "rotate-key"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_folder_without_a_database_is_told_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    for setting in ("ISTHMUS_DATA_DIR", "ISTHMUS_DATABASE_URL"):
        monkeypatch.delenv(setting, raising=False)
    error = CliRunner().invoke(app, command).exception
    assert isinstance(error, SetupError)
    assert f"there is no database at {tmp_path / '.isthmus' / 'isthmus.sqlite3'}" in error.message
    assert "`isthmus serve`" in error.message
    assert list(tmp_path.iterdir()) == []


def test_a_worker_makes_no_database_that_it_does_not_work_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for setting in ("ISTHMUS_DATA_DIR", "ISTHMUS_DATABASE_URL"):
        monkeypatch.delenv(setting, raising=False)
    with restoring_logging():
        error = CliRunner().invoke(app, ["worker"]).exception
    assert isinstance(error, SetupError)
    assert "needs PostgreSQL" in error.message
    assert list(tmp_path.iterdir()) == []


def test_the_settings_are_shown_with_what_set_them_and_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ISTHMUS_DATABASE_URL", raising=False)
    key = "a-random-looking-key-0123456789-abcdef"
    environ = {"ISTHMUS_SECRET_KEY": key, "ISTHMUS_BATCH_SECONDS": "7", "ISTHMUS_EGRESS_ALLOW": "10.0.0.0/8"}
    ran = CliRunner().invoke(app, ["config", "show", "-o", "json"], env=environ)
    shown = {row["variable"]: (row["from"], row["value"]) for row in json.loads(ran.stdout)}
    assert shown["ISTHMUS_SECRET_KEY"] == ("environment", "(set, not shown)")
    assert shown["ISTHMUS_BATCH_SECONDS"] == ("environment", "7.0")
    assert shown["ISTHMUS_EGRESS_ALLOW"] == ("environment", "10.0.0.0/8")
    assert shown["ISTHMUS_DATABASE_URL"] == ("default", "isthmus.sqlite3 in the data directory")
    assert key not in ran.stdout
    assert list(tmp_path.iterdir()) == []
