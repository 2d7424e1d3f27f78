"""A cancellation that nobody ordered is a failure like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["StrayCancellation", "strays_as_failures"]


class StrayCancellation(Exception):
    """What was waited for was cancelled; whoever waited was not."""


@contextmanager
def strays_as_failures() -> Iterator[None]:
    """Inside a task that must not end by it: CancelledError is StrayCancellation, unless the task itself was
    told to end (`asyncio.Task.cancelling`)."""
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise StrayCancellation("cancelled, by nobody's order") from error
