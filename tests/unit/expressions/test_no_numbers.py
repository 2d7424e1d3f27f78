"""What the reference makes of results that are no numbers, and of functions in place that give nothing."""

from __future__ import annotations

import math

import pytest

from isthmus import expressions
from isthmus.expressions.values import UNDEFINED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('$clone({"a": 3 % 0, "b": [3 % 0, 1]})', {"a": None, "b": [None, 1]}),
        ("$sort([1..3], function($a, $b) { 1 % 0 })", [1, 2, 3]),
        ("$round(3, 2.0)", 3),
        ("$round(2.345, $number('2'))", 2.34),
    ],
)
def test_no_number_is_null_in_a_copy_and_no_reason_to_swap(text: str, expected: object) -> None:
    assert expressions.compile(text).evaluate({}) == expected


@pytest.mark.parametrize("text", ["$round(3, 2.5)", "3 ~> $round(-0.5)"])
def test_a_broken_number_of_places_rounds_to_no_number(text: str) -> None:
    found = expressions.compile(text).evaluate({})
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    "text",
    [
        "$map([1, 2], function($a) { $map(nope, function($x) { 1 }) })",
        "$map([1, 2], function($a) { true ? $map(nope, function($x) { 1 }) : 3 })",
        "rows.$map(nope, function($x) { 1 })",
        "$each({'a': 1}, function($a) { $map(nope, function($x) { 1 }) })",
    ],
)
def test_going_over_what_is_missing_gives_nothing_to_the_function_around(text: str) -> None:
    assert expressions.compile(text).evaluate({"rows": [1, 2]}) is UNDEFINED
