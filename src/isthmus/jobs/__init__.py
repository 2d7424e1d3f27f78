"""Durable background work: jobs, timers and schedules (`docs/explanation/reliability.md#jobs`). Nothing
outside this room uses the job engine, procrastinate.

A job means only "continue thing X". It is deferred in the transaction of the change that needs it, and
carries no state: how far a thing is, how often it failed and when it goes on are in its own rows.
"""

from isthmus.jobs.handlers import Finder, Handlers, Run, Superseded
from isthmus.jobs.peer_processes import PeerProcesses
from isthmus.jobs.queue import (
    JobKey,
    JobStatus,
    cancel,
    cancel_all,
    defer,
    defer_missing,
    has_no_job,
    notify_all_processes,
    read_job_status,
)
from isthmus.jobs.queue_state import QueueState, read_queue_state
from isthmus.jobs.schedules import Schedule, drop_schedule, drop_schedules, get_schedule, put_schedule
from isthmus.jobs.worker import Worker
from isthmus.jobs.worker_options import WorkerOptions
from isthmus.kit.cron import CronError, check_cron, find_next_firing

__all__ = [
    "CronError",
    "Finder",
    "Handlers",
    "JobKey",
    "JobStatus",
    "PeerProcesses",
    "QueueState",
    "Run",
    "Schedule",
    "Superseded",
    "Worker",
    "WorkerOptions",
    "cancel",
    "cancel_all",
    "check_cron",
    "defer",
    "defer_missing",
    "drop_schedule",
    "drop_schedules",
    "find_next_firing",
    "get_schedule",
    "has_no_job",
    "notify_all_processes",
    "put_schedule",
    "read_job_status",
    "read_queue_state",
]
