"""Functions of lists, objects, tables, queries, graphs and texts, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.functions.running import check, error

from isthmus.expressions import UNDEFINED

CASES = [
    line.rsplit(" => ", 1)
    for line in (Path(__file__).parent / "function_cases.txt").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[expression for expression, _ in CASES])
def test_functions_give_what_mapping_authors_know(expression: str, expected: str) -> None:
    if expected.startswith("error "):
        assert error(expression).code == expected.removeprefix("error ")
    else:
        check(expression, UNDEFINED if expected == "nothing" else json.loads(expected))
