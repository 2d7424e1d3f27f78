"""What ends an evaluation, seen from the doors: only `ExpressionError`, whatever the input."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.unit.expressions.own_time import own_time
from tests.unit.expressions.turn_counter import count_turns

from isthmus.expressions import DIALECT, STANDARD, ExpressionError, Library, Limits, Services, compile
from isthmus.expressions.library import Evaluation, Function
from isthmus.expressions.memory_estimate import MemoryEstimate
from isthmus.expressions.meter import Meter
from isthmus.expressions.suspension import let_others_run, raise_too_long
from isthmus.expressions.values import LazyRange

KEPT: list[Any] = []
HUGE = {"n": 10**400}
DEEP: Any = []
for _ in range(3_000):
    DEEP = [DEEP]


async def never() -> None:
    await asyncio.Event().wait()


WAITING: Library = DIALECT.extend([Function("never", never, is_async=True)], name="waiting")


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("n * n", HUGE),
        ("$sqrt(n)", HUGE),
        ("$formatNumber(n, '0')", HUGE),
        ("$round(1.5, 1/0)", {}),
        ("$string($)", DEEP),
        ("$boolean($)", DEEP),
        ("$flattenDeep($)", DEEP),
        ("$keys($)", DEEP),
        ("$clone($)", DEEP),
    ],
)
def test_numbers_beyond_doubles_and_deep_data_end_in_an_expression_error_or_a_value(
    text: str, data: Any
) -> None:
    for library in (STANDARD, DIALECT):
        with suppress(ExpressionError):
            compile(text, library=library).evaluate(data)
        trace = compile(text).trace(data)
        assert trace.error is None or isinstance(trace.error, ExpressionError)


def test_a_trace_of_endless_recursion_ends_in_its_error() -> None:
    trace = compile("($f := function($n) { 1 + $f($n) }; $f(1))").trace({})
    assert trace.error is not None
    assert trace.error.code == "ISTHMUS_LIMIT"


def test_an_explanation_of_deep_data_is_no_crash() -> None:
    assert isinstance(compile("{'a': $string($)}").explain(DEEP), list)


async def test_awaiting_ends_where_the_awaited_time_does() -> None:
    expression = compile("$never()", library=WAITING)
    with pytest.raises(ExpressionError, match="awaited_seconds") as caught:
        await expression.evaluate_async({}, limits=Limits(awaited_seconds=0.01))
    assert caught.value.code == "ISTHMUS_LIMIT"


async def test_a_time_out_of_the_awaited_function_itself_reaches_the_caller() -> None:
    async def slow() -> None:
        raise TimeoutError("their own")

    library = DIALECT.extend([Function("slow", slow, is_async=True)], name="slow")
    with pytest.raises(TimeoutError, match="their own"):
        await compile("$slow()", library=library).evaluate_async({})


def test_a_bound_coroutine_function_needs_asynchronous_evaluation() -> None:
    async def twice(value: int) -> int:
        return 2 * value

    with pytest.raises(ExpressionError, match="evaluate_async") as caught:
        compile("$twice(2)").evaluate({}, {"twice": twice})
    assert caught.value.code == "ISTHMUS_ASYNC"


async def test_a_bound_coroutine_function_is_awaited() -> None:
    async def twice(value: int) -> int:
        await asyncio.sleep(0)
        return 2 * value

    assert await compile("$twice(2) + 1").evaluate_async({}, {"twice": twice}) == 5


def test_an_error_of_a_bound_function_reaches_the_caller() -> None:
    def wrong() -> None:
        raise ValueError("their own")

    with pytest.raises(ValueError, match="their own"):
        compile("$wrong()").evaluate({}, {"wrong": wrong})


def test_memory_that_others_take_meanwhile_is_not_the_evaluations() -> None:
    def elsewhere() -> int:
        KEPT.append([[n] for n in range(100_000)])
        return 1

    result = compile("$sum([1..10].($elsewhere(); $sum([1..20000])))").evaluate(
        {}, {"elsewhere": elsewhere}, limits=Limits(seconds=60, memory=2**20)
    )
    KEPT.clear()
    assert result == 10 * 200_010_000


def test_what_the_evaluation_holds_counts_and_its_input_does_not() -> None:
    data = {"rows": [{"a": n} for n in range(50_000)]}
    limits = Limits(seconds=60, memory=4 * 2**20)
    assert compile("$count($map(rows, function($r) { $r.a }))").evaluate(data, limits=limits) == 50_000
    with pytest.raises(ExpressionError, match="memory"):
        compile("$map(rows, function($r) { [[$r.a, 1], [$r.a, 2], [$r.a, 3]] })").evaluate(
            data, limits=limits
        )


def test_shared_parts_are_weighed_once() -> None:
    part = list(range(1_000))
    once, often = (MemoryEstimate(lambda: None).measure([held], [], 2**30) for held in ([part], [part] * 100))
    assert often - once < 1_000


class Counted(Evaluation):
    def __init__(self) -> None:
        super().__init__(DIALECT, Limits(seconds=600), Services(), {})
        self.looks = 0

    def check_clock(self) -> None:
        self.looks += 1
        super().check_clock()


@pytest.mark.walk(share=0.3)
@pytest.mark.parametrize(
    "use",
    [
        "$chunk(l, 2)", "$zip(l, l)", "$spread(os)", "$groupBy(os, 'a')", "$keyBy(os, 'a')",
        "$difference(l, l)", "$compact(l)", "$find(l, {'a': 1})", "$lofilter(l, 'a')", "$mapValues(l, {})",
        "$mapValues(o, {})", "$removeEmptyItems(l)", "$removeEmpty(o)", "$jsonToCsv(os)", "$orderBy(l)",
        "$flattenDeep([l])", "$clone(l)", "$clone(o)", "$string(l)", "$string(o)", "$join(l)",
        "$wrap(l, 'x')", "$distinct(l)", "$shuffle(l)", "$each(o, $string)", "$keys(os)",
        "$zipSqlResponse([{'name': 'x'}], rs, 'name')", "$sortNodes(os, 'a')",
        "$dependencyGraph(os, 'b', 'a')", "l^($)", "l{$string($): 1}", "os.a", "os.*", "os@$x.a", "os#$i.a",
        "os.{'b': a}", "-1 in l", "l = m", "$boolean(z)", "[os.[a, a]]", "$lookup(os, 'a')",
        "os ~> |$|{'b': 1}|",
    ],
)  # fmt: skip
def test_the_clock_is_looked_at_on_the_way_through_a_long_list(use: str) -> None:
    """Not only before: what is done in one piece can go over the time, and lets nobody run."""
    size = 30_000
    meter = Counted()
    compile(use, library=DIALECT)._program.main(meter, _many(size), {})
    assert meter.looks > 20


def _many(size: int) -> dict[str, Any]:
    return {
        "l": list(range(size)),
        "m": list(range(size)),
        "z": [0] * size,
        "o": {f"k{n}": n for n in range(size)},
        "os": [{"a": n} for n in range(size)],
        "rs": [[n] for n in range(size)],
    }


class Watched(MemoryEstimate):
    def __init__(self) -> None:
        super().__init__(self.note)
        self.looks = 0

    def note(self) -> None:
        self.looks += 1


@pytest.mark.parametrize(
    "make_data",
    [
        lambda: [{"a": n, "b": [str(n)]} for n in range(100_000)],
        lambda: {f"k{n}": {"a": n} for n in range(100_000)},
        lambda: list(range(1_000_000)),
        lambda: [[n] * 900 for n in range(1_000)],
    ],
    ids=["objects", "members", "numbers", "lists"],
)
def test_weighing_looks_up_from_large_data_and_walks_through_the_input_once(
    make_data: Callable[[], Any],
) -> None:
    data = make_data()
    scale = Watched()
    assert scale.measure([data], [data], 2**30) == 0
    looked = scale.looks
    assert looked >= 10
    assert scale.measure([data, ["x"]], [data], 2**30) < 1_000
    assert scale.looks - looked < 5


def test_a_weighing_that_may_take_no_longer_ends() -> None:
    def over() -> None:
        raise ExpressionError("U1001", "over")

    with pytest.raises(ExpressionError, match="over"):
        MemoryEstimate(over).measure([], [list(range(100_000))], 2**30)


def test_what_was_weighed_before_is_weighed_again_and_again() -> None:
    held = [[str(n)] for n in range(10)]
    scale = MemoryEstimate(lambda: None)
    assert len({scale.measure([held], [], 2**30) for _ in range(600)}) == 1


def test_a_result_is_measured_as_the_text_it_becomes() -> None:
    data = {"t": "a" * 1_000_000}
    with pytest.raises(ExpressionError, match="output_chars"):
        compile("[1..200].{'x': $$.t}").evaluate(data)
    short = {"t": "a" * 10_000}
    assert len(compile("[1..200].{'x': $$.t}").evaluate(short)) == 200  # type: ignore[arg-type]


@pytest.mark.walk(share=0.3)
@pytest.mark.parametrize(
    "text",
    [
        "$count(($ ~> |first|{'inside': $}|).**)",
        "$count(rows.(a & b).$$.rows)",
        "$count(rows@$a.rows@$b)",
        "$count(rows@$a.$$.rows#$b)",
        "$count(rows@$a.($$.rows@$b))",
    ],
)
def test_what_multiplies_ends_at_the_limit_of_items_long_before_it_fills_the_memory(text: str) -> None:
    data = {"first": {"a": 1}, "rows": [{"a": n} for n in range(1_000)]}
    with pytest.raises(ExpressionError, match="items = 200000") as caught, own_time():
        compile(text).evaluate(data, limits=Limits(seconds=5))
    assert caught.value.code == "ISTHMUS_LIMIT"


@pytest.mark.walk(share=0.3)
@pytest.mark.parametrize(
    "text",
    [
        "$count(**)",
        "$count(rows.*)",
        "$count(rows.[a, a])",
        "$count(rows.a#$i.$)",
        "$count(rows.late)",
        "$count(rows.late.$string($))",
        "$count(rows@$r.late)",
    ],
)
def test_a_long_walk_takes_time_in_proportion_to_its_length(text: str) -> None:
    """Counted in looks at the clock: four times the length, about four times as many."""
    looks = []
    for size in (12_000, 48_000):
        meter = Counted()
        program = compile(text)._program
        rows = [{"a": [n], "late": [n] if n * 12 < size * 11 else []} for n in range(size)]
        program.main(meter, {"rows": rows}, {})
        looks.append(meter.looks)
    assert looks[1] < 6 * looks[0]


def test_regular_expressions_share_the_time_of_the_evaluation() -> None:
    slow = "$map([1..1000], function($i) { $contains($$, /^(a|aa)+$/) })"
    with pytest.raises(ExpressionError) as caught:
        compile(slow).evaluate("a" * 24 + "!", limits=Limits(seconds=0.2))
    assert caught.value.code == "ISTHMUS_LIMIT"


def test_a_picture_is_not_longer_than_a_thousand_characters() -> None:
    for call in ("$formatNumber(1, p)", "$formatInteger(1, p)", "$fromMillis(1, p)", "$toMillis('1', p)"):
        with pytest.raises(ExpressionError, match="1000") as caught:
            compile(call).evaluate({"p": "0" * 1_001})
        assert caught.value.code == "ISTHMUS_LIMIT"


async def test_long_work_lets_other_tasks_run() -> None:
    endless = compile("($f := function($n) { $f($n + 1) }; $f(0))")
    async with count_turns() as turns:
        with pytest.raises(ExpressionError, match="seconds"):
            await endless.evaluate_async({}, limits=Limits(seconds=0.5))
        assert turns() > 2


async def test_an_evaluation_that_waits_keeps_no_table_of_what_it_weighed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weighings = 0
    kept: list[object] = []
    weigh = Meter.check_memory

    def noted(meter: Meter) -> None:
        nonlocal weighings
        weighings += 1
        weigh(meter)

    async def wait() -> int:
        gc.collect()
        kept.extend(each for each in gc.get_objects() if isinstance(each, MemoryEstimate))
        return 1

    monkeypatch.setattr(Meter, "check_memory", noted)
    expression = compile("($n := $count(rows.{'a': [id], 'b': id & 'x'}); $wait() + $n)")
    rows = {"rows": [{"id": n} for n in range(100_000)]}
    found = await expression.evaluate_async(rows, {"wait": lambda: wait()}, limits=Limits(seconds=600))
    assert found == 100_001
    assert weighings > 0
    assert kept == []


async def test_a_long_walk_without_functions_lets_other_tasks_run_and_gives_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gave_up = 0

    def noted(evaluation: Meter) -> None:
        nonlocal gave_up
        gave_up += 1
        raise_too_long(evaluation)

    monkeypatch.setattr("isthmus.expressions.meter._TURN_SECONDS", 0.0)
    monkeypatch.setattr("isthmus.expressions.expression.raise_too_long", noted)
    walk = compile("$sum(rows@$a.rows@$b[$b.id = $a.id].$b.id)")
    rows = {"rows": [{"id": n} for n in range(250)]}
    async with count_turns() as turns:
        found = await walk.evaluate_async(rows, limits=Limits(seconds=600))
        assert gave_up == 1
        with pytest.raises(ExpressionError, match="seconds"):
            await compile("rows@$a.rows@$b[$a.id < 0]").evaluate_async(
                {"rows": [{"id": n} for n in range(400)]}, limits=Limits(seconds=0.01)
            )
        assert turns() > 3
    assert found == sum(range(250))


def test_the_functions_of_the_dialect_cost_nothing_to_interrupt() -> None:
    others = {each.name for each in DIALECT.functions.values() if not each.is_repeatable}
    assert others == {"eval", *(each.name for each in DIALECT.functions.values() if each.is_async)}


@pytest.mark.parametrize("is_registered", [False, True])
async def test_a_function_that_was_bound_or_registered_is_called_once_however_long_the_walk(
    monkeypatch: pytest.MonkeyPatch, is_registered: bool
) -> None:
    paused = 0

    def noted(evaluation: Meter) -> None:
        nonlocal paused
        paused += 1
        let_others_run(evaluation)

    monkeypatch.setattr("isthmus.expressions.meter._TURN_SECONDS", 0.0)
    monkeypatch.setattr("isthmus.expressions.expression.let_others_run", noted)
    called = 0

    def once() -> int:
        nonlocal called
        called += 1
        return 0

    text = "$once() + $count(rows@$a.rows@$b[$b.id = $a.id])"
    rows = {"rows": [{"id": n} for n in range(250)]}
    library = DIALECT.extend([Function("once", once)], name="once") if is_registered else DIALECT
    bindings = None if is_registered else {"once": once}
    walk = compile(text, library=library)
    assert await walk.evaluate_async(rows, bindings, limits=Limits(seconds=600)) == 250
    assert called == 1
    assert paused > 3


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("$sum($r)", 50_000_005_000_000),
        ("$average($r)", 5_000_000.5),
        ("[$min($r), $max($r)]", [1, 10_000_000]),
        (
            "[9999999 in $r, 10000001 in $r, 1.5 in $r, '1' in $r, true in $r]",
            [True, False, False, False, False],
        ),
        ("$r = [1..10000000]", True),
        ("$r = [2..10000001]", False),
        ("$r ? 1 : 2", 1),
        ("[$r[-1], $r[0], $count($r)]", [10_000_000, 1, 10_000_000]),
    ],
)
def test_a_great_range_is_looked_at_without_its_numbers(use: str, expected: object) -> None:
    with own_time():
        found = compile(f"($r := [1..10000000]; {use})").evaluate({}, limits=Limits(seconds=0.1))
    assert found == expected


@pytest.mark.parametrize("use", ["$string($r)", "$keys([$r])", "$compact([[$r]])", "{'a': $r}", "$r{'a': $}"])
def test_going_over_a_great_range_is_refused(use: str) -> None:
    with pytest.raises(ExpressionError, match="items = 200000"):
        compile(f"($r := [1..10000000]; {use})").evaluate({})


def test_a_range_is_searched_up_to_the_limit_of_items() -> None:
    numbers = LazyRange(range(1, 4), 3)
    assert 3 in numbers
    assert 4 not in numbers
    with pytest.raises(ExpressionError, match="items = 2"):
        1 in LazyRange(range(1, 4), 2)  # noqa: B015  it is the search that fails
