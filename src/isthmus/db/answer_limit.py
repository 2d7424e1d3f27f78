"""Limits how long PostgreSQL may take for one answer, where somebody waits for it: in requests."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

__all__ = ["ANSWER_LIMIT", "CALLER_WAITS"]

CALLER_WAITS: Final = 10.0
"""Seconds of the limit where a caller waits. A server that is alive answers our statements within
milliseconds, and when a lock was not free in time (`engines.LOCK_SECONDS`)."""

ANSWER_LIMIT: ContextVar[float | None] = ContextVar("isthmus_db_answer_limit", default=None)
"""Seconds that the server may take for one answer in this context; None for any time. Work in the background
has no limit: its statements may touch many rows, and a connection that is dead ends by its keepalives."""
