"""What the engine's worker asks of a database, made safe: fenced, and patient in outages."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final, TypeVar

from procrastinate import jobs
from procrastinate.connector import BaseAsyncConnector
from procrastinate.manager import JobManager, NotificationCallback

from isthmus.jobs.database_outages import Away, Outages

__all__ = ["Away", "Manager", "Pruned", "Wake"]

T = TypeVar("T")

_log = logging.getLogger("isthmus.jobs")
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0


class Pruned(Exception):
    """This worker was taken for dead, and its jobs were given to others."""


class Wake(asyncio.Event):
    """The worker's "there may be a job" event, which does not forget what came while it was looking.

    The engine clears it after each look, also of a job that came too late for the look.
    """

    def __init__(self) -> None:
        super().__init__()
        self._set = 0
        self._seen = 0

    def set(self) -> None:
        self._set += 1
        super().set()

    def look(self) -> None:
        """A look begins now."""
        self._seen = self._set

    def clear(self) -> None:
        if self._seen == self._set:
            super().clear()


class Manager(JobManager):
    """Of one worker, which sets the callables.

    `running()`: ids of the jobs it runs. `on_pruned()`: called when it was taken for dead. `interrupted(id)`:
    whether nobody asked for the job's end. `quits()`: whether the worker was told to stop.
    """

    def __init__(self, connector: BaseAsyncConnector, outages: Outages) -> None:
        super().__init__(connector)
        self.outages = outages
        self.wake = Wake()
        self.running: Callable[[], Collection[int]] = tuple
        self.on_pruned: Callable[[], None] = lambda: None
        self.interrupted: Callable[[int], bool] = lambda _: False
        self.quits: Callable[[], bool] = lambda: False
        self.gives_up = False
        """Set when nothing is to be waited for any more."""
        self._answer_was_lost = False
        self._unfinished = set[int]()
        """Jobs that ended here, which the database has not been told."""
        self._signs_off = False

    # What each database answers; raises Away, Pruned.

    @abstractmethod
    async def take(self, worker_id: int) -> jobs.Job | None:
        """The next job, now `doing`."""

    @abstractmethod
    async def drop(self, job: jobs.Job) -> bool:
        """Removes the job if it is still ours; whether a job of the same thing may wait."""

    @abstractmethod
    async def put_back(self, job: jobs.Job) -> None:
        """Back to the queue with the job, if it is still ours, as another attempt; a waiting twin goes on.
        One whose end was asked for is removed."""

    @abstractmethod
    async def put_back_all_but(self, worker_id: int, ids: Collection[int]) -> None:
        """Gives back what is marked as run by `worker_id` and is not among `ids`."""

    @abstractmethod
    async def asked_to_end(self) -> Iterable[int]:
        """Ids of running jobs, of any worker, whose end was asked for."""

    @abstractmethod
    async def beat(self, worker_id: int) -> bool:
        """Tells that the worker lives; False when it is no longer registered."""

    # What the engine's worker calls.

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> jobs.Job | None:
        self.wake.look()
        try:
            return await self._patiently(lambda: self._fetch(worker_id), self.quits)
        except Away:
            return None  # and this worker is leaving

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:
        """Finished jobs are not kept. One that was interrupted, or whose failure could not be written down,
        goes back to the queue. A job that is no longer ours is left alone.

        Never raises. A job whose end the database did not take is given back before the next one is fetched.
        """
        try:
            await self._finish(job, status)
        except Away as error:
            self.note_trouble(error)  # and this worker is leaving: others take the job over
        except Exception:
            _log.exception("the end of %s was not written down; it goes back to the queue", job.lock)
            await asyncio.sleep(_LONGEST_PAUSE)  # it must not spin
            self._unfinished.add(job.id or 0)
            self._answer_was_lost = True
            self.wake.set()

    async def list_jobs_to_abort_async(self, queue: str | None = None) -> Iterable[int]:
        """Never raises Away: what is not learned now is learned at the next look."""
        try:
            return await self.asked_to_end()
        except Away as error:
            self.note_trouble(error)
            return ()

    async def update_heartbeat(self, worker_id: int) -> None:
        """Never raises: a worker that cannot beat goes on, and learns later whether it was taken for dead."""
        try:
            alive = await self.beat(worker_id)
        except Away as error:
            self.note_trouble(error)
        except Exception:
            _log.exception("worker %s could not tell that it lives", worker_id)
        else:
            if not alive and not self._signs_off:
                self.on_pruned()

    async def unregister_worker(self, worker_id: int) -> None:
        """Gives back what may have been left, then signs off."""
        self.gives_up = self._signs_off = True
        try:
            await self.put_back_all_but(worker_id, ())
            await self.sign_off(worker_id)
        except Away as error:
            self.note_trouble(error)

    @abstractmethod
    async def sign_off(self, worker_id: int) -> None: ...

    @abstractmethod
    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None: ...

    def note_trouble(self, error: Exception) -> None:
        self.outages.note("jobs wait", error)

    async def _finish(self, job: jobs.Job, status: jobs.Status) -> None:
        asked_to_end = status is jobs.Status.ABORTED and not self.interrupted(job.id or 0)
        if status is jobs.Status.SUCCEEDED or asked_to_end:
            if await self._patiently(lambda: self.drop(job)):
                self.wake.set()
        else:
            if status is jobs.Status.FAILED:  # a fault of ours: it must not spin
                await asyncio.sleep(_LONGEST_PAUSE)
            await self._patiently(lambda: self.put_back(job))

    async def _fetch(self, worker_id: int) -> jobs.Job | None:
        if self._answer_was_lost:  # it may have been a job
            unfinished = frozenset(self._unfinished)
            await self.put_back_all_but(worker_id, set(self.running()) - unfinished)
            self._unfinished -= unfinished
            self._answer_was_lost = bool(self._unfinished)
        try:
            return await self.take(worker_id)
        except Pruned:
            self.on_pruned()
            return None
        except Away:
            self._answer_was_lost = True
            raise

    async def _patiently(
        self, ask: Callable[[], Awaitable[T]], hurries: Callable[[], bool] = lambda: False
    ) -> T:
        """Asks until the database answers. Raises Away only in a hurry, or when nothing is waited for."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await ask()
            except Away as error:
                self.note_trouble(error)
                if self.gives_up or hurries():
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
