"""Synchronous code that evaluates, and others who want their turn."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.expressions.turn_counter import count_turns

from isthmus.expressions import ExpressionError, Limits, compile, run_in_turns

ENDLESS = "($f := function($n) { $f($n + 1) }; $f(0))"


async def test_long_work_lets_others_run_and_ends_at_its_limit() -> None:
    began = 0

    def work() -> object:
        nonlocal began
        began += 1
        return compile(ENDLESS).evaluate({}, limits=Limits(seconds=0.5))

    async with count_turns() as turns:
        with pytest.raises(ExpressionError, match="seconds"):
            await run_in_turns(work)
        assert turns() > 2
    assert began == 2


async def test_short_work_is_done_at_once_and_once() -> None:
    began: list[int] = []

    def work(value: int) -> object:
        began.append(value)
        return compile("n + 1").evaluate({"n": value})

    async with count_turns() as turns:
        assert await run_in_turns(work, 1) == 2
        assert turns() == 0
    assert began == [1]


async def test_asynchronous_functions_are_awaited() -> None:
    async def wait(value: object) -> object:
        await asyncio.sleep(0)
        return value

    def work() -> object:
        return compile("$wait(n) + 1").evaluate({"n": 1}, {"wait": wait})

    assert await run_in_turns(work) == 2
    with pytest.raises(ExpressionError, match="is asynchronous"):
        work()


async def test_what_a_function_raises_passes_through() -> None:
    def work() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await run_in_turns(work)
    assert compile("1 + 1").evaluate({}) == 2
