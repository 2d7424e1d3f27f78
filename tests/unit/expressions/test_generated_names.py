"""What is read from the input ahead of its use never shares a name with a variable of the expression."""

from __future__ import annotations

import pytest

from isthmus import expressions


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('($a := 1; $b := 2; $c := {"x": 1}; $lowercase(deep.er.name))', "new"),
        ("($a := 1; $b := 2; $c := 3; [name, other, $a, $b, $c])", ["N", "O", 1, 2, 3]),
        ("($f := function($p) { [$p, name, deep.er.name] }; $f(0))", [0, "N", "New"]),
        ("($a := 1; $f := function($p, $q) { $q + $p + number }; $f($a, 2) + number)", 83),
    ],
)
def test_a_variable_keeps_its_value_and_the_input_its_own(text: str, value: object) -> None:
    given = {"name": "N", "other": "O", "number": 40, "deep": {"er": {"name": "New"}}}
    assert expressions.compile(text).evaluate(given) == value
