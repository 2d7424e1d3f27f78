"""`isthmus integrations validate`: where documents come from, and what is printed of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.remote.answering import answering
from tests.unit.definitions.desk import CLEAN, changed
from typer.testing import CliRunner, Result

from isthmus.cli.main import app

UNUSUAL = {"format": "dynamic", "config": {}}


def run(*arguments: str, input: str | None = None, command: str = "validate") -> Result:
    return CliRunner().invoke(app, ["integrations", command, *arguments], input=input)


def written(path: Path, config: dict[str, Any], name: str = "desk") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"name": name, "config": config}))
    return str(path)


@pytest.mark.parametrize("command", ["validate", "lint"])
def test_a_file_is_named_by_argument_or_option_or_comes_in(tmp_path: Path, command: str) -> None:
    path = written(tmp_path / "a.json", changed("base_url", "http://desk.example"))
    for arguments, input in (([path], None), (["--file", path], None), (["--stdin"], Path(path).read_text())):
        ran = run(*arguments, input=input, command=command)
        assert (ran.exit_code, "is not https" in ran.stdout) == (1, True), ran.stderr
        assert run(*arguments, "--ignore-warnings", input=input, command=command).exit_code == 0


def test_nothing_to_check_and_what_cannot_be_read_are_told(tmp_path: Path) -> None:
    for arguments, told in (
        ([], "name a file"),
        (["--stdin"], "standard input cannot be read: line 2: is not YAML"),
        (["--integration-config-dir", str(tmp_path / "absent"), "--stdin"], "is no folder of integrations"),
        (["--against", str(tmp_path / "absent.json"), "--stdin"], "cannot be read"),
    ):
        ran = run(*arguments, input="{")
        assert (ran.exit_code, told in ran.stderr) == (2, True), ran.stderr
    assert run(str(tmp_path / "absent.json")).exit_code == 2


def test_a_name_that_is_no_file_is_told_as_that_before_a_token_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_CONFIG_DIR", str(tmp_path))
    for name in ("ISTHMUS_API_TOKEN", "TRUTO_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    ran = run("quilboard")
    assert (ran.exit_code, ran.stderr.startswith("isthmus: there is no file quilboard, and")) == (2, True)


def test_a_slip_is_told_with_what_was_meant(tmp_path: Path) -> None:
    config = changed("pagination", {"format": "curser", "config": {}})
    config["resources"]["tickets"]["list"]["respons_path"] = "items"
    said = run(written(tmp_path / "a.json", config)).stdout
    assert "config.pagination: must be an object whose `format` is one of page, cursor" in said
    assert "did you mean cursor?" in said
    assert "respons_path is not a field here and is not read (did you mean response_path?)" in said


def test_notes_can_be_left_out_and_one_line_holds_a_report(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", changed("pagination", ...))
    (line,) = run(path, "-o", "ndjson").stdout.splitlines()
    assert {item["severity"] for item in json.loads(line)["findings"]} == {"info"}
    (line,) = run(path, "-o", "ndjson", "--ignore-info").stdout.splitlines()
    assert json.loads(line)["summary"]["total"] == 0


def test_sections_are_compared_with_a_folder_of_integrations(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", changed("pagination", UNUSUAL))
    known = tmp_path / "known"
    written(known / "one" / "integration.yaml", CLEAN, "one")
    (known / "two.integration.json").write_text("{")
    ran = run(path, "--integration-config-dir", str(known))
    assert "config.pagination: is shaped like no known pagination (compare it with that of one" in ran.stdout
    written(known / "two.integration.json", changed("pagination", UNUSUAL), "two")
    assert "is shaped like" not in run(path, "--integration-config-dir", str(known)).stdout


@pytest.mark.parametrize(
    ("answer", "status", "code", "said"),
    [
        ({"result": [], "next_cursor": None}, 200, 4, "quilboard"),
        ({"message": "no such token"}, 401, 3, "no such token"),
        ({"message": "out of order"}, 500, 5, "out of order"),
    ],
)
def test_a_stored_integration_that_cannot_be_read_is_told_by_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], status: int, code: int, said: str
) -> None:
    with answering() as server:
        monkeypatch.setenv("ISTHMUS_API_URL", server.url)
        monkeypatch.setenv("ISTHMUS_API_TOKEN", "isth_x")
        server.will(answer, status)
        ran = run("quilboard")
    assert (ran.exit_code, said in ran.stderr, len(server.asked)) == (code, True, 1)


def test_of_a_folder_each_yaml_and_json_file_is_checked_and_no_other(tmp_path: Path) -> None:
    names = ("a.yaml", "b.yml", "deep/c.json", "docs.md", "deep/logo.svg", "d.json.bak", "json")
    for name in names:
        written(tmp_path / name, CLEAN)
    reports = [json.loads(line) for line in run(str(tmp_path), "-o", "ndjson").stdout.splitlines()]
    assert [report["source"] for report in reports] == [str(tmp_path / name) for name in names[:3]]
