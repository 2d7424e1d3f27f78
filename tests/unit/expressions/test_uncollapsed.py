"""Sequences of one or none where the reference leaves them; each case was a difference once."""

from __future__ import annotations

import pytest

from isthmus.expressions import STANDARD, UNDEFINED, ExpressionError, compile


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


EMPTY = "$map([1], function($x) { $keys({}) })"
DEEPER = "$map([1], function($x) { $map([2], function($y) { $keys({}) }) })"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EMPTY, []),
        (f"({EMPTY})", UNDEFINED),
        (f"(true ? {EMPTY})", UNDEFINED),
        (f"({EMPTY} ?? 5)", UNDEFINED),
        (f"(({EMPTY}) ?? 5)", 5),
        (f"($x := {EMPTY}; $x)", UNDEFINED),
        (f"($x := {EMPTY}; $exists($x))", False),
        (f"($f := function($x) {{ $exists($x) }}; $f({EMPTY}))", False),
        (f"($f := function($x) {{ {EMPTY} }}; $f(1))", UNDEFINED),
        ("($f := function($x) { $keys({}) }; $map([1], $f))", UNDEFINED),
        (f"{{'a': {EMPTY}, 'b': ({EMPTY})}}", {"a": []}),
        (DEEPER, [[]]),
        (f"({DEEPER})", []),
        (f"(({DEEPER}))", UNDEFINED),
        ("($each({'a': 1}, function($x) { $split('b', '-') }))", ["b"]),
        ("($each({'a': 1}, function($x) { $lookup([{'b': 1}], 'b') }))", 1),
        ("$reduce([1, 2], function($x, $y) { $exists($x) ? $keys({}) : 'none' })", UNDEFINED),
        ("$reduce([1, 2, 3], function($x, $y) { $exists($x) ? $keys({}) : 'none' })", "none"),
        ("$map($map([1, 2], function($x) { $keys({}) }), function($x) { $exists($x) })", [False, False]),
        (f"($x := {DEEPER}; $f := function() {{ $exists($x) }}; ($x); [$f(), $exists($x)])", [True, True]),
    ],
)
def test_each_node_around_collapses_once_more(text: str, expected: object) -> None:
    assert compile(text, library=STANDARD).evaluate({}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[none].b", []),
        ("[none].b[]", [[]]),
        ("[none].b#$i", []),
        ("[none].b#$i{'a': 1}", {"a": 1}),
        ("none.b#$i{'a': 1}", {"a": 1}),
        ("[none][0].b", UNDEFINED),
        ("[a].b", UNDEFINED),
        ("[a]#$i.$i", UNDEFINED),
        ("[a]#$i.$#$j.$j", [0, 0]),
        ("[a]@$x.$x", UNDEFINED),
        ("($i := 5; [a]#$i.$i)", [5, 5]),
        ("[a][0]#$i.$", [1, 2]),
        ("$.([a]#$i)", [1, 2]),
    ],
)
def test_an_array_at_the_start_of_a_path_is_worked_out_once_and_binds_nothing(
    text: str, expected: object
) -> None:
    assert compile(text, library=STANDARD).evaluate({"a": [1, 2]}) == expected


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


@pytest.mark.parametrize("start", ["$f", "$sum", "function($x) { 1 }"])
def test_reducing_does_not_start_with_a_function(start: str) -> None:
    text = f"($f := function() {{ 1 }}; $reduce([1], function($a, $b) {{ $a }}, {start}))"
    with pytest.raises(ExpressionError) as caught:
        compile(text, library=STANDARD).evaluate({})
    assert (caught.value.code, caught.value.token) == ("T0410", "reduce")


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
