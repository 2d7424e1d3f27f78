"""The handlers of jobs by kind, and `Run`, which a handler gets: one run of a job, with its lock on that
job."""

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

__all__ = ["FailureRecorder", "Finder", "Handler", "Handlers", "JobKind", "Run", "Superseded"]


class Superseded(Exception):
    """The job was given to another worker, because this one did not answer for a while. Stop and write
    nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the job that continues thing `key` of kind `what`.

    `failures`: how often in a row the thing failed before this run. The same run may come again if the
    process dies, so what it has written must tell how far it got.
    """

    what: str
    key: str
    failures: int
    database: Database
    job_id: int
    worker_id: int | None
    attempts: int
    priority: int

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction in which no other worker can take over the job. Raises Superseded.

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
        found = await conn.execute(own_job.with_for_update(key_share=True))
        if found.scalar_one_or_none() is None:
            raise Superseded(f"{self.what} {self.key} is continued by another worker")


Handler = Callable[[Run], Awaitable[None]]
FailureRecorder = Callable[[AsyncConnection, Run, Exception], Awaitable[datetime | None]]
Finder = Callable[[AsyncConnection], Awaitable[Iterable[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """How jobs of one kind run, and how their failures are recorded (None: as the engine does it)."""

    handler: Handler
    on_failure: FailureRecorder | None


class Handlers:
    """What runs in the background: handlers of jobs, schedules, and finders of lost jobs. The composition
    root registers them before the worker starts."""

    def __init__(self) -> None:
        self._kinds: dict[str, JobKind] = {}
        self._finders: list[Finder] = []
        self._schedules: dict[str, tuple[str, str]] = {}

    def register(self, what: str, handler: Handler, *, on_failure: FailureRecorder | None = None) -> None:
        """`handler` continues things of kind `what`. It may run again after any step: see `Run`.

        `on_failure(conn, run, error)` writes into the thing's own row in the transaction that defers the
        retry, and returns when that is; None gives up. Without it the engine retries after 2, 4, 8 … seconds,
        at most 5 minutes, without end. Raises ValueError if the kind has a handler already or is no valid
        name.
        """
        if not what or ":" in what:
            raise ValueError(f"{what!r} is no name of a kind: use one without a colon (a lock is kind:key)")
        if what in self._kinds:
            raise ValueError(f"{what} has a handler already")
        self._kinds[what] = JobKind(handler, on_failure)

    def register_scheduled(self, what: str, cron: str, handler: Handler, *, timezone: str = "UTC") -> None:
        """`handler` runs at each firing of the cron expression, in one of the processes. Raises CronError,
        and ValueError as `register`."""
        check_cron(cron, timezone)
        self.register(what, handler)
        self._schedules[what] = (cron, timezone)

    def add_finder(self, finder: Finder) -> None:
        """`finder(conn)` returns the (what, key) of rows that are due. It is called twice a minute, and a
        thing without a job gets one. Keep its result short (`has_no_job` and a LIMIT), and its query on an
        index."""
        self._finders.append(finder)

    def get_kind(self, what: str) -> JobKind | None:
        """None for a kind without a handler in this version."""
        return self._kinds.get(what)

    @property
    def finders(self) -> tuple[Finder, ...]:
        return tuple(self._finders)

    @property
    def schedules(self) -> dict[str, tuple[str, str]]:
        """Kind -> (cron expression, time zone)."""
        return dict(self._schedules)
