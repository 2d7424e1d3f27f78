"""procrastinate's worker, running our handlers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final

from procrastinate import App
from procrastinate.job_context import AbortReason, JobContext
from procrastinate.worker import Worker
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, current_time
from isthmus.errors import IsthmusError
from isthmus.jobs.database_outages import Outages, is_away
from isthmus.jobs.engine.manager import Manager
from isthmus.jobs.engine.postgresql import PostgresqlManager
from isthmus.jobs.engine.sqlite import SqliteManager
from isthmus.jobs.handlers import Handlers, Kind, Run, Superseded
from isthmus.jobs.queue import ABORT, READY, try_again
from isthmus.jobs.worker_options import Pace
from isthmus.kit.unexpected_cancellation import convert_unexpected_cancellation

__all__ = ["EngineWorker", "engine_worker"]

_log = logging.getLogger("isthmus.jobs")
_LONGEST_BACKOFF: Final = 300.0
_UNKNOWN_KIND_SECONDS: Final = 60.0
_INTERRUPTED_SECONDS: Final = 5.0
_ERROR_CHARACTERS: Final = 500
_TASK: Final = "continue"


class _EveryKind(dict[str, Any]):
    """The engine's table of tasks: one task, which knows the handlers, continues every kind of job."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key) or self[_TASK]


