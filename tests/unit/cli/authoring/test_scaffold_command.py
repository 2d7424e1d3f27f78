"""`isthmus integrations init`: what it writes is valid, and nothing is written over."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.catalog import CATALOG, model, model_names
from typer.testing import CliRunner, Result

from isthmus.authoring.contract.catalog_entry import Models, read_entry
from isthmus.authoring.contract.sandbox_checks import check_sandbox
from isthmus.authoring.contract.suite import Check, run_suite
from isthmus.authoring.lint import validate_file
from isthmus.authoring.scaffold import AUTH_METHODS, PAGINATIONS, Resource, ScaffoldRequest, build_scaffold
from isthmus.cli.main import app

MODELS = Models(CATALOG / "unified")
SANDBOX = Check("sandbox", "", check_sandbox)
ADDRESSES = ["https://quillboard.example/api", "{{credentials.url}}/api", "https://{{region}}.quill.example"]
RESOURCES = [(name, resource) for name in model_names() for resource in model(name).file.resources]


def wanted(**values: object) -> ScaffoldRequest:
    given: dict[str, object] = {
        "name": "quillboard",
        "label": 'Quill & "Board"',
        "base_url": "https://quillboard.example/api",
        "auth": "api_key",
        "pagination": "cursor",
        "resources": [Resource("people", "contacts"), Resource("stuff")],
        "models": MODELS,
        "model": "crm",
    }
    return ScaffoldRequest(**{**given, **values})  # type: ignore[arg-type]  # a test's own mixture


def written(folder: Path, wish: ScaffoldRequest) -> Path:
    for path, content in build_scaffold(wish).items():
        target = folder / wish.name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return folder / wish.name


def blocking(folder: Path) -> list[str]:
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".yaml", ".json")]
    assert files
    return [line for path in files for line in validate_file(path).format_lines() if ": info: " not in line]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("auth", AUTH_METHODS)
def test_a_definition_is_valid_whatever_it_connects_with(tmp_path: Path, auth: str, address: str) -> None:
    folder = written(tmp_path, wanted(auth=auth, base_url=address, has_webhook=True))
    assert blocking(folder) == []
    first = (folder / "integration.yaml").read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=http://127.0.0.1:8000/schemas/integration.")


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("pagination", PAGINATIONS)
async def test_all_but_the_fields_to_map_holds_whatever_pages_it_has(
    tmp_path: Path, pagination: str, address: str
) -> None:
    folder = written(tmp_path, wanted(pagination=pagination, base_url=address))
    outcomes = await run_suite(read_entry(folder, MODELS), [SANDBOX])
    said = {each.name: each.complaints for each in outcomes if each.status != "passed"}
    assert list(said) == ["fields"], said


@pytest.mark.parametrize(("name", "unified"), RESOURCES)
async def test_each_resource_of_each_model_can_be_begun_with(tmp_path: Path, name: str, unified: str) -> None:
    folder = written(tmp_path, wanted(model=name, resources=[Resource("things", unified)]))
    assert blocking(folder) == []
    left = await run_suite(read_entry(folder, MODELS))
    required = {"fields", "records", "gaps"}  # what is required besides an id is for the author to map
    assert {each.name for each in left if each.status != "passed"} <= required


@pytest.mark.parametrize(
    ("method", "statuses", "sends_body"),
    [
        ("list", [200, 200], False),
        ("get", [200, 200, 200, 404], False),
        ("create", [201], True),
        ("update", [200], True),
        ("delete", [204], False),
    ],
)
def test_each_method_gets_examples_of_its_own_kind(
    tmp_path: Path, method: str, statuses: list[int], sends_body: bool
) -> None:
    folder = written(tmp_path, wanted())
    exchanges = json.loads((folder / "examples" / f"people.{method}.json").read_text())
    assert [each["response"]["status"] for each in exchanges] == statuses
    assert {"body" in each["request"] for each in exchanges} == {sends_body}


def test_without_a_model_there_is_nothing_to_map(tmp_path: Path) -> None:
    folder = written(tmp_path, wanted(model=None, resources=[Resource("people")]))
    files = ["docs.md", "examples", "integration.yaml", "logo.svg"]
    assert sorted(path.name for path in folder.iterdir()) == files
    assert blocking(folder) == []


def init(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["integrations", "init", *arguments])


def begin(into: Path, *more: str) -> Result:
    address = ("--base-url", "https://quillboard.example")
    return init("quillboard", "--into", str(into), *address, "--resources", "people", *more)


def test_the_schemas_are_those_of_the_server_that_commands_call() -> None:
    words = ["integrations", "init", "quillboard", "--base-url", "https://x.example", "--resources", "a"]
    environ = {"ISTHMUS_API_URL": "http://desk.example:81/", "ISTHMUS_CONFIG_DIR": "/nonexistent"}
    ran = CliRunner().invoke(app, [*words, "--print"], env=environ)
    assert ran.stdout.startswith("# yaml-language-server: $schema=http://desk.example:81/schemas/")


def test_what_is_missing_is_told_where_there_is_no_terminal_to_ask_on(tmp_path: Path) -> None:
    given = [["quillboard"], ["--base-url", "https://quillboard.example"], ["--resources", "people"]]
    for missing, name in enumerate(("NAME", "--base-url", "--resources")):
        rest = [word for words in given[:missing] + given[missing + 1 :] for word in words]
        ran = init("--into", str(tmp_path), *rest)
        assert (ran.exit_code, ran.stderr) == (
            2,
            f"isthmus: {name} is missing, and there is no terminal to ask on.\n",
        )


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    assert begin(tmp_path).exit_code == 0
    main = tmp_path / "quillboard" / "integration.yaml"
    main.write_text("mine")
    again = begin(tmp_path)
    assert again.exit_code == 2
    assert "nothing is overwritten" in again.stderr
    assert main.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["quillboard"]


def alone(*more: str) -> Result:
    address = ("--base-url", "https://quillboard.example")
    return init("quillboard", *address, "--model", "crm", "--resources", "people:contacts", *more)


def test_the_definition_alone_is_printed_as_a_folder_would_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = alone("--print")
    assert (ran.exit_code, list(tmp_path.iterdir())) == (0, [])
    assert "Left out: docs.md, examples, logo.svg, mappings." in ran.stderr
    assert alone().exit_code == 0
    assert ran.stdout == (tmp_path / "quillboard" / "integration.yaml").read_text()


@pytest.mark.parametrize("name", ["quillboard.yaml", "deep/quillboard.integration.json"])
def test_the_definition_alone_is_written_to_a_file_and_over_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ran = alone("--out", str(path))
    assert (ran.exit_code, ran.stdout.strip()) == (0, str(path))
    assert [line for line in validate_file(path).format_lines() if ": info: " not in line] == []
    path.write_text("mine")
    again = alone("--out", str(path))
    assert (again.exit_code, "nothing is overwritten" in again.stderr) == (2, True)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    "more", [("--print", "--out", "x"), ("--print", "--into", "x"), ("--into", "x", "--out", "y")]
)
def test_one_place_is_chosen(more: tuple[str, ...]) -> None:
    ran = alone(*more)
    assert (ran.exit_code, "choose one of --print, --out and --into" in ran.stderr) == (2, True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--auth", "magic"), "auth must be one of api_key, bearer, basic"),
        (("--pagination", "scroll"), "pagination must be one of cursor, page"),
        (("--model", "cmr"), "model must be one of crm"),
        (("--model", "crm"), "must map one to a resource of crm (own:unified): "),
        (("--model", "crm", "--resources", "people:persons"), "persons is none of crm's"),
        (("--resources", "people:contacts"), "model must be named to map contacts"),
        (("--resources", "a b"), "'a b' is no name of a resource"),
        (("--resources", ","), "resources must name at least one"),
        (("--base-url", "quillboard.example"), "base_url must begin with https://"),
    ],
)
def test_a_wish_that_cannot_be_met_is_told(tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    ran = begin(tmp_path, *more)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Quill", "quill/board", "..", ""])
def test_a_name_is_a_slug(tmp_path: Path, name: str) -> None:
    address = ("--base-url", "https://quillboard.example")
    ran = init(name, "--into", str(tmp_path / "x"), *address, "--resources", "people")
    assert ran.exit_code == 2
    assert not (tmp_path / "x").exists()


def test_what_is_missing_is_told_where_nobody_can_be_asked(tmp_path: Path) -> None:
    ran = init("quillboard", "--into", str(tmp_path))
    assert ran.exit_code == 2
    assert "--base-url is missing" in ran.stderr


def test_what_is_missing_is_asked_for_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).parent / "isthmus"), "integrations", "init", "--into", str(tmp_path)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, b"quillboard\nhttps://quillboard.example\npeople\n")
        assert process.wait(timeout=60) == 0
    os.close(ours)
    assert (tmp_path / "quillboard" / "integration.yaml").is_file()
