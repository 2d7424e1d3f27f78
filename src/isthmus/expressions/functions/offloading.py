"""Heavy work beside the event loop, where the evaluation can wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from isthmus.expressions.meter import Meter, current
from isthmus.expressions.suspension import can_await

__all__ = ["offloaded"]

T = TypeVar("T")


def offloaded(call: Callable[..., T], *arguments: Any, heavy: bool) -> T | Coroutine[Any, Any, T]:
    """The result of `call`, or, if it is heavy and this evaluation may wait, what to await for it.

    `call` runs in a thread then, as long as an evaluation may run; it must not touch this one.
    """
    meter = current.meter
    if not (heavy and can_await()):
        return call(*arguments)
    return asyncio.to_thread(_apart, None if meter is None else meter.fork(), call, *arguments)


def _apart(meter: Meter | None, call: Callable[..., T], *arguments: Any) -> T:
    current.meter = meter
    try:
        return call(*arguments)
    finally:
        current.meter = None
