"""What an expression may become: code in proportion to its text, bounded patterns, bounded caches."""

from __future__ import annotations

import inspect
import sys

import pytest

from isthmus.expressions import LIMIT, STANDARD, UNDEFINED, Expression, ExpressionError, compile
from isthmus.expressions.compiler.program import Program, compile_tree
from isthmus.expressions.limits import MAX_SOURCE_BYTES
from isthmus.expressions.runtime.regex import Pattern
from isthmus.expressions.sized_cache import SizedCache
from isthmus.expressions.syntax import parse


def nested(levels: int) -> str:
    return "a[b[" * levels + "1" + "]]" * levels


def test_code_grows_in_proportion_to_nested_predicates() -> None:
    sizes = [len(Expression(nested(levels), STANDARD).get_generated_python()) for levels in (4, 8, 16)]
    assert sizes[1] < 3 * sizes[0]
    assert sizes[2] < 3 * sizes[1]


def test_a_predicate_without_others_is_written_in_place() -> None:
    assert "def b" not in Expression("items[flags].name", STANDARD).get_generated_python()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a[b[c[d]]].n", 2),
        ("a[b[c]].n", [1, 2]),
        ("a[b[c[d]]][0].n", 2),
        ("a[b[c[d = $$.one]]].n", 2),
        ("($x := 'd'; a[b[c[$lookup($, $x)]]].n)", 2),
        ("a[b[c[$count($$.a[b[c]]) - 1]]].n", UNDEFINED),
        ("a.b[c[d]].m", 5),
    ],
)
def test_nested_predicates_see_what_they_should(text: str, expected: object) -> None:
    first = {"n": 1, "b": {"c": {"e": 1}}}
    second = {"n": 2, "b": [{"c": [{"d": "x"}], "m": 5}]}
    assert compile(text, library=STANDARD).evaluate({"one": "x", "a": [first, second, {"n": 3}]}) == expected


def test_an_expression_that_becomes_too_much_code_is_refused_by_name_of_the_limit() -> None:
    with pytest.raises(ExpressionError, match="more than 750000 characters of code") as caught:
        Expression("[" + ",".join(["a[b]"] * 3_300) + "]", STANDARD)
    assert caught.value.code == LIMIT


@pytest.mark.parametrize(
    ("fitting", "too_large", "message"),
    [
        ("(" * 99 + "1" + ")" * 99, "(" * 100 + "1" + ")" * 100, "nested deeper than 100 levels"),
        ("1" + "+1" * 100, "1" + "+1" * 101, "More than 100 operators follow each other"),
        (".".join("a" * 401), ".".join("a" * 402), "more than 400 steps"),
        (f"[{','.join('1' * 9_999)}]", f"[{','.join('1' * 10_000)}]", "more than 10000 operands"),
        ("1".ljust(MAX_SOURCE_BYTES), "1".ljust(MAX_SOURCE_BYTES + 1), "longer than"),
        ("'ü'".ljust(MAX_SOURCE_BYTES - 1), "'ü'".ljust(MAX_SOURCE_BYTES), "longer than"),
    ],
    ids=["levels", "operators", "steps", "operands", "characters", "bytes"],
)
def test_the_text_of_an_expression_is_taken_up_to_a_size(fitting: str, too_large: str, message: str) -> None:
    Expression(fitting, STANDARD)
    with pytest.raises(ExpressionError, match=message) as caught:
        Expression(too_large, STANDARD)
    assert caught.value.code == LIMIT


@pytest.mark.parametrize("operator", ["&", " and ", " or "])
def test_operators_that_do_not_nest_may_follow_each_other(operator: str) -> None:
    Expression(operator.join("1" * 200), STANDARD)


def test_loops_nested_deeper_than_python_takes_are_refused() -> None:
    with pytest.raises(ExpressionError, match="nested too deeply") as caught:
        Expression("$map(a, function($x) { " * 33 + "1" + " })" * 33, STANDARD)
    assert caught.value.code == LIMIT


