"""Runs heavy work of functions in a thread, where the evaluation can wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from isthmus.expressions.meter import Meter, current_evaluation
from isthmus.expressions.suspension import can_await

__all__ = ["offload_if_heavy"]

T = TypeVar("T")


def offload_if_heavy(call: Callable[..., T], *arguments: Any, heavy: bool) -> T | Coroutine[Any, Any, T]:
    """Return the result of `call`; if it is heavy and this evaluation can await, a coroutine that gives it.

    `call` then runs in a thread, for as long as an evaluation may run; it must not touch this evaluation.
    """
    meter = current_evaluation.meter
    if not (heavy and can_await()):
        return call(*arguments)
    return asyncio.to_thread(_run_with_meter, None if meter is None else meter.fork(), call, *arguments)


def _run_with_meter(meter: Meter | None, call: Callable[..., T], *arguments: Any) -> T:
    """Run `call` in this thread with its work charged to `meter`."""
    current_evaluation.meter = meter
    try:
        return call(*arguments)
    finally:
        current_evaluation.meter = None