class EngineWorker(Worker):
    """One life of a worker: `run()` ends when it was stopped, or taken for dead."""

    def __init__(
        self, database: Database, handlers: Handlers, manager: Manager, pace: Pace, *, wait: bool = True
    ) -> None:
        app = App(connector=manager.connector)
        app.job_manager = manager
        super().__init__(
            app,
            concurrency=pace.concurrency,
            wait=wait,
            fetch_job_polling_interval=pace.poll_seconds,
            abort_job_polling_interval=pace.poll_seconds,
            shutdown_graceful_timeout=pace.graceful_seconds,
            update_heartbeat_interval=pace.heartbeat_seconds,
            install_signal_handlers=False,
        )
        app.task(name=_TASK, pass_context=True)(self._continue)
        app.tasks = _EveryKind(app.tasks)
        self._database = database
        self._handlers = handlers
        self._new_job_event = manager.wake
        self._graceful = pace.graceful_seconds
        self._quits = False
        self.manager = manager
        manager.running = lambda: {each.job.id or 0 for each in self._running_jobs.values()}
        manager.quits = lambda: self._quits
        manager.on_pruned = self._on_pruned
        manager.interrupted = lambda id: self._job_ids_to_abort.get(id) is not AbortReason.USER_REQUEST
        self._unhear = (
            database.add_announcement_listener(READY, manager.wake.set),
            database.add_announcement_listener(ABORT, self._on_abort),
        )
        self._looks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        for unhear in self._unhear:
            unhear()

    def stop(self) -> None:
        """Fetches no more; what runs may end, for a while, and goes back to the queue after it."""
        super().stop()  # type: ignore[no-untyped-call]  # it has no annotations
        self._quits = True
        asyncio.get_running_loop().call_later(self._graceful, self._give_up)

    async def run(self) -> None:
        """One life: until `stop()`, or until no job is left where it does not wait for more."""
        beating = asyncio.create_task(self._beat_for_ever(), name="jobs: heartbeat")
        try:
            await super().run()  # type: ignore[no-untyped-call]  # it has no annotations
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    async def _beat_for_ever(self) -> None:
        """The engine's own heartbeat ends when a stop begins, while jobs still run."""
        while True:
            await asyncio.sleep(self.update_heartbeat_interval)
            if self.worker_id is not None:
                await self.manager.update_heartbeat(self.worker_id)

    async def _update_heartbeat(self) -> None:
        await asyncio.Event().wait()

    async def _abort_running_jobs(self) -> None:
        """What does not end when it is interrupted is not waited for: it goes back to the queue all the same,
        and is refused what it may still want to write."""
        interrupted = dict(self._running_jobs)
        for task, context in interrupted.items():
            self._abort_job(task, context, AbortReason.SHUTDOWN)
        if interrupted:
            _, hanging = await asyncio.wait(interrupted, timeout=min(self._graceful, _INTERRUPTED_SECONDS))
            for task in hanging:
                _log.error("%s does not end, and is left behind", interrupted[task].job.lock)

    def _give_up(self) -> None:
        self.manager.gives_up = True

    async def _periodic_deferrer(self) -> None:
        """Schedules are ours. It must not end: the engine watches its side tasks until the first one does."""
        await asyncio.Event().wait()

    async def _continue(self, context: JobContext, /, **_: object) -> None:
        job = context.job
        run = Run(
            what=job.task_name,
            key=str(job.task_kwargs.get("key", "")),
            failures=_count(job.task_kwargs.get("failures")),
            database=self._database,
            job_id=job.id or 0,
            worker_id=job.worker_id,
            attempts=job.attempts,
            priority=job.priority,
        )
        kind = self._handlers.kind(run.what)
        try:
            if kind is None:
                await self._wait_for_a_newer_version(run)
            else:
                await self._handle(kind, run)
        except Superseded as error:
            _log.info("%s", error)

    async def _handle(self, kind: Kind, run: Run) -> None:
        try:
            with (
                convert_unexpected_cancellation()
            ):  # one that ended the run would bring it again at once, for ever
                await kind.handler(run)
        except Superseded:
            raise
        except Exception as error:
            # Of our database, which says nothing about the handler; another server's is a failure of its own.
            waits = isinstance(error, SQLAlchemyError) and is_away(error)
            _log.log(
                logging.WARNING if waits else logging.ERROR,
                "%s %s failed (%d before): %s",
                run.what,
                run.key,
                run.failures,
                told(error),
                exc_info=None if waits else error,
            )
            await self._note_failure(kind, run, error)

    async def _note_failure(self, kind: Kind, run: Run, error: Exception) -> None:
        """Attempt and next try are one transaction, which only the holder of the job may make."""
        if kind.on_failure is not None:
            try:
                async with run.write() as conn:
                    next_at = await kind.on_failure(conn, run, error)
                    if next_at is not None:
                        await _try_again(conn, run, next_at, told(error))
                return
            except Superseded:
                raise
            except Exception:
                _log.exception("the failure of %s %s was not recorded", run.what, run.key)
        async with run.write() as conn:
            pause = min(2.0 ** min(run.failures + 1, 30), _LONGEST_BACKOFF)
            await _try_again(conn, run, current_time(conn) + timedelta(seconds=pause), told(error))

    async def _wait_for_a_newer_version(self, run: Run) -> None:
        _log.warning("no handler of this version continues %s %s; it waits for one", run.what, run.key)
        async with run.write() as conn:
            next_at = current_time(conn) + timedelta(seconds=_UNKNOWN_KIND_SECONDS)
            failures = max(1, run.failures)  # waiting for an upgrade makes nobody's back-off longer
            await try_again(
                conn,
                run.what,
                run.key,
                next_at,
                run.priority,
                failures=failures,
                error="no handler knows it",
            )

    def _on_pruned(self) -> None:
        _log.warning("worker %s was taken for dead; it begins anew", self.worker_id)
        for task, context in tuple(self._running_jobs.items()):
            self._abort_job(task, context, AbortReason.SHUTDOWN)
        self.stop()

    def _on_abort(self) -> None:
        look = asyncio.get_running_loop().create_task(self._look_for_aborts())
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def _look_for_aborts(self) -> None:
        try:
            self._handle_abort_jobs_requested(await self.manager.list_jobs_to_abort_async())
        except Exception:
            _log.exception("jobs that are to end were not found; the next look may")


@asynccontextmanager
async def engine_worker(
    database: Database,
    handlers: Handlers,
    pace: Pace,
    *,
    wait: bool = True,
    outages: Outages | None = None,
) -> AsyncIterator[EngineWorker]:
    """A worker whose connections are open; `run()` it. `wait=False`: it ends when no job is left."""
    make = SqliteManager if database.is_sqlite else PostgresqlManager
    manager = make(database, outages or Outages())
    async with manager.opened():
        worker = EngineWorker(database, handlers, manager, pace, wait=wait)
        try:
            yield worker
        finally:
            worker.close()


async def _try_again(conn: AsyncConnection, run: Run, at: datetime, error: str) -> None:
    await try_again(conn, run.what, run.key, at, run.priority, failures=run.failures + 1, error=error)


def told(error: Exception) -> str:
    """What is kept of an error: never the parameters of a statement, which may be secrets."""
    if isinstance(error, SQLAlchemyError):
        return type(getattr(error, "orig", None) or error).__name__
    message = error.message if isinstance(error, IsthmusError) else str(error)
    return f"{type(error).__name__}: {' '.join(message.split())}"[:_ERROR_CHARACTERS]


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
