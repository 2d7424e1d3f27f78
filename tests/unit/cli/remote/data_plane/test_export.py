"""`isthmus export`: every page as it comes, and what is left where it breaks off."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from tests.unit.cli.remote.answering import ACCOUNT, Answering, answering
from typer.testing import CliRunner, Result

from isthmus.cli.main import app

FIRST = [{"id": "1", "name": "Zoë"}, {"id": "2", "name": None}]
SECOND = [{"id": "3", "name": "x", "more": 1}]


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as told:
        told.will({"result": FIRST, "next_cursor": "c1"})
        yield told


def environ(server: Answering) -> dict[str, str]:
    return {"ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": "isth_x"}


def export(server: Answering, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["export", *arguments, "-a", ACCOUNT], env=environ(server))


def read_csv(text: str) -> list[Any]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("output", "read"),
    [
        ("json", json.loads),
        ("ndjson", lambda text: [json.loads(line) for line in text.splitlines()]),
        ("yaml", yaml.safe_load),
    ],
)
def test_all_pages_are_written_in_each_format(server: Answering, output: str, read: Any) -> None:
    server.will({"result": SECOND, "next_cursor": None})
    ran = export(server, "crm/contacts", "-o", output, "-q", "x=1", "--page-size", "2")
    assert read(ran.stdout) == FIRST + SECOND
    assert server.lines == [
        f"GET /unified/crm/contacts?integrated_account_id={ACCOUNT}&x=1&limit=2",
        f"GET /unified/crm/contacts?integrated_account_id={ACCOUNT}&x=1&limit=2&next_cursor=c1",
    ]
    assert ran.stderr.splitlines() == ["Exported 2 records...", "Exported 3 records..."]


def test_columns_of_csv_are_those_of_the_first_record(server: Answering) -> None:
    server.will({"result": SECOND, "next_cursor": None})
    ran = export(server, "contacts", "-o", "csv")
    assert read_csv(ran.stdout) == [
        {"id": "1", "name": "Zoë"},
        {"id": "2", "name": ""},
        {"id": "3", "name": "x"},
    ]
    assert "1 fields that the first record does not have were left out: more." in ran.stderr
    assert server.lines[0].startswith("GET /proxy/contacts?")


def test_no_page_is_asked_for_behind_the_limit(server: Answering) -> None:
    assert export(server, "contacts", "-o", "ndjson", "--limit", "1").stdout.count("\n") == 1
    assert len(server.asked) == 1


def test_where_it_breaks_off_the_rest_is_whole_and_the_cursor_is_told(server: Answering) -> None:
    server.retry_after = "0"
    for _ in range(3):
        server.will({"message": "too many"}, 429)
    ran = export(server, "contacts")
    assert ran.exit_code == 7
    assert json.loads(ran.stdout) == FIRST
    assert ran.stderr.splitlines()[-1] == "Stopped after 2 records. Continue with: -q next_cursor=c1"


def test_a_cursor_that_is_told_can_be_pasted(server: Answering) -> None:
    server.answers.clear()
    cursor = "a,b\\,c d'$x&y=1"
    server.will({"result": FIRST, "next_cursor": cursor})
    server.will({"message": "no"}, 400)
    said = export(server, "contacts").stderr.splitlines()[-1]
    server.will({"result": SECOND, "next_cursor": cursor})
    option = shlex.split(said.partition("Continue with: ")[2])
    shown = CliRunner().invoke(app, ["proxy", "contacts", "-a", ACCOUNT, *option], env=environ(server)).stderr
    assert shlex.split(shown.removeprefix("Next page: ")) == option
    assert parse_qs(server.lines[-1].partition("?")[2])["next_cursor"] == [cursor]
    server.will({"result": [], "next_cursor": "\x1b[31m"})
    shown = CliRunner().invoke(app, ["proxy", "contacts", "-a", ACCOUNT], env=environ(server)).stderr
    assert ("next_cursor=" in shown, "\x1b" in shown) == (True, False)


def test_what_was_fetched_for_a_file_is_kept_under_a_name_that_is_told(
    server: Answering, tmp_path: Path
) -> None:
    path = tmp_path / "c.json"
    server.will({"message": "no"}, 400)
    ran = export(server, "contacts", "--out", str(path))
    assert ran.exit_code == 1
    assert ran.stderr.splitlines()[-1] == (
        f"Stopped after 2 records, saved in {path}.partial-1. Continue, to another file, with: "
        "-q next_cursor=c1"
    )
    server.will({"result": SECOND, "next_cursor": "c2"})
    server.will({"message": "no"}, 400)
    ran = export(server, "contacts", "--out", str(path), "-q", "next_cursor=c1")
    assert f"Stopped after 1 records, saved in {path}.partial-2." in ran.stderr
    assert {each.name: json.loads(each.read_text()) for each in tmp_path.iterdir()} == {
        "c.json.partial-1": FIRST,
        "c.json.partial-2": SECOND,
    }


def test_where_a_file_cannot_be_written_no_cursor_is_told(
    server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    server.will({"message": "no"}, 400)
    ran = export(server, "contacts", "--out", str(tmp_path / "c.json"))
    assert (ran.exit_code, "Nothing was saved." in ran.stderr, "Continue" in ran.stderr) == (2, True, False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_appears_when_it_is_whole_and_replaces_none_unasked(server: Answering, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    server.answers.clear()
    server.retry_after = "0"
    for _ in range(3):
        server.will({"message": "away"}, 503)
    assert export(server, "contacts", "--out", str(path)).exit_code == 5
    assert export(server, "contacts", "--out", str(path)).exit_code == 2  # an answer that is no list
    assert list(tmp_path.iterdir()) == []
    server.will({"result": SECOND, "next_cursor": None})
    assert export(server, "contacts", "--out", str(path)).exit_code == 0
    assert json.loads(path.read_text()) == SECOND
    refused = export(server, "contacts", "--out", str(path))
    assert (refused.exit_code, "--force" in refused.stderr) == (2, True)
    server.will({"result": [], "next_cursor": None})
    assert export(server, "contacts", "--out", str(path), "--force").exit_code == 0
    assert json.loads(path.read_text()) == []


@pytest.mark.parametrize("resource", ["a/b/c", "/contacts", "crm/"])
def test_a_name_that_is_no_resource_is_told(server: Answering, resource: str) -> None:
    ran = export(server, resource)
    assert (ran.exit_code, "invalid resource" in ran.stderr, server.asked) == (2, True, [])


def test_an_interrupt_leaves_a_whole_array_and_the_cursor(server: Answering) -> None:
    command = [str(Path(sys.executable).parent / "isthmus"), "export", "contacts", "-a", ACCOUNT]
    server.hold_after = 1
    process = subprocess.Popen(
        command,
        env=os.environ | environ(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "Exported 2 records...\n"
    server.held.wait(60)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    server.release.set()
    assert process.returncode == 130
    assert json.loads(printed) == FIRST
    assert "Continue with: -q next_cursor=c1" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("output", ["json", "ndjson", "csv", "yaml"])
def test_an_export_that_fails_at_once_prints_nothing(server: Answering, output: str) -> None:
    server.answers.clear()
    server.will({"message": "no such resource"}, 404)
    ran = export(server, "contacts", "-o", output)
    assert (ran.exit_code, ran.stdout) == (4, "")
