"""Awaiting inside synchronous code: one compiled form for synchronous and asynchronous evaluation.

Generated code is plain synchronous Python. `evaluate_async` runs it in a greenlet of its own; where it
reaches an asynchronous function, `await_result` switches to the event loop's side, which awaits the coroutine
and switches back with the result. An expression that never awaits never pays for it.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final, TypeVar

import greenlet

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.meter import Meter, current_evaluation

__all__ = [
    "TooLong",
    "await_result",
    "can_await",
    "let_others_run",
    "pause_policy",
    "raise_too_long",
    "run_async",
    "run_in_turns",
]

T = TypeVar("T")


class _EvaluationGreenlet(greenlet.greenlet):
    """The greenlet in which an evaluation runs; its parent drives the event loop."""


async def run_async(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run synchronous code that may reach `await_result` or `let_others_run`."""
    island = _EvaluationGreenlet(function, greenlet.getcurrent())
    island.gr_context = greenlet.getcurrent().gr_context
    outcome = island.switch(*arguments)
    while not island.dead:
        try:
            result = await outcome
        except BaseException as error:
            outcome = island.throw(error)
        else:
            outcome = island.switch(result)
    return outcome


def await_result(evaluation: Meter, coroutine: Any, name: str) -> Any:
    """Return the result of a coroutine, awaited from inside `run_async`; other values are returned as they
    are.

    Awaited time does not count as work. Outside of `run_async` raises `ExpressionError`, or TooLong in
    `run_in_turns`.
    """
    if not inspect.isawaitable(coroutine):
        return coroutine
    island, before = greenlet.getcurrent(), current_evaluation.meter
    if not isinstance(island, _EvaluationGreenlet):
        if inspect.iscoroutine(coroutine):
            coroutine.close()
        if pause_policy.pause is raise_too_long:
            raise TooLong
        raise ExpressionError(
            "ISTHMUS_ASYNC",
            f"${name} is asynchronous; evaluate the expression with evaluate_async",
            token=name,
        )
    evaluation.memory_estimate = None  # its table is large, and many may wait at once
    started = monotonic()
    parent = island.parent
    assert parent is not None
    try:
        return parent.switch(_await_within_limit(coroutine, evaluation, name))
    finally:
        current_evaluation.meter = before
        evaluation.awaited_seconds += monotonic() - started


async def _await_within_limit(awaitable: Awaitable[Any], evaluation: Meter, name: str) -> Any:
    """Return the awaited result. Raises `ExpressionError` beyond the time that the evaluation may still
    wait."""
    try:
        async with asyncio.timeout(evaluation.limits.awaited_seconds - evaluation.awaited_seconds) as bound:
            return await awaitable
    except TimeoutError:
        if bound.expired():
            raise evaluation.make_limit_error("awaited_seconds", name) from None
        raise


def let_others_run(evaluation: Meter) -> None:
    """Let other tasks of the event loop run, inside `run_async`; the time does not count."""
    island, before = greenlet.getcurrent(), current_evaluation.meter
    if not isinstance(island, _EvaluationGreenlet) or island.parent is None:
        return
    started = monotonic()
    try:
        island.parent.switch(asyncio.sleep(0))
    finally:
        current_evaluation.meter = before
        evaluation.deadline += monotonic() - started


class TooLong(BaseException):
    """An evaluation that was started outside of `run_async` has to let others run.

    Not an error: only the code that started the evaluation catches it.
    """


def raise_too_long(evaluation: Meter) -> None:
    """Raise TooLong; replaces `let_others_run` outside of `run_async`; what the evaluation did so far has
    no effect anywhere."""
    raise TooLong


class _PausePolicy(threading.local):
    """What evaluations of this thread do when they have run for long; `pause` is called with their meter."""

    pause: Callable[[Meter], None] = staticmethod(let_others_run)


pause_policy: Final = _PausePolicy()


async def run_in_turns(function: Callable[..., T], *arguments: Any) -> T:
    """Run synchronous code that evaluates expressions, letting other tasks run where an evaluation takes
    long.

    It is started as it stands, which costs nothing. Where an evaluation is still at work after 50 ms, or
    reaches a function that is asynchronous or heavy, it is given up and started again in a greenlet:
    `function` must do nothing that may not be done twice.
    """
    pause_policy.pause = raise_too_long
    try:
        return function(*arguments)
    except TooLong:
        pass
    finally:
        del pause_policy.pause
    result: T = await run_async(function, *arguments)
    return result


def can_await() -> bool:
    """Return whether this runs inside `run_async`, so that a function may hand heavy work to a thread.

    Raises TooLong in the first attempt of `run_in_turns`.
    """
    if pause_policy.pause is raise_too_long:
        raise TooLong
    return isinstance(greenlet.getcurrent(), _EvaluationGreenlet)
