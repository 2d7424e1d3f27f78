"""Durable background work: the one door to the job engine (`docs/explanation/reliability.md`).

A job means only "continue thing X". It is deferred in the transaction of the change that asks for it, and
carries no state: what a thing is at, how often it failed and when it goes on are in its own rows.
"""

from isthmus.jobs.handlers import Finder, Handlers, Run, Superseded
from isthmus.jobs.peer_processes import Peers
from isthmus.jobs.queue import (
    Standing,
    cancel,
    cancel_all,
    defer,
    defer_missing,
    standing,
    tell_all,
    without_job,
)
from isthmus.jobs.queue_state import QueueState, queue_state
from isthmus.jobs.schedules import Schedule, drop_schedule, drop_schedules, get_schedule, put_schedule
from isthmus.jobs.worker import Worker
from isthmus.jobs.worker_options import Pace
from isthmus.kit.cron import CronError, check_cron, find_next_firing

__all__ = [
    "CronError",
    "Finder",
    "Handlers",
    "Pace",
    "Peers",
    "QueueState",
    "Run",
    "Schedule",
    "Standing",
    "Superseded",
    "Worker",
    "cancel",
    "cancel_all",
    "check_cron",
    "defer",
    "defer_missing",
    "drop_schedule",
    "drop_schedules",
    "find_next_firing",
    "get_schedule",
    "put_schedule",
    "queue_state",
    "standing",
    "tell_all",
    "without_job",
]
