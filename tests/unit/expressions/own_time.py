"""Limits of time, kept in the time that this process works: a machine that is busy elsewhere says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time
from unittest.mock import patch

from isthmus.expressions import meter

__all__ = ["own_time"]


@contextmanager
def own_time() -> Iterator[None]:
    """Evaluations inside have as much time of the processor as their limits say."""
    with patch.object(meter, "monotonic", process_time):
        yield
