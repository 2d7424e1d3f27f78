"""Numbers and times by pictures, operators and other standard functions, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.functions.running import check, error

from isthmus.expressions import UNDEFINED

CASES = [
    line.rsplit(" => ", 1)
    for file in ("picture_cases.txt", "standard_cases.txt")
    for line in (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[expression for expression, _ in CASES])
def test_expressions_give_what_the_reference_gives(expression: str, expected: str) -> None:
    if expected.startswith("error "):
        assert error(expression).code == expected.removeprefix("error ")
    else:
        check(expression, UNDEFINED if expected == "nothing" else json.loads(expected))


@pytest.mark.parametrize("function", ["$toMillis(t, '[Y]')", "$parseInteger(t, '0')"])
def test_texts_are_read_up_to_a_length(function: str) -> None:
    check(f"$type({function})", "number", {"t": "0" * 999 + "1"})
    assert error(function, {"t": "0" * 1_000 + "1"}).code == "ISTHMUS_LIMIT"


@pytest.mark.parametrize(
    "use", ["$formatInteger(1, p)", "$fromMillis(0, p)", "$toMillis('1', p)", "$formatNumber(1, p)"]
)
def test_pictures_are_read_up_to_a_length(use: str) -> None:
    assert error(use, {"p": "0" * 1_001}).code == "ISTHMUS_LIMIT"
