"""Heavy work beside the event loop, where the evaluation can wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from isthmus.expressions.suspension import can_await

__all__ = ["offloaded"]

T = TypeVar("T")


def offloaded(call: Callable[..., T], *arguments: Any, heavy: bool) -> T | Coroutine[Any, Any, T]:
    """The result of `call`, or, if it is heavy and this evaluation may wait, what to await for it.

    `call` runs in a thread then: it must not touch the evaluation.
    """
    return asyncio.to_thread(call, *arguments) if heavy and can_await() else call(*arguments)
