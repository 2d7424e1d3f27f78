"""What continues a thing: handlers by kind, and the hold that a run has on what it continues."""

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

__all__ = ["FailureRecorder", "Finder", "Handler", "Handlers", "Kind", "Run", "Superseded"]


class Superseded(Exception):
    """The job was given to somebody else, while this process was paused or away: stop, and write nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job. `failures`: how often in a row the thing failed before this run.

    It may come again whenever the process dies: what it wrote must tell how far it got.
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
        """One transaction that holds the job: nobody takes it over before the commit. Raises Superseded.

        What a run changes, and the job that continues it, belong in one of these.
        """
        async with self.database.write() as conn:
            await self.hold(conn)
            yield conn

    async def hold(self, conn: AsyncConnection) -> None:
        """Raises Superseded unless the job is still this run's; until the commit it stays so."""
        mine = select(job.c.id).where(
            job.c.id == self.job_id,
            job.c.status == "doing",
            job.c.worker_id == self.worker_id,
            job.c.attempts == self.attempts,
        )
        found = await conn.execute(mine.with_for_update(key_share=True))
        if found.scalar_one_or_none() is None:
            raise Superseded(f"{self.what} {self.key} is continued by another worker")


Handler = Callable[[Run], Awaitable[None]]
FailureRecorder = Callable[[AsyncConnection, Run, Exception], Awaitable[datetime | None]]
Finder = Callable[[AsyncConnection], Awaitable[Iterable[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class Kind:
    handler: Handler
    on_failure: FailureRecorder | None


class Handlers:
    """Filled by the composition root, before the worker starts."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._finders: list[Finder] = []
        self._schedules: dict[str, tuple[str, str]] = {}

    def on(self, what: str, handler: Handler, *, on_failure: FailureRecorder | None = None) -> None:
        """`handler` continues things of this kind. It may run again after any step: see `Run`.

        `on_failure(conn, run, error)` writes attempts and next time into the thing's own row, in the
        transaction that defers its next try, and says when that is; None gives up. Without it the engine
        counts: 2, 4, 8 … seconds, at most 5 minutes, for ever. Raises ValueError.
        """
        if not what or ":" in what:
            raise ValueError(f"{what!r} is no name of a kind: use one without a colon (a lock is kind:key)")
        if what in self._kinds:
            raise ValueError(f"{what} has a handler already")
        self._kinds[what] = Kind(handler, on_failure)

    def every(self, what: str, cron: str, handler: Handler, *, timezone: str = "UTC") -> None:
        """A job of the program's own that comes back: once for all processes. Raises CronError."""
        check_cron(cron, timezone)
        self.on(what, handler)
        self._schedules[what] = (cron, timezone)

    def reconcile(self, finder: Finder) -> None:
        """`finder(conn)` names (what, key) of rows that are due. Asked twice a minute; those without a job
        get one. Keep its result short (a LIMIT, among those `without_job`), and its query on an index."""
        self._finders.append(finder)

    def kind(self, what: str) -> Kind | None:
        return self._kinds.get(what)

    @property
    def finders(self) -> tuple[Finder, ...]:
        return tuple(self._finders)

    @property
    def schedules(self) -> dict[str, tuple[str, str]]:
        """what: (cron, time zone)."""
        return dict(self._schedules)
