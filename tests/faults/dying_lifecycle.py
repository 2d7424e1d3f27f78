"""A worker that takes accounts from saved to active, and kills itself once on the way.

The file `dies-at` of its place names where; it is gone when that has happened.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from typing import Any

from isthmus.accounts import Connection, Connections, JsonCallLog
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.db import EpochWatcher, open_database
from isthmus.definitions.actions import Action
from isthmus.http import Guard, HttpClient
from isthmus.integrations.catalog.exchanges import Exchanges
from isthmus.integrations.catalog.shipped_files import Catalog
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions
from isthmus.jobs import Handlers, Worker
from isthmus.kit.clock import SystemClock
from tests.background import until
from tests.faults.processes import PACE, Place

__all__ = ["AFTER_END", "AFTER_KEPT", "ANSWERING", "BEFORE_ASKED", "BEFORE_END", "BEFORE_KEPT", "connect_on"]

BEFORE_ASKED = "before the step"
ANSWERING = "while the product answers"
BEFORE_KEPT = "after the step, before it is kept"
AFTER_KEPT = "after the step is kept"
BEFORE_END = "before the end is written"
AFTER_END = "after the end is written"

multiprocessing.get_context("forkserver").set_forkserver_preload(
    ["tests.faults.dying_lifecycle", "tests.faults.processes", "isthmus.jobs.procrastinate_adapter.worker"]
)


class _Dying(Lifecycle):
    """A lifecycle that kills its process at the point that the file names."""

    place: Place

    async def _run_step(self, connection: Connection, action: Action, standing: Any) -> None:
        """Runs a step, and dies before, meanwhile or after if the file says so."""
        where = f"{standing.stage}.{standing.step}"
        self._die(f"{BEFORE_ASKED} {where}")
        dying = asyncio.create_task(self._die_when_asked(f"{ANSWERING} {where}"))
        try:
            await super()._run_step(connection, action, standing)
        finally:
            dying.cancel()
        self._die(f"{BEFORE_KEPT} {where}")

    async def _die_when_asked(self, point: str) -> None:
        """Dies at the point, once the product was asked."""
        await until((self.place.folder / "asked").exists)
        self._die(point)

    async def _save_progress(self, run: Any, standing: Any, *, finished: Action | None = None) -> Any:
        """Saves the progress, and dies after it if the file says so."""
        kept = await super()._save_progress(run, standing, finished=finished)
        if finished is None:
            self._die(f"{AFTER_KEPT} {standing.stage}.{standing.step - 1}")
        return kept

    async def _activate(self, *given: Any) -> None:
        """Activates the account, and dies before or after if the file says so."""
        self._die(BEFORE_END)
        await super()._activate(*given)
        self._die(AFTER_END)

    async def _fail(self, *given: Any) -> None:
        """Fails the account, and dies before or after if the file says so."""
        self._die(BEFORE_END)
        await super()._fail(*given)
        self._die(AFTER_END)

    def _die(self, point: str) -> None:
        """Kills the process if the file names this point."""
        file = self.place.folder / "dies-at"
        if file.is_file() and file.read_text() == point:
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def connect_on(place: Place) -> None:
    """Runs the worker that dies, in this process."""
    asyncio.run(_connect_on(place))


async def _connect_on(place: Place) -> None:
    """Opens the database and runs the worker, until the process is killed."""
    database = await open_database(place.settings, serving=place.url.startswith("sqlite"))
    clock = SystemClock()
    epochs = EpochWatcher(database, clock)
    await epochs.start()
    async with HttpClient(Guard(["127.0.0.0/8"])) as http:
        effective, exchanges = (
            EffectiveDefinitions(database, epochs),
            Exchanges(Catalog(place.folder / "catalog")),
        )
        log = JsonCallLog(logging.getLogger("test.calls"))
        connections = Connections(database, epochs, effective, http, clock, log, exchanges)
        lifecycle = _Dying(database, connections, clock)
        lifecycle.place = place
        handlers = Handlers()
        lifecycle.register(handlers)
        await Worker(database, handlers, PACE).start()
        await asyncio.Event().wait()
