"""Checks whether this server can serve requests, in time for those who ask every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final, Generic, TypeVar

from isthmus.db import Database, EpochWatcher
from isthmus.db.outages import describe_outage
from isthmus.db.probes import probe_read, probe_write
from isthmus.events import read_outbox_state
from isthmus.jobs import read_queue_state

__all__ = ["Readiness", "ReadinessReport"]

T = TypeVar("T")

_OK: Final = "ok"
_MAX_SECONDS_BEHIND: Final = 5.0
_WRITE_SECONDS: Final = 0.8
_READ_SECONDS: Final = 0.4
_BACKLOG_SECONDS: Final = 0.4
_WRITE_AGAIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """The state of a server. `checks`: each part that must work, `ok` or what is wrong with it. `backlog`:
    `queue` and `events`, numbers by name; empty for a server that is not ready, and where they take too
    long."""

    checks: dict[str, str]
    backlog: dict[str, dict[str, Any]]

    @property
    def is_ready(self) -> bool:
        """True if every part works."""
        return all(state == _OK for state in self.checks.values())


class Readiness:
    """Checks the parts of a server. There is one in each process."""

    def __init__(self, database: Database, epochs: EpochWatcher) -> None:
        self._database = database
        self._epochs = epochs
        self._write = _SharedCall(self._try_write)
        self._read = _SharedCall(lambda: probe_read(database))
        self._backlog = _SharedCall(self._read_backlog)
        self._written_at: float | None = None

    async def check(self) -> ReadinessReport:
        """Returns the state of the server, within 2 s: what does not answer until then does not work."""
        writes = await self._check_writes()
        reads = _OK
        backlog: dict[str, dict[str, Any]] = {}
        behind = self._epochs.seconds_behind
        if behind >= _MAX_SECONDS_BEHIND:
            reads = f"no answer for {behind:.0f} s"
        elif writes == _OK:
            try:
                await self._read.wait(_READ_SECONDS)
                with suppress(TimeoutError):  # of many rows, and not needed to serve
                    backlog = await self._backlog.wait(_BACKLOG_SECONDS)
            except Exception as error:  # of any kind: whatever fails is not ready
                reads = _describe_problem(error)
        return ReadinessReport({"database": reads, "database_writes": writes}, backlog)

    async def _check_writes(self) -> str:
        """Returns `ok` if the database takes a write, or took one a few seconds ago."""
        now = self._database.clock.monotonic()
        if self._written_at is not None and now - self._written_at < _WRITE_AGAIN_SECONDS:
            return _OK
        try:
            await self._write.wait(_WRITE_SECONDS)
        except Exception as error:  # of any kind: whatever fails is not ready
            return _describe_problem(error)
        return _OK

    async def _try_write(self) -> None:
        """Makes a write, and notes when. Raises what the database raises."""
        await probe_write(self._database)
        self._written_at = self._database.clock.monotonic()

    async def _read_backlog(self) -> dict[str, dict[str, Any]]:
        """Reads the state of the job queue and of the outbox, as numbers by name."""
        async with self._database.read() as conn:
            queue = (await read_queue_state(conn)).as_dict()
            return {"queue": queue, "events": asdict(await read_outbox_state(conn))}


class _SharedCall(Generic[T]):
    """A call that is made once at a time, for all who wait for it then: however many ask, and however long
    it takes, there is one."""

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._running: asyncio.Task[T] | None = None

    async def wait(self, seconds: float) -> T:
        """Returns the result of the call that runs, or of a new one. Raises TimeoutError if it takes longer;
        it goes on all the same. Raises what it raises."""
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
            self._running.add_done_callback(_retrieve_error)
        task = self._running
        await asyncio.wait((task,), timeout=seconds)
        if not task.done():
            raise TimeoutError(f"no answer within {seconds:g} s")
        return task.result()

    async def _run(self) -> T:
        """Makes the call."""
        try:
            return await self._make()
        finally:
            self._running = None


def _retrieve_error(task: asyncio.Future[Any]) -> None:
    """Retrieves the task's error, in case nobody waits for it any more."""
    if not task.cancelled():
        task.exception()


def _describe_problem(error: Exception) -> str:
    """Returns what is wrong, without an error's own text."""
    if isinstance(error, TimeoutError):
        return str(error)
    return describe_outage(error) or type(error).__name__
