"""The worker of a process: runs jobs until it is stopped, fires schedules and timers, and repairs the
queue."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from isthmus.db.database import Database, make_background_context
from isthmus.db.outages import is_database_unavailable
from isthmus.jobs.clock_changes import (
    MAX_RESTARTED_AT_ONCE,
    ClockWatch,
    TimerKey,
    restart_schedules,
    restart_timers,
)
from isthmus.jobs.handlers import Handlers
from isthmus.jobs.lock_timeout import LockNotAvailable, write_with_lock_timeout
from isthmus.jobs.peer_processes import HEARTBEAT_SECONDS, PeerProcesses
from isthmus.jobs.queue import JOBS_READY, list_due_timers, move_due_timers
from isthmus.jobs.queue_maintenance import defer_lost_jobs, delete_finished_jobs, requeue_stalled_jobs
from isthmus.jobs.queue_state import read_next_due, read_queue_state
from isthmus.jobs.schedules import (
    MAX_FIRED_AT_ONCE,
    fire_due_schedules,
    list_due_schedules,
    make_built_in_name,
    sync_built_in_schedules,
)
from isthmus.jobs.worker_options import WorkerOptions
from isthmus.kit.unexpected_cancellation import convert_unexpected_cancellation

if TYPE_CHECKING:
    from isthmus.jobs.procrastinate_adapter.worker import ProcrastinateWorker

__all__ = ["Worker"]

_log = logging.getLogger("isthmus.jobs")
_HOUR = 3600.0
_BACKLOG_SECONDS = 60.0
_START_DELAY_SECONDS = 0.1  # importing procrastinate would slow down everything else that starts
_LOCKED_SECONDS = 0.1
_HEARD_INTERVALS = 2.5
_MAX_MOVED_AT_ONCE = 200


class Worker:
    """The worker of a process, which runs its background work. `start()` returns at once, and procrastinate
    is imported in the background. `stop()` is graceful.

    SQLite: the one worker of the process that serves the file. PostgreSQL: each process may have one.
    """

    def __init__(self, database: Database, handlers: Handlers, options: WorkerOptions | None = None) -> None:
        self._database = database
        self._handlers = handlers
        self._options = options or WorkerOptions()
        self._tasks: list[asyncio.Task[None]] = []
        self._running: asyncio.Task[None] | None = None
        self._procrastinate_worker: ProcrastinateWorker | None = None
        self._stop = asyncio.Event()
        self._timers_changed = asyncio.Event()
        self._stop_listening: Callable[[], None] = lambda: None
        self._heard_at = self._steady_since = time.monotonic()
        self._clock_watch = ClockWatch(database.clock)
        self._peers = PeerProcesses(database, "schedules", map(make_built_in_name, handlers.schedules))
        self.started = asyncio.Event()
        """Set while jobs are being fetched."""

    async def start(self) -> None:
        """Starts the background tasks."""
        self._stop_listening = self._database.add_topic_listener(JOBS_READY, self._timers_changed.set)
        self._running = _start_background_task(self._run_forever(), name="jobs: worker")
        options = self._options
        self._tasks = [
            _start_background_task(self._move_due_forever(), name="jobs: timers"),
            self._repeat("jobs: schedules", HEARTBEAT_SECONDS, self._declare_schedules),
            self._repeat("jobs: sweep", options.requeue_seconds, self.requeue_stalled_jobs),
            self._repeat("jobs: reconcile", options.reconcile_seconds, self.defer_lost_jobs),
            self._repeat("jobs: report", options.report_seconds, self._report),
            self._repeat("jobs: prune", _HOUR, lambda: delete_finished_jobs(self._database)),
        ]

    def begin_stop(self) -> None:
        """Starts no more jobs, and gives those that run `graceful_seconds` from now. `stop()` waits for
        them."""
        self._stop.set()
        if self._procrastinate_worker is not None:
            self._procrastinate_worker.stop()

    async def stop(self) -> None:
        """Waits for running jobs until `graceful_seconds` after the stop began, cancels the rest and queues
        them again."""
        self.begin_stop()
        self._stop_listening()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        if self._running is not None:
            await self._running
            self._running = None
        with suppress(SQLAlchemyError, OSError):  # it counts as gone a minute later anyway
            await self._peers.unregister()

    async def move_due(self) -> None:
        """Fires the schedules and turns the timers into jobs that are due now. Raises LockNotAvailable if
        other transactions have locked some of them."""
        self._clock_watch.look()
        if self._clock_watch.unchecked_after is not None:
            self._clock_watch.unchecked_after = await self._restart_waits(self._clock_watch.unchecked_after)
        if not await self._is_something_due():
            return
        try:
            moved = await self._move_all_due()
        except LockNotAvailable:
            moved = await self._move_due_one_by_one()
        if not moved and await self._is_something_due():
            raise LockNotAvailable  # its row is locked: to look again at once would be a busy loop

    async def _restart_waits(self, after: TimerKey) -> TimerKey | None:
        """Puts the timers after `after`, a batch of them, and at the end the schedules right that a clock
        which was set back would delay. Returns the last of the batch; None at the end. Raises
        LockNotAvailable."""
        async with write_with_lock_timeout(self._database) as conn:
            last = await restart_timers(conn, after)
        count = MAX_RESTARTED_AT_ONCE if last is None else 0
        while count == MAX_RESTARTED_AT_ONCE:
            async with write_with_lock_timeout(self._database) as conn:
                count = await restart_schedules(conn)
        return last

    async def _is_something_due(self) -> bool:
        """Returns True if a timer or a schedule is due now."""
        async with self._database.read() as conn:
            due = await read_next_due(conn)
        return due is not None and due <= self._database.clock.now()

    async def _move_all_due(self) -> int:
        """Turns what is due into jobs in batches, schedules and timers in turn; returns how many."""
        total, is_more = 0, True
        while is_more:
            async with write_with_lock_timeout(self._database) as conn:
                fired = await fire_due_schedules(conn)
            async with write_with_lock_timeout(self._database) as conn:
                moved = await move_due_timers(conn, limit=_MAX_MOVED_AT_ONCE)
            total += fired + moved
            is_more = fired >= MAX_FIRED_AT_ONCE or moved >= _MAX_MOVED_AT_ONCE
        return total

    async def _move_due_one_by_one(self) -> int:
        """Turns each due schedule and timer into a job in a transaction of its own, so that a locked one does
        not delay the others; returns how many. Raises LockNotAvailable at the end if there was one."""
        async with self._database.read() as conn:
            schedules, timers = await list_due_schedules(conn), await list_due_timers(conn)
        moves = [partial(fire_due_schedules, only=name) for name in schedules]
        moves += [partial(move_due_timers, only=thing) for thing in timers]
        moved = 0
        locked: LockNotAvailable | None = None
        for move in moves:
            try:
                async with write_with_lock_timeout(self._database) as conn:
                    moved += await move(conn)
            except LockNotAvailable as error:
                locked = error
        if locked is not None:
            raise locked
        return moved

    async def requeue_stalled_jobs(self) -> None:
        """Queues the jobs of dead workers again, unless this worker's own heartbeats failed a moment ago:
        then nothing is known of the others either. A start counts as a failure."""
        if self._is_heard() and time.monotonic() - self._steady_since >= self._options.stable_seconds:
            await requeue_stalled_jobs(self._database, stalled_seconds=self._options.stalled_seconds)

    def _note_heartbeat(self) -> None:
        """Notes that a heartbeat of this worker was recorded now."""
        is_steady = self._is_heard()
        self._heard_at = time.monotonic()
        if not is_steady:
            self._steady_since = self._heard_at

    def _is_heard(self) -> bool:
        """Returns True if not more than one heartbeat was missed since the last one that was recorded."""
        return time.monotonic() - self._heard_at <= _HEARD_INTERVALS * self._options.heartbeat_seconds

    async def defer_lost_jobs(self) -> None:
        """Defers a job for each thing that a finder returns and that has none."""
        await defer_lost_jobs(self._database, self._handlers)

    async def _run_forever(self) -> None:
        """Runs procrastinate's worker, and starts it again when it ends by an error or a takeover."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_DELAY_SECONDS):
                await self._stop.wait()
                return
        adapter: Any = await asyncio.to_thread(
            importlib.import_module, "isthmus.jobs.procrastinate_adapter.worker"
        )
        while not self._stop.is_set():
            try:
                with convert_unexpected_cancellation():
                    await self._run_once(adapter)
            except Exception as error:
                self._log_failure("the worker ended and begins anew", error)
            finally:
                self.started.clear()
                self._procrastinate_worker = None
            with suppress(TimeoutError):
                async with asyncio.timeout(self._options.restart_seconds):
                    await self._stop.wait()

    async def _run_once(self, adapter: Any) -> None:
        """Runs procrastinate's worker once, until it is stopped or ends by an error."""
        await self._declare_schedules()
        async with adapter.open_procrastinate_worker(self._database, self._handlers, self._options) as worker:
            if not self._stop.is_set():
                self._procrastinate_worker = worker
                worker.manager.on_heartbeat = self._note_heartbeat
                self.started.set()
                await worker.run()

    async def _declare_schedules(self) -> None:
        """Stores the schedules that this version declares, and sends a heartbeat."""
        await self._peers.send_heartbeat()
        async with self._database.write() as conn:
            await sync_built_in_schedules(conn, self._handlers.schedules, self._peers)

    async def _move_due_forever(self) -> None:
        """Moves timers and schedules when they are due, and looks for new ones every `poll_seconds`."""
        while True:
            self._timers_changed.clear()
            pause = self._options.poll_seconds
            try:
                with convert_unexpected_cancellation():
                    await self.move_due()
                    async with self._database.read() as conn:
                        due = await read_next_due(conn)
                if self._clock_watch.unchecked_after is not None:
                    pause = 0.0
                elif due is not None:
                    pause = min(pause, max(0.0, (due - self._database.clock.now()).total_seconds()))
            except LockNotAvailable:
                pause = min(pause, _LOCKED_SECONDS)
            except Exception as error:
                self._log_failure("timers and schedules wait", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._timers_changed.wait()

    def _repeat(self, name: str, seconds: float, action: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Starts a task that calls `action` every `seconds`, and returns it. An error is logged and does not
        end it."""

        async def repeat_forever() -> None:
            """Calls `action` for ever, with pauses."""
            while True:
                await asyncio.sleep(seconds)
                try:
                    with convert_unexpected_cancellation():
                        await action()
                except LockNotAvailable:
                    pass  # the next time comes soon
                except Exception as error:
                    self._log_failure(f"{name} is put off", error)

        return _start_background_task(repeat_forever(), name=name)

    async def _report(self) -> None:
        """Logs the state of the queue, as a warning if jobs wait for long or fail."""
        async with self._database.read() as conn:
            state = await read_queue_state(conn)
        is_behind = (state.oldest_due_seconds or 0.0) > _BACKLOG_SECONDS
        level = logging.WARNING if is_behind or state.failing else logging.INFO
        _log.log(level, "queue: %s", state.as_dict())

    def _log_failure(self, message: str, error: Exception) -> None:
        """Logs an error of a background task as `message`. Repeated outages of the database are logged
        once."""
        if is_database_unavailable(error):
            self._database.outages.report(message, error)
        else:
            _log.error(message, exc_info=error)


def _start_background_task(coroutine: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
    """Starts a task that leaves half of the connection pool to requests, and returns it."""
    return asyncio.create_task(coroutine, name=name, context=make_background_context())
