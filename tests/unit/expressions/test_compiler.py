"""What the compiler writes: safe text, the right closures, and the same value in every shape of input."""

from __future__ import annotations

from collections import Counter

import pytest

from isthmus.expressions import STANDARD, UNDEFINED, Expression, compile
from isthmus.expressions.compiler.namespace import RUNTIME
from isthmus.expressions.runtime import (
    calls,
    field_lookup,
    list_operations,
    operators,
    path_steps,
    results,
    transform,
)


def python_of(text: str) -> str:
    return Expression(text, STANDARD).get_generated_python()


@pytest.mark.parametrize(
    "text",
    [
        "`__import__('os')`.b",
        "'}; import os; {'",
        '"\\u0027\\u0022\\n" & name',
        "$`a b` := 1",
        '{"x\'y": 1}',
        "$lookup(a, '{evil}')",
    ],
)
def test_nothing_of_an_expression_becomes_code(text: str) -> None:
    try:
        source = python_of(text)
    except Exception:  # a text that is no expression writes nothing
        return
    for part in ("import", "evil", "x'y", "}; "):
        assert part not in source.replace("literal_", "")


def test_generated_code_reaches_no_builtins() -> None:
    main = Expression("a", STANDARD)._program.main
    assert sorted(main.__globals__["__builtins__"]) == [
        "bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "str", "type",
    ]  # fmt: skip


def test_names_of_the_runtime_hide_no_other() -> None:
    modules = (calls, field_lookup, list_operations, operators, path_steps, results, transform)
    exported = Counter(name for module in modules for name in module.__all__)
    assert max(exported.values()) == 1
    assert exported.keys() <= RUNTIME.keys()


def test_plain_fields_become_straight_code() -> None:
    source = python_of('{"a": p.x, "b": p.y & "-" & p.x}')
    assert "for " not in source
    assert source.count("c0.get('p', U)") == 1


@pytest.mark.parametrize(
    "call",
    [
        "$map(items, function($i) { $i.id })",
        "items ~> $map(function($i) { $i.id })",
        "$filter(items, function($i) { $i.id })",
        "$reduce(items, function($sum, $i) { $sum + $i.id })",
        "$reduce(items, function($sum, $i) { $sum + $i.id }, 0)",
    ],
)
def test_a_literal_function_that_is_called_for_each_item_becomes_a_loop(call: str) -> None:
    source = python_of(call)
    assert "def " not in source.replace("def main", "")
    assert "Lambda" not in source


@pytest.mark.parametrize(
    ("condition", "counts"),
    [
        ("b", True),
        ("$not(b)[0]", True),
        ("$lowercase(b)", True),
        ("1 + b", True),
        ("$exists(b)", False),
        ("$not(b)", False),
        ("$boolean(b)", False),
        ("$contains(b, 'x')", False),
        ("'text'", False),
        ("b and c", False),
        *((f"b {operator} c", False) for operator in ("=", "!=", "<", "<=", ">", ">=", "in")),
    ],
)
def test_a_filter_that_is_surely_a_condition_is_not_asked_for_an_index(condition: str, counts: bool) -> None:
    assert ("count_selections" in python_of(f"a[{condition}]")) is counts


@pytest.mark.parametrize(
    ("call", "handles"),
    [
        ("$substring(a, 1)", False),
        ("$substringBefore(a, '-')", False),
        ("$substringAfter(a, '-')", False),
        ("$base64encode(a)", False),
        ("$floor(a)", False),
        ("$ceil(a)", False),
        ("$abs(a)", False),
        ("$sqrt(a)", True),
        ("$base64decode(a)", True),
    ],
)
def test_only_a_call_that_can_fail_handles_an_error(call: str, handles: bool) -> None:
    assert ("except ExpressionError" in python_of(call)) is handles


def test_functions_made_in_a_loop_keep_their_own_variables() -> None:
    text = "[1..3].($x := $; function() { $x * 10 }) ~> $map(function($f) { $f() })"
    assert compile(text).evaluate({}) == [10, 20, 30]


def test_functions_made_in_map_keep_their_own_variables() -> None:
    text = "($fs := $map([1..3], function($x) { function() { $x } }); $map($fs, function($f) { $f() }))"
    assert compile(text).evaluate({}) == [1, 2, 3]


def test_a_variable_that_is_read_before_it_is_bound_has_the_outer_value() -> None:
    assert compile("($x := 1; ($y := $x; $x := 2; [$y, $x]))").evaluate({}) == [1, 2]
    assert compile("($f := function() { $later }; $later := 3; $f())").evaluate({}) == 3
    assert compile("$x := ($x := $x + 1)").evaluate({}, {"x": 1}) == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"a": {"b": 1}}, 1),
        ({"a": [{"b": 1}, {"b": 2}]}, [1, 2]),
        ({"a": [{"b": 1}, {"c": 2}]}, 1),
        ({"a": [{"b": [1]}, {"b": [2, 3]}]}, [1, 2, 3]),
        ({"a": {"b": []}}, []),
        ({"a": None}, UNDEFINED),
        ({"a": "text"}, UNDEFINED),
        ([{"a": {"b": 1}}, {"a": {"b": 2}}], [1, 2]),
        ([[{"a": {"b": 1}}]], 1),
        ([], UNDEFINED),
        (None, UNDEFINED),
        (7, UNDEFINED),
    ],
)
def test_a_path_follows_objects_and_lists_alike(data: object, expected: object) -> None:
    assert compile("a.b").evaluate(data) == expected
    assert compile('{"x": a.b}').evaluate(data) == ({} if expected is UNDEFINED else {"x": expected})


LEAVES: list[object] = [None, "text", 7, 1.5, True, [], [[]]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"a": {"b": {"c": 1, "d": 2}}}, {"c": 1, "d": 2}),
        ({"a": {"b": [{"c": 1, "d": 2}, {"c": 3}]}}, {"c": [1, 3], "d": 2}),
        ({"a": [{"b": {"c": 1, "d": 2}}, {"b": [{"c": 3, "d": 4}]}]}, {"c": [1, 3], "d": [2, 4]}),
        *(({"a": {"b": leaf}}, {}) for leaf in LEAVES),
        ({"a": None}, {}),
        ({}, {}),
    ],
)
def test_fields_that_share_a_path_are_read_as_each_by_itself(data: object, expected: object) -> None:
    assert compile('{"c": a.b.c, "d": a.b.d}').evaluate(data) == expected
    inner = compile('($fields := {"c": a.b.c, "d": a.b.d}; $merge([$fields, {}]))')
    assert inner.evaluate(data) == expected


def test_tail_calls_do_not_grow_the_stack() -> None:
    text = "($f := function($n, $sum) { $n = 0 ? $sum : $f($n - 1, $sum + $n) }; $f(20000, 0))"
    assert compile(text).evaluate({}) == 200_010_000


def test_tables_of_constants_are_not_shared_with_the_caller() -> None:
    expression = compile('($t := {"a": 1}; {"t": $t, "list": [$t]})')
    first = expression.evaluate({})
    assert isinstance(first, dict)
    first["t"]["a"] = 2
    assert type(first["list"][0]) is dict
    assert expression.evaluate({}) == {"t": {"a": 1}, "list": [{"a": 1}]}


def test_one_expression_is_evaluated_by_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    expression = compile("$sum(items.n) & name")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(expression.evaluate, [{"items": [{"n": n}], "name": "x"} for n in range(200)]))
    assert found == [f"{n}x" for n in range(200)]
