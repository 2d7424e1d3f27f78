"""The contract of `isthmus.expressions`, whatever engine stands behind it."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime

import orjson
import pytest

from isthmus.expressions import (
    DIALECT,
    STANDARD,
    UNDEFINED,
    ExpressionError,
    Limits,
    UndefinedType,
    compile,
)


def test_a_path_reads_the_input() -> None:
    assert compile("a.b").evaluate({"a": {"b": 1}}) == 1


def test_bindings_are_variables() -> None:
    assert compile("$x + $y.z").evaluate({}, {"x": 1, "y": {"z": 2}}) == 3


@pytest.mark.parametrize(
    "text",
    [
        "($r := [1..3]; $r)",
        "($r := [1..3]; $r[])",
        "($r := [1..3]; {'a': $r}.a)",
        "($f := function($x) { $x }; $f([1..3]))",
        "$map([1..3], function($x) { $x })",
        "$filter([1..3], function($x) { $x })",
        "$map([7], function($x) { [1..3] })",
        "[1..3][$ > 0]",
        "[1..3].$",
        "[1..9][[0..2]]",
        "$map([1..3], function($x, $i, $all) { $all })[0]",
        "$reduce([[1..3], 1], function($x, $y) { $x })[[0..2]]",
        "([1..3] ?? 1)",
        "(true ? [1..3])",
        "$eval('[1..3]')",
        "$lookup({'a': [1..3]}, 'a')",
    ],
)
def test_ranges_leave_as_lists(text: str) -> None:
    for shown, expected in ((text, [1, 2, 3]), (f"{{'b': {text}}}", {"b": [1, 2, 3]})):
        assert orjson.loads(orjson.dumps(compile(shown).evaluate({}))) == expected


def test_dates_leave_as_text_where_they_came_as_bindings() -> None:
    moment = datetime(2024, 1, 2, tzinfo=UTC)
    result = compile('{"at": $at, "all": $all}').evaluate({}, {"at": moment, "all": [{"at": moment}]})
    assert result == {"at": "2024-01-02T00:00:00.000Z", "all": [{"at": "2024-01-02T00:00:00.000Z"}]}


def test_parts_of_the_input_are_handed_on_as_they_are() -> None:
    moment = datetime(2024, 1, 2, tzinfo=UTC)
    given = {"a": [{"at": moment}]}
    result = compile('{"a": a, "text": a.at.toISOString()}').evaluate(given)
    assert isinstance(result, dict)
    assert result["a"] is given["a"]
    assert result["text"] == "2024-01-02T00:00:00.000Z"


def test_missing_is_undefined_and_null_is_none() -> None:
    assert compile("a").evaluate({}) is UNDEFINED
    assert compile("a").evaluate({"a": None}) is None
    assert compile("null").evaluate() is None


def test_null_input_is_not_missing_input() -> None:
    assert compile("$exists($)").evaluate(None) is True
    assert compile("$exists($)").evaluate() is False


def test_undefined_is_one_falsy_value_that_survives_copying() -> None:
    assert isinstance(UNDEFINED, UndefinedType)
    assert not UNDEFINED
    assert copy.deepcopy(UNDEFINED) is UNDEFINED
    assert pickle.loads(pickle.dumps(UNDEFINED)) is UNDEFINED


def test_undefined_values_leave_no_keys_and_null_stays() -> None:
    assert compile('{"a": a, "b": b}').evaluate({"b": None}) == {"b": None}


def test_results_are_plain_python_values() -> None:
    result = compile('{"all": items.id, "count": $count(items), "mean": 7 / 2, "whole": 6 / 2}').evaluate(
        {"items": [{"id": 1}, {"id": 2}]}
    )
    assert result == {"all": [1, 2], "count": 2, "mean": 3.5, "whole": 3}
    assert isinstance(result, dict)
    assert type(result["all"]) is list
    assert type(result["whole"]) is int


def test_the_input_is_left_alone() -> None:
    given = {"a": [{"b": 1}]}
    compile("$ ~> |a|{'b': 2}|").evaluate(given)
    assert given == {"a": [{"b": 1}]}


def test_a_syntax_error_has_code_and_position() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile("a + ")
    assert caught.value.code == "S0207"
    assert caught.value.position == 4


def test_an_evaluation_error_has_code_and_position() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile('1 + "x"').evaluate()
    assert caught.value.code == "T2002"
    assert caught.value.position == 3


def test_an_error_shows_the_line_with_a_caret() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile('{\n  "a": 1 + "x"\n}').evaluate()
    assert str(caught.value).splitlines()[1:] == ['2 |   "a": 1 + "x"', "             ^"]


def test_endless_work_ends_at_the_time_limit() -> None:
    endless = compile("($f := function($n) { $f($n + 1) }; $f(0))")
    with pytest.raises(ExpressionError) as caught:
        endless.evaluate({}, limits=Limits(seconds=0.2))
    assert caught.value.code == "ISTHMUS_LIMIT"


def test_endless_recursion_ends_at_the_depth_limit() -> None:
    endless = compile("($f := function($n) { 1 + $f($n + 1) }; $f(0))")
    with pytest.raises(ExpressionError) as caught:
        endless.evaluate({}, limits=Limits(depth=100))
    assert caught.value.code == "ISTHMUS_LIMIT"


def test_the_standard_library_reports_time_and_depth_with_the_standard_code() -> None:
    endless = compile("($f := function($n) { 1 + $f($n + 1) }; $f(0))", library=STANDARD)
    with pytest.raises(ExpressionError) as caught:
        endless.evaluate({}, limits=Limits(depth=100))
    assert caught.value.code == "U1001"


def test_a_text_over_the_source_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile("(" * 300_000)
    assert caught.value.code == "ISTHMUS_LIMIT"


def test_the_same_text_compiles_once_for_each_library() -> None:
    assert compile("a.b.c") is compile("a.b.c")
    assert compile("a.b.c", library=STANDARD) is not compile("a.b.c", library=DIALECT)
    assert compile("a.b.c").text == "a.b.c"


async def test_evaluate_async_gives_the_same_value() -> None:
    assert await compile("a.b").evaluate_async({"a": {"b": 1}}) == 1
    assert await compile("$x").evaluate_async({}, {"x": None}) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.b", {"a"}),
        ('{"x": raw.id, "y": $string(query.limit)}', {"raw", "query"}),
        ("items.(name & `other key`)", {"items"}),
        ("$map(rows, function($row) { $row.id })", {"rows"}),
        ("rows[kind = 'x'].id", {"rows"}),
        ("$exists($x) ? c : 1", {"c"}),
        ("$.a.b & $$.c.d", {"a", "c"}),
        ("rows.($.a) & rows.($$.b)", {"rows", "b"}),
        ("rows[$.a and $$.b].c", {"rows", "b"}),
        ("($x := rows; $x.a)", {"rows"}),
        ("$[0].a & $.(b)", set()),
        ("$#$i", set()),
        ("rows{kind: $$.b}", {"rows", "b"}),
    ],
)
def test_names_are_the_names_read_from_the_root(text: str, names: set[str]) -> None:
    assert compile(text).names >= names


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("response.body.items", ("response", "body"), True),
        ("$count(response.body) > 0", ("response", "body"), True),
        ("response.headers", ("response", "body"), False),
        ("(a; response.body[0].id)", ("response", "body"), True),
        ("other.response.body", ("response", "body"), False),
        ('"response.body"', ("response", "body"), False),
    ],
)
def test_reads_path_finds_paths_that_start_with_the_names(
    text: str, path: tuple[str, ...], *, expected: bool
) -> None:
    assert compile(text).reads_path(*path) is expected
