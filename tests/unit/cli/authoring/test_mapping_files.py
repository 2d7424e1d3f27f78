"""`isthmus unified-mappings validate`: the server's own checks, on files alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.catalog import CATALOG
from tests.unit.cli.remote.answering import answering
from typer.testing import CliRunner, Result

from isthmus.cli.main import app

SHIPPED = CATALOG / "integrations" / "hubspot" / "mappings" / "crm.yaml"
FILE = """\
unified_model: crm
integration: quillboard
cells:
  - resource_name: contacts
    method_name: {method}
    config: {{resource: people, response_mapping: '{{"id": $number(response.id)}}'}}
"""


def validate(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["unified-mappings", "validate", *arguments])


def test_a_shipped_mapping_holds() -> None:
    ran = validate(str(SHIPPED))
    assert (ran.exit_code, ran.stdout.startswith(f"{SHIPPED}: 0 error, 0 warn, ")) == (0, True), ran.stdout


def test_an_error_fails_and_a_warning_is_only_told(tmp_path: Path) -> None:
    path = tmp_path / "crm.yaml"
    path.write_text(FILE.format(method="list"))
    warned = validate(str(path))
    assert warned.exit_code == 0, warned.stdout
    assert "maps id to a number" in warned.stdout
    assert f"{path}: 0 error, 1 warn, " in warned.stdout
    path.write_text(FILE.format(method="lst"))
    failed = validate(str(path))
    assert (failed.exit_code, f"{path}:6: error: cells.0" in failed.stdout) == (1, True), failed.stdout


def test_notes_are_shown_where_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "crm.yaml"
    path.write_text(FILE.format(method="list") + "built_by: hand\n")
    assert ": info: " not in validate(str(path)).stdout
    assert "built_by is not a field here" in validate("-v", str(path)).stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [("name: x\n", "it has no `cells`"), ("{", "cannot be read"), (None, "cannot be read")],
)
def test_what_is_no_mapping_file_is_told(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_text(content)
    for command in ("validate", "apply"):
        ran = CliRunner().invoke(app, ["unified-mappings", command, str(path)])
        assert (ran.exit_code, said in ran.stderr) == (2, True), ran.stderr


def test_a_server_that_refuses_to_tell_its_models_is_told_by_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering() as server:
        monkeypatch.setenv("ISTHMUS_API_URL", server.url)
        monkeypatch.setenv("ISTHMUS_API_TOKEN", "isth_x")
        server.will({"message": "no such token"}, 401)
        ran = validate(str(SHIPPED), "--environment-id", "e")
    assert (ran.exit_code, "no such token" in ran.stderr, ran.stdout) == (3, True, "")