def test_an_expression_for_which_no_stack_is_left_is_nested_too_deeply() -> None:
    tree = parse("[" * 60 + "1" + "]" * 60)

    def descend(levels: int) -> Program:
        return descend(levels - 1) if levels else compile_tree(tree, STANDARD)

    with pytest.raises(ExpressionError, match="nested too deeply") as caught:
        descend(sys.getrecursionlimit() - len(inspect.stack()) - 100)
    assert caught.value.code == LIMIT


def test_the_first_of_several_equal_keys_is_named() -> None:
    with pytest.raises(ExpressionError, match='"b"') as caught:
        compile('{"a": 1, "b": 2, "c": 3, "b": 4, "a": 5}', library=STANDARD).evaluate({})
    assert caught.value.code == "D1009"


@pytest.mark.parametrize(
    "pattern",
    ["(?:(?:(?:a?){900}){900}){900}", "a{20000}", "(a{100}){101}", "a{9999}a{9999}", "(?:[ab]{2,}){6000}"],
)
def test_repeats_that_write_out_too_much_are_refused(pattern: str) -> None:
    with pytest.raises(ExpressionError, match="more than 10000 items") as caught:
        Pattern(pattern, "")
    assert caught.value.code == LIMIT


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^.{0,65535}$", "abc"),
        ("^a{9000}$", "a" * 9_000),
        ("^(?:[0-9]{1,3}\\.){3}[0-9]{1,3}$", "10.1.2.3"),
        ("^[{2}]{3}$", "{2}"),
        ("^a{,3}$", "a{,3}"),
        ("^x{2}}$", "xx}"),
    ],
)
def test_other_repeats_mean_what_they_mean(pattern: str, text: str) -> None:
    assert Pattern(pattern, "").compiled.search(text) is not None


def test_a_cache_keeps_what_was_used_last_within_its_size() -> None:
    cache: SizedCache[str, str] = SizedCache(entries=10, size=100)

    def get(key: str, size: int) -> str:
        return cache.get_or_make(key, lambda: key * size, len)

    first = get("a", 40)
    get("b", 40)
    assert get("a", 40) is first
    get("c", 40)
    assert cache.total_size == 80
    assert get("a", 40) is first
    assert len(cache) == 2


def test_a_cache_keeps_no_value_larger_than_itself_and_no_more_entries_than_it_may() -> None:
    cache: SizedCache[str, str] = SizedCache(entries=3, size=100)
    for key in "abcdef":
        cache.get_or_make(key, lambda key=key: key, len)  # type: ignore[misc]  # bound now
    cache.get_or_make("g", lambda: "g" * 101, len)
    assert (len(cache), cache.total_size) == (3, 3)


def test_a_value_that_cannot_be_made_is_not_kept() -> None:
    cache: SizedCache[str, int] = SizedCache(entries=3, size=100)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache.get_or_make("a", lambda: 1 // 0, lambda _: 1)
    assert len(cache) == 0


def test_programs_for_lists_and_for_other_functions_are_bounded_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache: SizedCache[object, object] = SizedCache(entries=2, size=1_000_000)
    monkeypatch.setattr("isthmus.expressions.expression._PROGRAM_VARIANTS", cache)
    expressions = [Expression(f"$sum(a) + $max(a) + {number}", STANDARD) for number in range(3)]
    for expression in expressions * 2:
        assert expression.evaluate([{"a": [1, 2]}]) == 3 + 2 + expressions.index(expression)
        assert expression.evaluate({"a": 1}, {"sum": lambda _: 0}) == 1 + expressions.index(expression)
    assert len(cache) == 2


def test_compiled_expressions_and_patterns_are_kept_by_text() -> None:
    assert compile("a.b & 'kept'") is compile("a.b & 'kept'")
    assert Pattern.from_source("kept[0-9]", "i") is Pattern.from_source("kept[0-9]", "i")
    assert Pattern.from_source("kept[0-9]", "i") is not Pattern.from_source("kept[0-9]", "")
