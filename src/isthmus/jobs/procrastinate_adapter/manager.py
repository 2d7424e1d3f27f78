"""Job manager for procrastinate that retries while the database is unavailable.

Only the worker that holds a job may end it. The class is abstract; each database has a subclass.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final, TypeVar

from procrastinate import jobs
from procrastinate.connector import BaseAsyncConnector
from procrastinate.manager import JobManager, NotificationCallback

from isthmus.db.outages import OutageReporter
from isthmus.errors import DatabaseUnavailable

__all__ = ["OutageTolerantJobManager", "WakeEvent", "WorkerPruned"]

T = TypeVar("T")

_log = logging.getLogger("isthmus.jobs")
_MIN_PAUSE_SECONDS: Final = 0.1
_MAX_PAUSE_SECONDS: Final = 2.0


class WorkerPruned(Exception):
    """This worker was taken for dead: it is no longer registered, and its jobs were given to others."""


class WakeEvent(asyncio.Event):
    """The worker's event "there may be a job", which keeps a `set()` that came while the worker was fetching.

    procrastinate clears the event after each fetch, even if a job was added too late for that fetch.
    """

    def __init__(self) -> None:
        super().__init__()
        self._set_count = 0
        self._fetched_count = 0

    def set(self) -> None:
        """Wakes the worker."""
        self._set_count += 1
        super().set()

    def begin_fetch(self) -> None:
        """Call it before each fetch."""
        self._fetched_count = self._set_count

    def clear(self) -> None:
        """Clears the event, unless it was set after the last fetch began."""
        if self._fetched_count == self._set_count:
            super().clear()


class OutageTolerantJobManager(JobManager):
    """The job manager of one worker. The `query_…` methods, which subclasses implement, ask the database once
    and raise DatabaseUnavailable and WorkerPruned; procrastinate's worker calls the others.

    The worker sets these callables: `running()`: the ids of the jobs that the worker runs. `on_pruned()`:
    called when the worker was taken for dead. `on_heartbeat()`: called when a heartbeat was recorded.
    `is_interrupted(id)`: True if the job was cancelled, but not because anybody requested to abort it.
    `is_stopping()`: True once the worker was told to stop.
    """

    def __init__(self, connector: BaseAsyncConnector, outages: OutageReporter) -> None:
        super().__init__(connector)
        self.outages = outages
        self.wake = WakeEvent()
        self.running: Callable[[], Collection[int]] = tuple
        self.on_pruned: Callable[[], None] = lambda: None
        self.on_heartbeat: Callable[[], None] = lambda: None
        self.is_interrupted: Callable[[int], bool] = lambda _: False
        self.is_stopping: Callable[[], bool] = lambda: False
        self.gives_up = False
        """True when outages are not waited out any more."""
        self._answer_was_lost = False
        self._unfinished = set[int]()
        """Ids of jobs that have ended here while the database could not be told."""
        self._is_unregistering = False

    @abstractmethod
    async def query_next_job(self, worker_id: int) -> jobs.Job | None:
        """Marks the next job as `doing` by this worker and returns it; None if there is none."""

    @abstractmethod
    async def query_delete_own_job(self, job: jobs.Job) -> bool:
        """Deletes the job if this worker still holds it. Returns True if it was deleted and a waiting job
        with the same lock may start now."""

    @abstractmethod
    async def query_requeue_own_job(self, job: jobs.Job) -> None:
        """Queues the job again as another attempt, if this worker still holds it. Deletes it instead if
        another job with the same lock waits, or if it was requested to abort."""

    @abstractmethod
    async def query_requeue_all_except(self, worker_id: int, ids: Collection[int]) -> None:
        """Queues jobs again, as `query_requeue_own_job`: all marked as run by `worker_id` whose id is not in
        `ids`."""

    @abstractmethod
    async def query_abort_requests(self) -> Iterable[int]:
        """Returns the ids of running jobs, of any worker, that were requested to abort."""

    @abstractmethod
    async def query_heartbeat(self, worker_id: int) -> bool:
        """Records that the worker is alive. Returns False if it is no longer registered."""

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> jobs.Job | None:
        """Returns the next job, now `doing`; None if there is none, or if the database is unavailable during
        a stop."""
        self.wake.begin_fetch()
        try:
            return await self._retry_during_outage(lambda: self._fetch(worker_id), self.is_stopping)
        except DatabaseUnavailable:
            return None

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:
        """Deletes a job that has ended, or queues it again. One that was interrupted, or whose failure could
        not be written, is queued again. A job that another worker has by now is left alone.

        Never raises. If the database cannot be told, the job is queued again before the next one is fetched.
        """
        try:
            await self._finish(job, status)
        except DatabaseUnavailable as error:
            self.report_outage(error)  # this worker is stopping: others take the job over
        except Exception:
            _log.exception("the end of %s was not written down; it goes back to the queue", job.lock)
            await asyncio.sleep(_MAX_PAUSE_SECONDS)  # no busy loop
            self._unfinished.add(job.id or 0)
            self._answer_was_lost = True
            self.wake.set()

    async def list_jobs_to_abort_async(self, queue: str | None = None) -> Iterable[int]:
        """Returns the ids of running jobs that were requested to abort; empty while the database is
        unavailable."""
        try:
            return await self.query_abort_requests()
        except DatabaseUnavailable as error:
            self.report_outage(error)
            return ()

    async def update_heartbeat(self, worker_id: int) -> None:
        """Sends a heartbeat. Never raises: a worker that cannot send one goes on, and finds out later whether
        it was taken for dead."""
        try:
            alive = await self.query_heartbeat(worker_id)
        except DatabaseUnavailable as error:
            self.report_outage(error)
        except Exception:
            _log.exception("worker %s could not tell that it lives", worker_id)
        else:
            if alive:
                self.on_heartbeat()
            elif not self._is_unregistering:
                self.on_pruned()

    async def unregister_worker(self, worker_id: int) -> None:
        """Queues the jobs of the worker again, then removes its registration."""
        self.gives_up = self._is_unregistering = True
        try:
            await self.query_requeue_all_except(worker_id, ())
            await self.query_delete_worker(worker_id)
        except DatabaseUnavailable as error:
            self.report_outage(error)

    @abstractmethod
    async def query_delete_worker(self, worker_id: int) -> None:
        """Removes the worker's registration."""

    @abstractmethod
    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Receives notifications of new jobs; runs until it is cancelled."""

    def report_outage(self, error: Exception) -> None:
        """Logs that jobs wait for the database."""
        self.outages.report("jobs wait", error)

    async def _finish(self, job: jobs.Job, status: jobs.Status) -> None:
        """Deletes the job if it succeeded or was requested to abort, else queues it again. Raises
        DatabaseUnavailable."""
        was_abort_requested = status is jobs.Status.ABORTED and not self.is_interrupted(job.id or 0)
        if status is jobs.Status.SUCCEEDED or was_abort_requested:
            if await self._retry_during_outage(lambda: self.query_delete_own_job(job)):
                self.wake.set()
        else:
            if status is jobs.Status.FAILED:  # a bug of ours: no busy loop
                await asyncio.sleep(_MAX_PAUSE_SECONDS)
            await self._retry_during_outage(lambda: self.query_requeue_own_job(job))

    async def _fetch(self, worker_id: int) -> jobs.Job | None:
        """Returns the next job, now `doing`, or None, after queueing again what an outage may have left
        behind. Raises DatabaseUnavailable."""
        if self._answer_was_lost:  # it may have been a job
            unfinished = frozenset(self._unfinished)
            await self.query_requeue_all_except(worker_id, set(self.running()) - unfinished)
            self._unfinished -= unfinished
            self._answer_was_lost = bool(self._unfinished)
        try:
            return await self.query_next_job(worker_id)
        except WorkerPruned:
            self.on_pruned()
            return None
        except DatabaseUnavailable:
            self._answer_was_lost = True
            raise

    async def _retry_during_outage(
        self, query: Callable[[], Awaitable[T]], is_hurried: Callable[[], bool] = lambda: False
    ) -> T:
        """Repeats the query until the database answers. Raises DatabaseUnavailable only if `is_hurried()` or
        `gives_up`."""
        pause = _MIN_PAUSE_SECONDS
        while True:
            try:
                return await query()
            except DatabaseUnavailable as error:
                self.report_outage(error)
                if self.gives_up or is_hurried():
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)
