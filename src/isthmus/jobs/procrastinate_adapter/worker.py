"""procrastinate's worker, changed to run our handlers and to survive outages."""

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
from isthmus.db.outages import find_outage
from isthmus.errors import IsthmusError
from isthmus.jobs.handlers import HandlerRegistration, Handlers, Run, Superseded
from isthmus.jobs.procrastinate_adapter.manager import OutageTolerantJobManager
from isthmus.jobs.procrastinate_adapter.postgresql import PostgresqlJobManager
from isthmus.jobs.procrastinate_adapter.sqlite import SqliteJobManager
from isthmus.jobs.queue import ABORT_REQUESTED, JOBS_READY, defer_retry
from isthmus.jobs.worker_options import WorkerOptions
from isthmus.kit.unexpected_cancellation import convert_unexpected_cancellation

__all__ = ["ProcrastinateWorker", "open_procrastinate_worker"]

_log = logging.getLogger("isthmus.jobs")
_MAX_BACKOFF_SECONDS: Final = 300.0
_NO_HANDLER_SECONDS: Final = 60.0
_MAX_CANCEL_SECONDS: Final = 5.0
_MAX_ERROR_CHARACTERS: Final = 500
_TASK: Final = "continue"


class _SingleTaskTable(dict[str, Any]):
    """procrastinate's table of tasks by job name. The same task runs all jobs, and finds the handler."""

    def get(self, key: str, default: Any = None) -> Any:
        """Returns the one task for any job name."""
        return super().get(key) or self[_TASK]


