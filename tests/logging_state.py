"""Undoes what a command that serves sets up for logging, when it runs in the process of the tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

__all__ = ["restoring_logging"]

_LOGGERS = ("", "isthmus.calls", "isthmus.jobs")


@contextmanager
def restoring_logging() -> Iterator[None]:
    """Restores handlers and levels afterwards: what logs then must not write to streams of the command, which
    are closed, nor log more than it did."""
    with ExitStack() as stack:
        for logger in map(logging.getLogger, _LOGGERS):
            stack.enter_context(patch.object(logger, "handlers", list(logger.handlers)))
            stack.enter_context(patch.object(logger, "propagate", logger.propagate))
            stack.callback(logger.setLevel, logger.level)
        yield
