"""Implements `isthmus worker`: a process without an API that runs jobs and schedules, and relays events to
their subscribers, until a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from types import FrameType

import typer

from isthmus.app import open_worker
from isthmus.cli.server.stop_signals import STOP_SIGNALS, end_at_once
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
    """Runs a worker until SIGTERM or SIGINT, and says on standard output that it is running. A second signal
    ends it at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def handle_signal(_signal_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.set)
        for signal_number in STOP_SIGNALS:
            signal.signal(signal_number, end_at_once)

    for signal_number in STOP_SIGNALS:
        signal.signal(signal_number, handle_signal)
    async with open_worker(settings):
        typer.echo("The worker is running. Stop it with SIGTERM: running jobs may finish.")
        await stop.wait()
