"""Turns a cancellation that nobody requested into an ordinary exception, so that a background task survives
it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["UnexpectedCancellation", "convert_unexpected_cancellation"]


class UnexpectedCancellation(Exception):
    """Something that the task awaited was cancelled, but not the task itself."""


@contextmanager
def convert_unexpected_cancellation() -> Iterator[None]:
    """Converts a CancelledError of the block into UnexpectedCancellation, unless the current task itself was
    asked to end (`asyncio.Task.cancelling`): then the CancelledError goes on."""
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise UnexpectedCancellation("cancelled, by nobody's order") from error
