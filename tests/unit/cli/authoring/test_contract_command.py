"""`isthmus integrations test`: what it prints, and its exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.contract.catalog import CATALOG
from typer.testing import CliRunner

from isthmus.cli.main import app

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a shipped integration, far from any catalogue."""
    return Path(shutil.copytree(CATALOG / "integrations" / "tableau", tmp_path / "tableau"))


def test_an_integration_that_keeps_the_contract_passes_wherever_it_stands(folder: Path) -> None:
    ran = RUN.invoke(app, ["integrations", "test", str(folder / "integration.yaml")])
    assert ran.exit_code == 0, ran.output
    assert ran.output.splitlines()[-1] == "14 passed, 0 failed, 0 skipped"


def test_what_does_not_hold_is_told_below_its_check(folder: Path) -> None:
    (folder / "examples" / "users.get.json").unlink()
    ran = RUN.invoke(app, ["integrations", "test", str(folder), "--check", "examples", "-o", "json"])
    assert ran.exit_code == 1
    report = json.loads(ran.output)
    assert report["summary"] == {"passed": 0, "failed": 1, "skipped": 0}
    (check,) = report["checks"]
    assert check["name"] == "examples"
    assert any("users.get has 0 answers" in text for text in check["complaints"])


def test_a_file_of_another_shape_is_told_and_the_rest_is_skipped(folder: Path) -> None:
    text = (folder / "integration.yaml").read_text()
    (folder / "integration.yaml").write_text(text.replace("format: dynamic", "format: dinamic"))
    ran = RUN.invoke(app, ["integrations", "test", str(folder)])
    assert ran.exit_code == 1
    assert "integration.yaml: config.pagination" in ran.output
    assert "skipped: fix the above first" in ran.output
    assert "Traceback" not in ran.output


def test_complaints_are_cut_unless_all_are_asked_for(folder: Path) -> None:
    path = folder / "examples" / "users.get.json"
    exchanges = json.loads(path.read_text())
    exchanges[0]["response"]["body"]["tsResponse"]["user"].update({f"lost_{n}": "x" for n in range(30)})
    path.write_text(json.dumps(exchanges))
    cut = RUN.invoke(app, ["integrations", "test", str(folder), "--check", "losses"])
    whole = RUN.invoke(app, ["integrations", "test", str(folder), "--check", "losses", "--all"])
    assert cut.exit_code == whole.exit_code == 1
    assert "more; --all shows them" in cut.output
    assert "--all shows them" not in whole.output
    assert len(whole.output.splitlines()) > len(cut.output.splitlines())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "isthmus integrations init nowhere"),
        (["redmine", "--check", "nothing"], "no check is named nothing; there are shape, lint"),
        ([str(CATALOG)], "integration.yaml is missing"),
    ],
)
def test_what_cannot_be_read_is_told_with_a_way_out(arguments: list[str], said: str) -> None:
    ran = RUN.invoke(app, ["integrations", "test", *arguments])
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_a_file_that_is_no_yaml_is_told_with_its_line(folder: Path) -> None:
    (folder / "integration.yaml").write_text("name: [tableau\nconfig: {}\n")
    ran = RUN.invoke(app, ["integrations", "test", str(folder)])
    assert ran.exit_code == 2
    assert "line 2" in ran.stderr
