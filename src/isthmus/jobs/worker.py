"""The worker: runs jobs until it is stopped, and keeps timers, schedules and the queue going meanwhile."""

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
from isthmus.jobs.database_outages import Outages, is_away
from isthmus.jobs.handlers import Handlers
from isthmus.jobs.lock_timeout import Held, write_giving_way
from isthmus.jobs.peer_processes import BEAT_SECONDS, Peers
from isthmus.jobs.queue import READY, due_timers, promote
from isthmus.jobs.queue_maintenance import prune, reconcile, sweep
from isthmus.jobs.queue_state import next_due, queue_state
from isthmus.jobs.schedules import (
    FIRED_AT_ONCE,
    built_in_name,
    due_schedules,
    fire_due,
    sync_built_in,
)
from isthmus.jobs.worker_options import Pace
from isthmus.kit.unexpected_cancellation import convert_unexpected_cancellation

if TYPE_CHECKING:
    from isthmus.jobs.engine.worker import EngineWorker

__all__ = ["Worker"]

_log = logging.getLogger("isthmus.jobs")
_HOUR = 3600.0
_OLD_SECONDS = 60.0
_HEAD_START_SECONDS = 0.1  # importing the engine would slow down whatever else starts
_HELD_SECONDS = 0.1
_AT_ONCE = 200


class Worker:
    """`start()` returns at once: the engine is imported beside whatever else starts. `stop()` is graceful.

    SQLite: the one worker of the process that serves the file. PostgreSQL: one of as many as there are.
    """

    def __init__(self, database: Database, handlers: Handlers, pace: Pace | None = None) -> None:
        self._database = database
        self._handlers = handlers
        self._pace = pace or Pace()
        self._tasks: list[asyncio.Task[None]] = []
        self._running: asyncio.Task[None] | None = None
        self._engine: EngineWorker | None = None
        self._stop = asyncio.Event()
        self._timers_changed = asyncio.Event()
        self._unhear: Callable[[], None] = lambda: None
        self._outages = Outages(time.monotonic())  # a start counts: nobody knows what was before it
        self._peers = Peers(database, "schedules", map(built_in_name, handlers.schedules))
        self.started = asyncio.Event()
        """Set while jobs are being fetched."""

    async def start(self) -> None:
        self._unhear = self._database.add_announcement_listener(READY, self._timers_changed.set)
        self._running = _in_background(self._run_for_ever(), name="jobs: worker")
        pace = self._pace
        self._tasks = [
            _in_background(self._move_for_ever(), name="jobs: timers"),
            self._repeat("jobs: schedules", BEAT_SECONDS, self._declare_schedules),
            self._repeat("jobs: sweep", pace.sweep_seconds, self.sweep),
            self._repeat("jobs: reconcile", pace.reconcile_seconds, self.reconcile),
            self._repeat("jobs: report", pace.report_seconds, self._report),
            self._repeat("jobs: prune", _HOUR, lambda: prune(self._database)),
        ]

    async def stop(self) -> None:
        """Running jobs may end, for a while; those that do not go back to the queue."""
        self._stop.set()
        self._unhear()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        if self._engine is not None:
            self._engine.stop()
        if self._running is not None:
            await self._running
            self._running = None
        with suppress(SQLAlchemyError, OSError):  # it is forgotten anyway, a minute later
            await self._peers.leave()

    async def move(self) -> None:
        """Fires the schedules and moves the timers that are due now. Raises Held: some of them wait."""
        if not await self._something_is_due():
            return
        try:
            moved = await self._move_all()
        except Held:
            moved = await self._move_one_by_one()
        if not moved and await self._something_is_due():
            raise Held  # somebody has its row: to look again at once would be to look without end

    async def _something_is_due(self) -> bool:
        async with self._database.read() as conn:
            due = await next_due(conn)
        return due is not None and due <= self._database.clock.now()

    async def _move_all(self) -> int:
        """Schedules have their turn between any two batches of timers."""
        total, is_more = 0, True
        while is_more:
            async with write_giving_way(self._database) as conn:
                fired = await fire_due(conn)
            async with write_giving_way(self._database) as conn:
                moved = await promote(conn, limit=_AT_ONCE)
            total += fired + moved
            is_more = fired >= FIRED_AT_ONCE or moved >= _AT_ONCE
        return total

    async def _move_one_by_one(self) -> int:
        """So that one which somebody holds does not hold up the others. Raises Held if there was one."""
        async with self._database.read() as conn:
            schedules, timers = await due_schedules(conn), await due_timers(conn)
        ways = [partial(fire_due, only=name) for name in schedules]
        ways += [partial(promote, only=thing) for thing in timers]
        moved = 0
        held: Held | None = None
        for move in ways:
            try:
                async with write_giving_way(self._database) as conn:
                    moved += await move(conn)
            except Held as error:
                held = error
        if held is not None:
            raise held
        return moved

    async def sweep(self) -> None:
        """Takes over from dead workers, unless the database was away a moment ago."""
        if time.monotonic() - (self._outages.last or 0.0) >= self._pace.settle_seconds:
            await sweep(self._database, stalled_seconds=self._pace.stalled_seconds)

    async def reconcile(self) -> None:
        await reconcile(self._database, self._handlers)

    async def _run_for_ever(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEAD_START_SECONDS):
                await self._stop.wait()
                return
        engine: Any = await asyncio.to_thread(importlib.import_module, "isthmus.jobs.engine.worker")
        while not self._stop.is_set():
            try:
                with convert_unexpected_cancellation():
                    await self._run_once(engine)
            except Exception as error:
                self._note("the worker ended and begins anew", error)
            finally:
                self.started.clear()
                self._engine = None
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.restart_seconds):
                    await self._stop.wait()

    async def _run_once(self, engine: Any) -> None:
        await self._declare_schedules()
        async with engine.engine_worker(
            self._database, self._handlers, self._pace, outages=self._outages
        ) as worker:
            if not self._stop.is_set():
                self._engine = worker
                self.started.set()
                await worker.run()

    async def _declare_schedules(self) -> None:
        await self._peers.beat()
        async with self._database.write() as conn:
            await sync_built_in(conn, self._handlers.schedules, self._peers)

    async def _move_for_ever(self) -> None:
        while True:
            self._timers_changed.clear()
            pause = self._pace.poll_seconds
            try:
                with convert_unexpected_cancellation():
                    await self.move()
                    async with self._database.read() as conn:
                        due = await next_due(conn)
                if due is not None:
                    pause = min(pause, max(0.0, (due - self._database.clock.now()).total_seconds()))
            except Held:
                pause = min(pause, _HELD_SECONDS)
            except Exception as error:
                self._note("timers and schedules wait", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._timers_changed.wait()

    def _repeat(self, name: str, seconds: float, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        async def for_ever() -> None:
            while True:
                await asyncio.sleep(seconds)
                try:
                    with convert_unexpected_cancellation():
                        await work()
                except Held:
                    pass  # the next time comes soon
                except Exception as error:
                    self._note(f"{name} is put off", error)

        return _in_background(for_ever(), name=name)

    async def _report(self) -> None:
        async with self._database.read() as conn:
            state = await queue_state(conn)
        is_behind = (state.oldest_due_seconds or 0.0) > _OLD_SECONDS
        level = logging.WARNING if is_behind or state.failing else logging.INFO
        _log.log(level, "queue: %s", state.as_dict())

    def _note(self, what: str, error: Exception) -> None:
        if is_away(error):
            self._outages.note(what, error)
        else:
            _log.error(what, exc_info=error)


def _in_background(work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name, context=make_background_context())
