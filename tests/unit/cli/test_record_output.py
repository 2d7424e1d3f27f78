"""Formats of records: those of programs are held, those of people are only kept in bounds."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable

import pytest
import yaml

from isthmus.cli.record_output import Format, print_records
from isthmus.errors import SetupError

Shown = Callable[..., str]

ROWS = [
    {"id": "1", "name": 'Zoë, "Z"', "tags": ["a", "b"], "n": None},
    {"id": "2", "name": "line\nbreak", "more": {"x": 1}, "n": "007"},
]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Prints as to a terminal of 60 columns, and returns standard output."""
    monkeypatch.setenv("COLUMNS", "60")

    def printed(value: object, output: Format, columns: tuple[str, ...] = ()) -> str:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        print_records(value, output, columns=columns)
        return capsys.readouterr().out

    return printed


def test_json_is_one_document(shown: Shown) -> None:
    assert json.loads(shown(ROWS, "json")) == ROWS
    assert shown({"id": "1"}, "json") == '{\n  "id": "1"\n}\n'
    assert shown([], "json") == "[]\n"


def test_ndjson_is_an_object_a_line(shown: Shown) -> None:
    assert [json.loads(line) for line in shown(ROWS, "ndjson").splitlines()] == ROWS
    assert shown([], "ndjson") == ""


def test_csv_has_each_column_of_any_row_and_nested_values_as_json(shown: Shown) -> None:
    read = list(csv.DictReader(io.StringIO(shown(ROWS, "csv"), newline="")))
    assert list(read[0]) == ["id", "name", "tags", "n", "more"]
    assert [row["name"] for row in read] == ['Zoë, "Z"', "line\nbreak"]
    assert (read[0]["tags"], read[0]["n"], read[1]["more"]) == ('["a", "b"]', "", '{"x": 1}')
    assert shown([], "csv") == ""


def test_yaml_keeps_texts_that_look_like_numbers(shown: Shown) -> None:
    assert yaml.safe_load(shown(ROWS, "yaml")) == ROWS


def test_ids_are_printed_alone_where_there_are_some(shown: Shown) -> None:
    assert shown(ROWS, "id") == "1\n2\n"
    with pytest.raises(SetupError, match="no id"):
        print_records([{"name": "x"}], "id")


def test_a_table_fits_and_cuts_no_id(shown: Shown) -> None:
    rows = [{"name": "n" * 90, "id": "i" * 50, "nested": {}, "x": "y"}]
    lines = shown(rows, "table").splitlines()
    assert lines[1].startswith("i" * 50)
    assert max(map(len, lines)) <= 60
    assert shown([], "table") == "No results found.\n"
    alone = {"id": "1", "token": "t" * 200, "name": "a\nb\x1b"}
    assert [line.split(maxsplit=1) for line in shown(alone, "table").splitlines()] == [
        ["id", "1"],
        ["token", "t" * 200],
        ["name", "a b\ufffd"],
    ]
    named = shown([{"a": {"b": "deep"}, "id": "1"}], "table", ("id", "a.b")).split()
    assert named == ["id", "a.b", "1", "deep"]


@pytest.mark.parametrize(("length", "is_shown"), [(46, True), (47, False)])
def test_a_column_is_shown_where_twelve_characters_of_it_fit(
    shown: Shown, length: int, is_shown: bool
) -> None:
    rows = [{"id": "i" * length, "name": "n" * 32}]
    assert ("name" in shown(rows, "table")) is is_shown


def test_columns_that_do_not_fit_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_records([{"id": "i" * 50, "name": "n" * 20, "size": "s" * 20}], "table")
    printed = capsys.readouterr()
    assert printed.err == "Left out, to fit the terminal: name, size. `-o json` shows everything.\n"
    assert "name" not in printed.out


def test_nothing_is_cut_for_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"id": "i" * 50, "name": "n" * 200, "x": "y"}
    print_records([row], "table")
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split() == list(row.values())
    assert printed.err == ""


@pytest.mark.parametrize(("length", "is_cut"), [(36, False), (37, True)])
def test_the_last_column_is_cut_where_the_line_ends(shown: Shown, length: int, is_cut: bool) -> None:
    rows = [{"id": "i" * 20, "name": "n"}, {"id": "i" * 20, "name": "n" * length}]
    assert ("…" in shown(rows, "table", ("id", "name"))) is is_cut
