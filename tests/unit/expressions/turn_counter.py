"""How often other tasks have their turn while an expression is evaluated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

__all__ = ["count_turns"]


@asynccontextmanager
async def count_turns() -> AsyncIterator[Callable[[], int]]:
    """Counts in the block how often another task had its turn; yields a function that returns the count."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        yield lambda: turns
    finally:
        task.cancel()
