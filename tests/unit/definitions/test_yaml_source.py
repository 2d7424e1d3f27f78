"""Documents are read as JSON, and every path knows its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.definitions import yaml_source
from isthmus.definitions.yaml_source import Unreadable, parse_document, read_document

TEXT = """\
name: desk
config:
  pagination:
    format: cursor
  resources:
    tickets:
      list: {path: /tickets, response_path: items}
      create:
        path: /tickets
        body: >-
          {
            'a': 1
          }
  fields:
    - name: a
    - {name: b}
"""


def test_each_path_has_the_line_of_its_key() -> None:
    document = parse_document(TEXT)
    assert document.data["config"]["resources"]["tickets"]["list"]["path"] == "/tickets"
    for path, line in {
        "": 1,
        "name": 1,
        "config.pagination.format": 4,
        "config.resources.tickets.list.response_path": 7,
        "config.resources.tickets.create.body": 10,
        "config.fields.0": 15,
        "config.fields.1.name": 16,
    }.items():
        assert document.find_line(path) == line, path


def test_a_path_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    document = parse_document(TEXT)
    assert document.find_line("config.pagination.config.cursor_path") == 3
    assert document.find_line("nope") == 1


def test_a_position_in_a_block_scalar_has_its_line() -> None:
    document = parse_document(TEXT)
    path = "config.resources.tickets.create.body"
    text = "{\n  'a': 1\n}"
    assert document.find_line_of_text(path, text, 0) == 11
    assert document.find_line_of_text(path, text, 5) == 12


def test_json_has_lines_too() -> None:
    document = parse_document('{\n  "a": {\n    "b": [1,\n      2]\n  }\n}', is_json=True)
    assert document.find_line("a.b") == 3
    assert document.find_line("a.b.1") == 4


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("2026-01-02", "2026-01-02"),
        ("12:30", "12:30"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("007", 7),
        ("-3", -3),
        ("1.5e3", 1500.0),
        ("true", True),
        ("null", None),
        ("~", None),
        ("'5'", "5"),
        ("=", "="),
    ],
)
def test_scalars_are_read_as_json_would_have_them(text: str, value: object) -> None:
    found = parse_document(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_always_text() -> None:
    assert parse_document("1: a\ntrue: b\n<<: c").data == {"1": "a", "true": "b", "<<": "c"}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [", 3, "is not YAML"),
        ("a: 1\na: 2", 2, "the key a twice"),
        ("? [a]\n: b", 1, "key that is not text"),
        ("a: !!binary xyz", 1, "JSON does not know"),
        ("", None, "is empty"),
        ("[" * 300 + "]" * 300, 1, "nested too deeply"),
        *(
            pytest.param(opening * 100_000, None, "nested too deeply", id=f"100,000 times {opening}")
            for opening in ("[", "{a: ", "- ", "? ")
        ),
    ],
)
def test_what_cannot_be_read_says_why_and_where(text: str, line: int | None, message: str) -> None:
    with pytest.raises(Unreadable, match=message) as caught:
        parse_document(text)
    assert caught.value.line == line


def test_bad_json_names_its_line() -> None:
    with pytest.raises(Unreadable, match="is not JSON") as caught:
        parse_document('{\n  "a": 1,\n  "b": nothing\n}', is_json=True)
    assert caught.value.line == 3


def test_an_integer_has_at_most_4000_digits() -> None:
    assert parse_document(f"a: {'9' * 4_000}").data == {"a": int("9" * 4_000)}
    with pytest.raises(Unreadable, match="JSON does not know"):
        parse_document(f"a: {'9' * 4_001}")


def test_json_with_an_integer_of_too_many_digits_is_told() -> None:
    with pytest.raises(Unreadable, match="Exceeds the limit"):
        parse_document(f'{{"a": {"9" * 5_000}}}', is_json=True)


@pytest.mark.parametrize(
    ("depth", "line"), [(202, 1), (5_000, 1), (5_001, None)], ids=["read", "composed", "parsed"]
)
def test_a_document_is_refused_before_its_depth_can_do_harm(depth: int, line: int | None) -> None:
    parse_document("[" * 201 + "]" * 201)
    with pytest.raises(Unreadable, match="nested too deeply") as caught:
        parse_document("[" * depth + "]" * depth)
    assert caught.value.line == line


def test_a_document_has_so_many_values_at_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_source, "_MAX_VALUES", 4)
    assert parse_document("[a, b, c]").data == ["a", "b", "c"]
    with pytest.raises(Unreadable, match="too large"):
        parse_document("[a, b, c, d]")


def test_aliases_cannot_multiply_without_end() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    with pytest.raises(Unreadable, match="too large"):
        parse_document(bomb)


def test_files(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file"):
        read_document(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    with pytest.raises(Unreadable, match="UTF-8"):
        read_document(tmp_path / "latin.yaml")
    (tmp_path / "a.json").write_text("a: 1")
    with pytest.raises(Unreadable, match="not JSON"):
        read_document(tmp_path / "a.json")