class ProcrastinateWorker(Worker):
    """One run of a worker: `run()` ends when it was stopped, or counted as dead."""

    def __init__(
        self,
        database: Database,
        handlers: Handlers,
        manager: OutageTolerantJobManager,
        options: WorkerOptions,
        *,
        wait: bool = True,
    ) -> None:
        app = App(connector=manager.connector)
        app.job_manager = manager
        super().__init__(
            app,
            concurrency=options.concurrency,
            wait=wait,
            fetch_job_polling_interval=options.poll_seconds,
            abort_job_polling_interval=options.poll_seconds,
            shutdown_graceful_timeout=options.graceful_seconds,
            update_heartbeat_interval=options.heartbeat_seconds,
            install_signal_handlers=False,
        )
        app.task(name=_TASK, pass_context=True)(self._run_job)
        app.tasks = _SingleTaskTable(app.tasks)
        self._database = database
        self._handlers = handlers
        self._new_job_event = manager.wake
        self._graceful = options.graceful_seconds
        self._is_stopping = False
        self.manager = manager
        manager.running = lambda: {context.job.id or 0 for context in self._running_jobs.values()}
        manager.is_stopping = lambda: self._is_stopping
        manager.on_pruned = self._on_pruned
        manager.is_interrupted = lambda id: self._job_ids_to_abort.get(id) is not AbortReason.USER_REQUEST
        self._remove_listeners = (
            database.add_topic_listener(JOBS_READY, manager.wake.set),
            database.add_topic_listener(ABORT_REQUESTED, self._on_abort),
        )
        self._abort_checks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Removes the listeners for new jobs and abort requests."""
        for remove_listener in self._remove_listeners:
            remove_listener()

    def stop(self) -> None:
        """Fetches no more jobs. Running ones may go on for a while; then they are cancelled and queued
        again. A second call does nothing."""
        if self._is_stopping:
            return
        super().stop()  # type: ignore[no-untyped-call]  # it has no annotations
        self._is_stopping = True
        asyncio.get_running_loop().call_later(self._graceful, self._give_up)

    async def run(self) -> None:
        """Runs until `stop()`; with `wait=False`, until no job is left."""
        heartbeats = asyncio.create_task(self._send_heartbeats(), name="jobs: heartbeat")
        try:
            await super().run()  # type: ignore[no-untyped-call]  # it has no annotations
        finally:
            heartbeats.cancel()
            with suppress(asyncio.CancelledError):
                await heartbeats

    async def _send_heartbeats(self) -> None:
        """Sends heartbeats for ever, in place of procrastinate's own, which end when a stop begins, while
        jobs still run."""
        while True:
            await asyncio.sleep(self.update_heartbeat_interval)
            if self.worker_id is not None:
                await self.manager.update_heartbeat(self.worker_id)

    async def _update_heartbeat(self) -> None:
        """Overrides procrastinate's heartbeat: never returns, and sends nothing (see `_send_heartbeats`)."""
        await asyncio.Event().wait()

    async def _abort_running_jobs(self) -> None:
        """Cancels all running jobs. One that does not end is not waited for: it is queued again all the same,
        and what it still wants to write is refused."""
        interrupted = dict(self._running_jobs)
        for task, context in interrupted.items():
            self._abort_job(task, context, AbortReason.SHUTDOWN)
        if interrupted:
            _, hanging = await asyncio.wait(interrupted, timeout=min(self._graceful, _MAX_CANCEL_SECONDS))
            for task in hanging:
                _log.error("%s does not end, and is left behind", interrupted[task].job.lock)

    def _give_up(self) -> None:
        """Ends the retries during outages of the database."""
        self.manager.gives_up = True

    async def _periodic_deferrer(self) -> None:
        """Overrides procrastinate's scheduling of periodic tasks, in place of which Isthmus has its own
        schedules: does nothing, and never returns, because procrastinate stops watching its side tasks when
        the first one ends."""
        await asyncio.Event().wait()

    async def _run_job(self, context: JobContext, /, **_: object) -> None:
        """Runs one job: calls the handler of its name, or lets it wait if there is none."""
        job = context.job
        run = Run(
            job_name=job.task_name,
            key=str(job.task_kwargs.get("key", "")),
            failures=_as_count(job.task_kwargs.get("failures")),
            database=self._database,
            job_id=job.id or 0,
            worker_id=job.worker_id,
            attempts=job.attempts,
            priority=job.priority,
        )
        registration = self._handlers.find_registration(run.job_name)
        try:
            if registration is None:
                await self._postpone_job_without_handler(run)
            else:
                await self._call_handler(registration, run)
        except Superseded as error:
            _log.info("%s", error)

    async def _call_handler(self, registration: HandlerRegistration, run: Run) -> None:
        """Calls the handler. If it fails, logs and records the failure. Raises Superseded."""
        try:
            with (
                convert_unexpected_cancellation()
            ):  # one that ended the run would bring it again at once, for ever
                await registration.handler(run)
        except Superseded:
            raise
        except Exception as error:
            # Only an outage of our own database says nothing about the handler.
            is_outage = find_outage(error) is not None
            _log.log(
                logging.WARNING if is_outage else logging.ERROR,
                "%s %s failed (%d before): %s",
                run.job_name,
                run.key,
                run.failures,
                describe_error(error),
                exc_info=None if is_outage else error,
            )
            await self._record_failure(registration, run, error)

    async def _record_failure(self, registration: HandlerRegistration, run: Run, error: Exception) -> None:
        """Writes the failure and the retry in one transaction, unless another worker has the job by now."""
        if registration.on_failure is not None:
            try:
                async with run.write() as conn:
                    next_at = await registration.on_failure(conn, run, error)
                    if next_at is not None:
                        await _defer_retry(conn, run, next_at, describe_error(error))
                return
            except Superseded:
                raise
            except Exception:
                _log.exception("the failure of %s %s was not recorded", run.job_name, run.key)
        async with run.write() as conn:
            pause = min(2.0 ** min(run.failures + 1, 30), _MAX_BACKOFF_SECONDS)
            await _defer_retry(
                conn, run, current_time(conn) + timedelta(seconds=pause), describe_error(error)
            )

    async def _postpone_job_without_handler(self, run: Run) -> None:
        """Postpones the job, to wait for a process of a newer version that has a handler for it."""
        _log.warning("no handler of this version continues %s %s; it waits for one", run.job_name, run.key)
        async with run.write() as conn:
            next_at = current_time(conn) + timedelta(seconds=_NO_HANDLER_SECONDS)
            failures = max(1, run.failures)  # waiting for an upgrade makes no back-off longer
            await defer_retry(
                conn,
                run.job_name,
                run.key,
                next_at,
                run.priority,
                failures=failures,
                error="no handler knows it",
            )

    def _on_pruned(self) -> None:
        """Interrupts all jobs and stops: others have them by now."""
        _log.warning("worker %s was taken for dead; it begins anew", self.worker_id)
        for task, context in tuple(self._running_jobs.items()):
            self._abort_job(task, context, AbortReason.SHUTDOWN)
        self.stop()

    def _on_abort(self) -> None:
        """Looks at once for jobs that were requested to abort."""
        check = asyncio.get_running_loop().create_task(self._abort_requested_jobs())
        self._abort_checks.add(check)
        check.add_done_callback(self._abort_checks.discard)

    async def _abort_requested_jobs(self) -> None:
        """Cancels the running jobs that were requested to abort."""
        try:
            self._handle_abort_jobs_requested(await self.manager.list_jobs_to_abort_async())
        except Exception:
            _log.exception("jobs that are to end were not found; the next look may")


@asynccontextmanager
async def open_procrastinate_worker(
    database: Database,
    handlers: Handlers,
    options: WorkerOptions,
    *,
    wait: bool = True,
) -> AsyncIterator[ProcrastinateWorker]:
    """Opens the connections of a worker and yields it, ready for `run()`. `wait=False`: it ends when no job
    is left."""
    make_manager = SqliteJobManager if database.is_sqlite else PostgresqlJobManager
    manager = make_manager(database)
    async with manager.open_connections():
        worker = ProcrastinateWorker(database, handlers, manager, options, wait=wait)
        try:
            yield worker
        finally:
            worker.close()


async def _defer_retry(conn: AsyncConnection, run: Run, at: datetime, error: str) -> None:
    """Retries the job of this run at `at`, with one more failure."""
    await defer_retry(conn, run.job_name, run.key, at, run.priority, failures=run.failures + 1, error=error)


def describe_error(error: Exception) -> str:
    """Returns the text of an error that is logged and stored: never a statement's parameters, which may be
    secrets."""
    if isinstance(error, SQLAlchemyError):
        return type(getattr(error, "orig", None) or error).__name__
    message = error.message if isinstance(error, IsthmusError) else str(error)
    return f"{type(error).__name__}: {' '.join(message.split())}"[:_MAX_ERROR_CHARACTERS]


def _as_count(value: object) -> int:
    """Returns a number of failures as it was stored; 0 if the value is no integer."""
    return value if isinstance(value, int) else 0
