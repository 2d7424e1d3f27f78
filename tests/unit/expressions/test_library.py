"""Registered functions and host values: how they are called, awaited and shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from isthmus.expressions import STANDARD, UNDEFINED, Expression, ExpressionError, Library, Limits, Services
from isthmus.expressions.library import Callback, Evaluation, Function, HostType


class FixedClock:
    def now(self) -> datetime:
        return datetime(2024, 5, 6, 7, 8, 9, 123_456, UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Point:
    x: int
    y: int


def given(*arguments: Any) -> list[Any]:
    return [None if one is UNDEFINED else one for one in arguments]


def pair(one: Any, other: Any) -> list[Any]:
    return given(one, other)


def twice(function: Callback, value: Any) -> Any:
    return function(function(value))


def arity(function: Callback) -> int:
    return function.arity


def stamp(evaluation: Evaluation) -> str:
    return evaluation.now.isoformat()


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def later_twice(function: Callback, value: Any) -> Any:
    return await function.call_async(await function.call_async(value))


def moved(point: Point, by: Any) -> Point:
    return Point(point.x + by, point.y)


EXTENDED = STANDARD.extend(
    [
        Function("given", given),
        Function("pair", pair),
        Function("checked", pair, "<s-n?:a>"),
        Function("twice", twice),
        Function("arity", arity),
        Function("stamp", stamp, wants_evaluation=True),
        Function("later", later, is_async=True),
        Function("laterTwice", later_twice, is_async=True),
    ],
    [
        HostType(
            Point,
            {"x": lambda point: point.x},
            {"moved": Function("moved", moved)},
            to_result=lambda point: f"{point.x}/{point.y}",
        )
    ],
    name="extended",
)


def evaluate(text: str, data: object = UNDEFINED, **rest: Any) -> object:
    return Expression(text, EXTENDED).evaluate(data, **rest)


def test_missing_arguments_are_undefined_and_surplus_ones_are_dropped() -> None:
    assert evaluate("[$pair(1), $pair(1, 2, 3), $given(1, 2, 3)]") == [1, None, 1, 2, 1, 2, 3]


def test_null_is_an_argument_like_any_other() -> None:
    assert evaluate("$pair(null, missing)", {}) == [None, None]


def test_a_signature_takes_the_context_and_refuses_wrong_types() -> None:
    assert evaluate("name.$checked()", {"name": "a"}) == ["a", None]
    with pytest.raises(ExpressionError) as caught:
        evaluate("$checked(1, 'x')")
    assert caught.value.code == "T0410"
    assert caught.value.token == "checked"
    assert caught.value.position == 9


def test_functions_of_the_expression_arrive_as_callables_with_an_arity() -> None:
    assert evaluate("$twice(function($x) { $x * 3 }, 2)") == 18
    assert evaluate("$twice($uppercase, 'a')") == "A"
    assert evaluate("[$arity(function($a, $b) { 1 }), $arity($substring(?, 1, ?)), $arity(/a/)]") == [2, 2, 2]


def test_an_evaluation_brings_clock_and_settings() -> None:
    assert evaluate("$stamp()", services=Services(clock=FixedClock())) == "2024-05-06T07:08:09.123000+00:00"
    assert evaluate("$now()", services=Services(clock=FixedClock())) == "2024-05-06T07:08:09.123Z"


def test_host_values_show_registered_members_only_and_leave_in_their_form() -> None:
    assert evaluate("p.x", {"p": Point(1, 2)}) == 1
    assert evaluate("p.y", {"p": Point(1, 2)}) is UNDEFINED
    assert evaluate("p.moved(4).x", {"p": Point(1, 2)}) == 5
    assert evaluate("[p.moved(1)]", {"p": Point(1, 2)}) == ["2/2"]
    assert evaluate("$keys(p)", {"p": Point(1, 2)}) is UNDEFINED
    assert evaluate("p.*", {"p": Point(1, 2)}) is UNDEFINED
    assert evaluate("p.__class__", {"p": Point(1, 2)}) is UNDEFINED


async def test_asynchronous_functions_are_awaited_wherever_they_are_called() -> None:
    text = "{'a': $later(1), 'b': $map([1, 2], function($x) { $later($x) + 1 }), 'c': $laterTwice($later, 3)}"
    assert await Expression(text, EXTENDED).evaluate_async() == {"a": 1, "b": [2, 3], "c": 3}


async def test_evaluations_that_await_run_side_by_side() -> None:
    order: list[Any] = []

    async def note(value: Any) -> Any:
        order.append(("start", value))
        await asyncio.sleep(0)
        order.append(("end", value))
        return value

    library = STANDARD.extend([Function("note", note, is_async=True)], name="noting")
    expression = Expression("$note($)", library)
    assert await asyncio.gather(*(expression.evaluate_async(one) for one in (1, 2))) == [1, 2]
    assert [step for step, _ in order] == ["start", "start", "end", "end"]


async def test_an_error_of_an_asynchronous_function_reaches_the_caller() -> None:
    async def failing() -> None:
        raise ValueError("no answer")

    library = STANDARD.extend([Function("failing", failing, is_async=True)], name="failing")
    with pytest.raises(ValueError, match="no answer"):
        await Expression("$failing()", library).evaluate_async()


def test_an_asynchronous_function_in_a_synchronous_evaluation_says_what_to_do() -> None:
    with pytest.raises(ExpressionError, match="evaluate_async") as caught:
        evaluate("$later(1)")
    assert caught.value.code == "ISTHMUS_ASYNC"


def test_bindings_may_replace_functions_of_the_library() -> None:
    expression = Expression("$string(1) & $uppercase('a')", EXTENDED)
    assert expression.evaluate({}) == "1A"
    assert expression.evaluate({}, {"uppercase": lambda text: text * 2}) == "1aa"
    assert expression.evaluate({}) == "1A"


def test_a_function_that_replaces_a_standard_one_is_called_for_what_it_gives() -> None:
    library = STANDARD.extend([Function("not", lambda _: 1)], name="other")
    assert Expression("a[$not($)]", library).evaluate({"a": [5, 6]}) == 6
    assert Expression("a[$not($)]", STANDARD).evaluate({"a": [5, 0]}) == 0


def test_a_library_alone_knows_nothing_else() -> None:
    empty = Library(name="empty")
    with pytest.raises(ExpressionError) as caught:
        Expression("$string(1)", empty).evaluate()
    assert caught.value.code == "T1006"


@pytest.mark.parametrize(
    ("text", "limits", "named"),
    [
        ("$pad('', 100)", Limits(output_chars=50), "pad"),
        ("[1..100]", Limits(items=50), "items"),
        ("$append([1..40], [1..40])", Limits(items=50), "append"),
        ("$string(a)", Limits(data_depth=3), "evaluation|depth|string"),
    ],
)
def test_an_error_of_a_limit_names_the_function_or_the_limit(text: str, limits: Limits, named: str) -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"a": deep}
    with pytest.raises(ExpressionError, match=named) as caught:
        evaluate(text, {"a": deep}, limits=limits)
    assert caught.value.code == "ISTHMUS_LIMIT"


def test_a_copy_is_at_most_twice_as_deep_as_data_may_be() -> None:
    value: Any = 1
    for _ in range(6):
        value = [value]
    limits = Limits(data_depth=3)
    assert evaluate("$clone(a)", {"a": value}, limits=limits) == value
    for deeper in ([value], {"b": value}):
        with pytest.raises(ExpressionError, match="clone went over the limit data_depth"):
            evaluate("$clone(a)", {"a": deeper}, limits=limits)
