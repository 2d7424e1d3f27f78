"""An integration is data: the source names no product."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.workshop.product_names import allowed_words, product_names, trespasses

ROOT = Path(__file__).parents[3]


def test_the_source_names_no_product_of_the_catalogue() -> None:
    names = product_names(ROOT / "catalog") - allowed_words(ROOT / "wire_words.txt")
    assert list(trespasses(ROOT / "src", names)) == []


def test_each_wire_word_names_a_product_and_has_its_reason() -> None:
    entries = [
        line
        for line in (ROOT / "wire_words.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert [line for line in entries if not line.partition("#")[2].strip()] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("if integration == 'brightfold':", ["planted.py:1: brightfold"]),
        ("class BrightFoldClient: ...", ["planted.py:1: BrightFold"]),
        ("host = 'api.oak.example'  # the oak API", ["planted.py:1: oak", "planted.py:1: oak"]),
        ("it was soaked", []),
        ("x = 'tall-tree'", ["planted.py:1: tall-tree"]),
        ("def tall_tree(): ...", ["planted.py:1: tall_tree"]),
        ("x = 1", []),
    ],
)
def test_a_planted_name_is_found(tmp_path: Path, text: str, found: list[str]) -> None:
    (tmp_path / "planted.py").write_text(text + "\n")
    assert list(trespasses(tmp_path, {"brightfold", "oak", "tall-tree"})) == found


def test_names_come_from_the_folders_and_leave_out_the_listed_words(tmp_path: Path) -> None:
    for name in ("oak", "brightfold"):
        (tmp_path / "integrations" / name).mkdir(parents=True)
    (tmp_path / "words").write_text("# a comment\n\nOak  # a tree\n")
    assert product_names(tmp_path) - allowed_words(tmp_path / "words") == {"brightfold"}
