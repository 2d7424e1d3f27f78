"""Sequences of one or none where the reference leaves them; each case was a difference once."""

from __future__ import annotations

import pytest

from isthmus.expressions import STANDARD, UNDEFINED, compile


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$map([1, 2], function($x) { $lookup([], 'a') })", [[], []]),
        ("$map([1, 2], function($x) { $lookup([{'a': $x}], 'a') })", [[1], [2]]),
        ("$map([1, 2], function($x) { $lookup({'a': $x}, 'a') })", [1, 2]),
        ("$map([1, 2], function($x) { $x = 1 ? $keys({'a': 1}) : 3 })", [["a"], 3]),
        ("$map([1, 2], function($x) { ($y := $x; $y = 1 ? $keys({'a': 1}) : $keys({})) })", [["a"], []]),
        ("$map([1, 2], function($x) { $x = 3 ? 1 : $match('ab', /b/).match })", ["b", "b"]),
        ("$map([1, 2], function($x) { $x = 1 ? $string($x) })", "1"),
        ("$each({'a': 1, 'b': 2}, function($x) { $lookup([{}], 'name') })", [[], []]),
        ("$reduce([1, 2], function($x, $y) { $keys({}) })", UNDEFINED),
        ("$filter([1, 2], function($x) { $x = 1 ? $keys({}) : $keys({'a': 0}) })", 2),
        ("[$lookup([], 'a')]", []),
        ("{'a': $lookup([], 'a')}", {}),
    ],
)
def test_what_a_call_at_the_end_of_a_function_gives_is_collapsed_by_who_called_it(
    text: str, expected: object
) -> None:
    assert compile(text, library=STANDARD).evaluate({}) == expected


@pytest.mark.parametrize(
    ("text", "data", "expected"),
    [
        ("((true)[].{'a': id} < 1).a", [], UNDEFINED),
        ("(a).%", [1, {"a": 2}, {"a": [3, 4]}], [{"a": 2}, {"a": [3, 4]}, {"a": [3, 4]}]),
        ("{$type($): $}.number", [1, "a"], 1),
        ("{$type($): $}@$x.$x", [1, "a", 2], {"number": [1, 2], "string": "a"}),
        ("{$type($): $}", [1, "a"], {"array": [1, "a"]}),
    ],
)
def test_a_list_at_the_root_is_a_list_like_any_other_inside_a_step(
    text: str, data: object, expected: object
) -> None:
    assert compile(text, library=STANDARD).evaluate(data) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$substring('abcdef', nothing)", "abcdef"),
        ("$substring('abcdef', nothing, 3)", ""),
        ("$spread([{}, {}])", []),
        ("$spread([])", UNDEFINED),
        ("$fromMillis(-0.5)", "1970-01-01T00:00:00.000Z"),
        ("$fromMillis(-1.5)", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_unusual_arguments_of_standard_functions(text: str, expected: object) -> None:
    assert compile(text, library=STANDARD).evaluate({}) == expected
