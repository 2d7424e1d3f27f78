"""The options of a worker: how many jobs it runs, and how often it does which task."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WorkerOptions"]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The options of a worker, all in seconds but `concurrency`: how many jobs it runs at the same time.

    `poll_seconds`: between looks for jobs and due timers. `heartbeat_seconds`, `requeue_seconds`,
    `reconcile_seconds`, `report_seconds`: between heartbeats, takeovers from dead workers, searches for lost
    jobs, and log lines. `restart_seconds`: before a worker that ended by an error is started again.
    `stalled_seconds`: a worker without a heartbeat for so long is dead, and others get its jobs; below 30 in
    production, workers that only wait for their database would count as dead. `stable_seconds`: how long a
    worker's own heartbeats must have arrived before it takes any other for dead. `graceful_seconds`: how long
    running jobs may go on after a stop, before they are cancelled and go back to the queue.
    """

    concurrency: int = 20
    poll_seconds: float = 1.0
    heartbeat_seconds: float = 5.0
    stalled_seconds: float = 30.0
    stable_seconds: float = 15.0
    requeue_seconds: float = 5.0
    reconcile_seconds: float = 30.0
    report_seconds: float = 60.0
    graceful_seconds: float = 20.0
    restart_seconds: float = 1.0
