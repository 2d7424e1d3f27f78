"""`isthmus expr`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isthmus.cli.main import app

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
