"""`isthmus expr`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isthmus.cli.main import app
from isthmus.errors import SetupError

CONTACT = {"name": "ada", "mails": [{"value": "a@b.c"}]}


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "contact.json"
    path.write_text(json.dumps(CONTACT))
    return str(path)


def test_an_expression_runs_on_a_file(document: str) -> None:
    done = CliRunner().invoke(app, ["expr", "{'n': $uppercase(name)}", document])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"n": "ADA"})


def test_an_expression_of_a_file_runs_on_standard_input(tmp_path: Path) -> None:
    (tmp_path / "e.jsonata").write_text("mails.value")
    done = CliRunner().invoke(app, ["expr", f"@{tmp_path / 'e.jsonata'}", "-"], input=json.dumps(CONTACT))
    assert json.loads(done.stdout) == "a@b.c"


def test_nothing_is_printed_for_nothing(document: str) -> None:
    done = CliRunner().invoke(app, ["expr", "nope", document])
    assert (done.exit_code, done.stdout) == (0, "")


def test_a_mistake_is_shown_where_it_is() -> None:
    done = CliRunner().invoke(app, ["expr", "1 + * 2"])
    assert done.exit_code == 1
    assert "^" in done.stderr
    assert "S02" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$foo(1)", "T1006: Attempted to invoke a non-function: foo has no value\n1 | $foo(1)\n        ^"),
        ("name(1)", "T1006: Attempted to invoke a non-function: name is not a function"),
        ("(1)(2)", "T1006: Attempted to invoke a non-function\n"),
    ],
)
def test_what_is_called_and_is_no_function_is_named(document: str, text: str, said: str) -> None:
    done = CliRunner().invoke(app, ["expr", text, document])
    assert done.exit_code == 1
    assert done.stderr.startswith(said)


def test_a_trace_shows_each_step(document: str) -> None:
    done = CliRunner().invoke(app, ["expr", "--trace", "$uppercase(name)", document])
    assert 'out "ada"' in done.stderr
    assert 'out "ADA"' in done.stderr


def test_an_empty_field_is_explained(document: str) -> None:
    done = CliRunner().invoke(app, ["expr", "--explain", "{'a': name, 'b': nmae}", document])
    assert "b was empty" in done.stderr
    assert "nmae" in done.stderr


def test_a_document_that_is_no_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    done = CliRunner().invoke(app, ["expr", "a", str(tmp_path / "x.json")])
    assert "is not JSON" in str(done.exception)


@pytest.mark.parametrize(("length", "is_cut"), [(98, False), (99, True)])
def test_a_trace_shows_100_characters_of_a_value(length: int, is_cut: bool) -> None:
    text = json.dumps("v" * length)
    done = CliRunner().invoke(app, ["expr", "--trace", "$", "-"], input=text)
    shown = f"{text[:100]}… ({len(text)} characters)" if is_cut else text
    assert f"    out {shown}\n" in done.stderr


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_an_expression_of_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "e.jsonata"
    if content is not None:
        path.write_bytes(content)
    done = CliRunner().invoke(app, ["expr", f"@{path}"])
    assert isinstance(done.exception, SetupError)
    assert f"the expression file {path} cannot be read" in done.exception.message


def test_a_document_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["expr", "a", str(tmp_path / "x.json")])
    assert "cannot be read: No such file" in str(done.exception)
