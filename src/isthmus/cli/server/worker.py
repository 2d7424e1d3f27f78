"""Implements `isthmus worker`: a process without an API that runs jobs and schedules, and relays events to
their subscribers, until a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

import typer

from isthmus.app import open_worker
from isthmus.config import Settings

__all__ = ["run_worker"]


def run_worker() -> None:
    """Runs jobs, schedules and the relay of events until SIGTERM or SIGINT; running jobs get time to finish.
    Logs to standard error. Raises SetupError for invalid settings, and for a database that is not
    PostgreSQL."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("isthmus.jobs").setLevel(logging.INFO)
    asyncio.run(_work_until_signal(Settings.from_environment()))


async def _work_until_signal(settings: Settings) -> None:
    """Runs a worker until SIGTERM or SIGINT, and says on standard output that it is running."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    async with open_worker(settings):
        typer.echo("The worker is running. Stop it with SIGTERM: running jobs may finish.")
        await stop.wait()
