"""Registers the handlers of jobs by job name; with `Run`, which a handler gets: one run of a job, with its
lock on that job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database
from isthmus.db.tables import job
from isthmus.kit.cron import check_cron

__all__ = ["FailureRecorder", "Finder", "Handler", "HandlerRegistration", "Handlers", "Run", "Superseded"]


class Superseded(Exception):
    """The job was given to another worker, because this one did not answer for a while. Stop and write
    nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the job `job_name` that continues the thing `key`.

    `failures`: how often in a row the thing failed before this run. `worker_id`, `attempts`: tell this run
    from one after a takeover of the job. The same run may come again if the process dies, so what it has
    written must tell how far it got.
    """

    job_name: str
    key: str
    failures: int
    database: Database
    job_id: int
    worker_id: int | None
    attempts: int
    priority: int

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction in which no other worker can take over the job. Raises Superseded.

        What a run changes, and the job that continues it, belong in such a transaction.
        """
        async with self.database.write() as conn:
            await self.lock_job(conn)
            yield conn

    async def lock_job(self, conn: AsyncConnection) -> None:
        """Locks the job until the transaction ends. Raises Superseded if another worker has it."""
        own_job = select(job.c.id).where(
            job.c.id == self.job_id,
            job.c.status == "doing",
            job.c.worker_id == self.worker_id,
            job.c.attempts == self.attempts,
        )
        result = await conn.execute(own_job.with_for_update(key_share=True))
        if result.scalar_one_or_none() is None:
            raise Superseded(f"{self.job_name} {self.key} is continued by another worker")


Handler = Callable[[Run], Awaitable[None]]
"""Continues the thing of the run."""

FailureRecorder = Callable[[AsyncConnection, Run, Exception], Awaitable[datetime | None]]
"""Records a failure in the transaction that defers the retry. Returns when to retry, None to give up."""

Finder = Callable[[AsyncConnection], Awaitable[Iterable[tuple[str, str]]]]
"""Returns the (job name, key) of things that are due and have no job."""


@dataclass(frozen=True, slots=True)
class HandlerRegistration:
    """What was registered for jobs of one name. `on_failure`: None if failures are recorded as by default."""

    handler: Handler
    on_failure: FailureRecorder | None


class Handlers:
    """What runs in the background: handlers of jobs, schedules, and finders of lost jobs. The composition
    root registers them before the worker starts."""

    def __init__(self) -> None:
        self._registrations: dict[str, HandlerRegistration] = {}
        self._finders: list[Finder] = []
        self._schedules: dict[str, tuple[str, str]] = {}

    def register(self, job_name: str, handler: Handler, *, on_failure: FailureRecorder | None = None) -> None:
        """Registers the handler of the jobs named `job_name`. It may run again after any step: see `Run`.

        `on_failure(conn, run, error)` writes into the thing's own row in the transaction that defers the
        retry, and returns when that is; None gives up. Without it procrastinate retries after 2, 4, 8 …
        seconds, at most 5 minutes, without end. Raises ValueError if the name has a handler already or is not
        valid.
        """
        if not job_name or ":" in job_name:
            raise ValueError(f"{job_name!r} is no name of a job: use one without a colon (a lock is job:key)")
        if job_name in self._registrations:
            raise ValueError(f"{job_name} has a handler already")
        self._registrations[job_name] = HandlerRegistration(handler, on_failure)

    def register_scheduled(
        self, job_name: str, cron: str, handler: Handler, *, timezone: str = "UTC"
    ) -> None:
        """Registers a handler that runs at each firing of the cron expression, in one of the processes.
        Raises CronError, and ValueError as `register`."""
        check_cron(cron, timezone)
        self.register(job_name, handler)
        self._schedules[job_name] = (cron, timezone)

    def add_finder(self, finder: Finder) -> None:
        """Adds a finder of lost jobs: `finder(conn)` returns the (job name, key) of rows that are due. It is
        called twice a minute, and a thing without a job gets one. Keep its result short (`has_no_job` and a
        LIMIT), and its query on an index."""
        self._finders.append(finder)

    def find_registration(self, job_name: str) -> HandlerRegistration | None:
        """Returns the handler of a job name; None if this version has none."""
        return self._registrations.get(job_name)

    @property
    def finders(self) -> tuple[Finder, ...]:
        """All finders, in the order in which they were added."""
        return tuple(self._finders)

    @property
    def schedules(self) -> dict[str, tuple[str, str]]:
        """Job name -> (cron expression, time zone)."""
        return dict(self._schedules)
