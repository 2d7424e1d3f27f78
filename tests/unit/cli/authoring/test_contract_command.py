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
MODEL = """
name: desk
resources:
  people:
    methods: [list, get]
    schema:
      type: object
      required: [id]
      properties: { id: { type: string }, name: { type: [string, "null"] } }
"""
MAPPINGS = """
unified_model: desk
integration: quillboard
cells:
  - resource_name: people
    method_name: list
    config: { response_mapping_method: item, response_mapping: &person '{ "id": $string(id), "name": name }' }
  - { resource_name: people, method_name: get, config: { response_mapping: *person } }
""".replace("(id)", "(response.id)").replace(": name }", ": response.name }")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a shipped integration, far from any catalogue."""
    return Path(shutil.copytree(CATALOG / "integrations" / "tableau", tmp_path / "tableau"))


def test_an_integration_that_keeps_the_contract_passes_wherever_it_stands(folder: Path) -> None:
    ran = RUN.invoke(app, ["integrations", "test", str(folder / "integration.yaml")])
    assert ran.exit_code == 0, ran.output
    assert ran.output.splitlines()[-1] == "15 passed, 0 failed, 0 skipped"


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


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of one model, `desk`, which is not near any integration."""
    (tmp_path / "models" / "desk").mkdir(parents=True)
    (tmp_path / "models" / "desk" / "model.yaml").write_text(MODEL)
    return tmp_path / "models"


@pytest.fixture
def quillboard(tmp_path: Path) -> Path:
    """A scaffold that is mapped to `desk`."""
    address = ["--into", str(tmp_path), "--base-url", "https://quill.example", "--resources", "people"]
    assert RUN.invoke(app, ["integrations", "init", "quillboard", *address]).exit_code == 0
    (tmp_path / "quillboard" / "mappings").mkdir()
    (tmp_path / "quillboard" / "mappings" / "desk.yaml").write_text(MAPPINGS)
    return tmp_path / "quillboard"


def test_a_model_of_ones_own_is_taken_from_its_folder(quillboard: Path, models: Path) -> None:
    without = RUN.invoke(app, ["integrations", "test", str(quillboard)])
    assert (without.exit_code, "desk/people.list: no such model" in without.output) == (1, True)
    ran = RUN.invoke(app, ["integrations", "test", str(quillboard), "--models", str(models)])
    assert ran.exit_code == 0, ran.output


def test_the_schema_beside_a_model_counts_before_the_one_in_it(quillboard: Path, models: Path) -> None:
    (models / "desk" / "people.schema.yaml").write_text("type: object\nrequired: [born]\n")
    for command in ("test", "validate"):
        ran = RUN.invoke(app, ["integrations", command, str(quillboard), "--models", str(models)])
        assert ran.exit_code == (1 if command == "test" else 0), ran.output
    assert (
        "'born' is a required property"
        in RUN.invoke(
            app, ["integrations", "test", str(quillboard), "--models", str(models), "--check", "records"]
        ).output
    )


def test_a_model_of_ones_own_counts_before_the_shipped_one_of_its_name(folder: Path, models: Path) -> None:
    (models / "desk").rename(models / "user-directory")
    path = models / "user-directory" / "model.yaml"
    path.write_text(path.read_text().replace("name: desk", "name: user-directory"))
    ran = RUN.invoke(app, ["integrations", "test", str(folder), "--models", str(models), "--check", "names"])
    assert (ran.exit_code, "users.list: no such resource in the model" in ran.output) == (1, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: desk\nresources: []\n", "is no unified model: resources must be an object"),
        ("name: [", "cannot be read"),
        ("name: desk\nresources: { people: { methods: [list, get] } }\n", "has no schema of people"),
    ],
)
def test_a_model_that_cannot_be_used_is_told(quillboard: Path, models: Path, text: str, said: str) -> None:
    (models / "desk" / "model.yaml").write_text(text)
    ran = RUN.invoke(app, ["integrations", "test", str(quillboard), "--models", str(models)])
    assert (ran.exit_code, said in ran.output) == (1, True), ran.output


@pytest.mark.parametrize("command", ["test", "validate"])
def test_a_folder_without_models_is_told(quillboard: Path, command: str) -> None:
    ran = RUN.invoke(app, ["integrations", command, str(quillboard), "--models", str(quillboard)])
    assert (ran.exit_code, "is no folder of unified models" in ran.stderr) == (2, True)


def test_mappings_are_validated_against_a_model_of_ones_own(quillboard: Path, models: Path) -> None:
    mappings = quillboard / "mappings" / "desk.yaml"
    mappings.write_text(mappings.read_text().replace("get, config: {", "search, config: { method: get,"))
    for arguments, input in (([str(mappings)], None), (["--stdin"], mappings.read_text())):
        words = ["integrations", "validate", *arguments]
        assert "search" not in RUN.invoke(app, words, input=input).output
        ran = RUN.invoke(app, [*words, "--models", str(models)], input=input)
        assert (ran.exit_code, "search" in ran.output) == (1, True), ran.output
