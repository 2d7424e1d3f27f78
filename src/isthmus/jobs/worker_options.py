"""How often the worker does what."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but for `concurrency`: how many jobs one worker runs at once.

    `stalled_seconds`: a worker that was silent for so long is dead, and its jobs are given to others; shorter
    than 30 in production it would judge workers that only wait for their database. `settle_seconds`: how long
    the database must have answered before anybody is judged. `graceful_seconds`: how long running jobs may go
    on after a stop, before they are interrupted and go back to the queue.
    """

    concurrency: int = 20
    poll_seconds: float = 1.0
    heartbeat_seconds: float = 5.0
    stalled_seconds: float = 30.0
    settle_seconds: float = 15.0
    sweep_seconds: float = 5.0
    reconcile_seconds: float = 30.0
    report_seconds: float = 60.0
    graceful_seconds: float = 20.0
    restart_seconds: float = 1.0
