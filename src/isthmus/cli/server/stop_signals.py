"""SIGTERM and SIGINT: the first stops a process in order, a second ends it at once."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import uvicorn
from uvicorn.supervisors import Multiprocess

__all__ = [
    "STOP_SIGNALS",
    "OrderlyServer",
    "OrderlySupervisor",
    "call_on_stop_signal",
    "end_at_once",
    "stop_with_parent",
]

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def end_at_once(signal_number: int, _frame: FrameType | None = None) -> None:
    """Ends this process by the signal, without any cleaning up. A handler for `signal.signal`."""
    signal.signal(signal_number, signal.SIG_DFL)
    signal.raise_signal(signal_number)


@contextmanager
def call_on_stop_signal(callback: Callable[[], None]) -> Iterator[None]:
    """Calls `callback` in the running loop for each stop signal within the block, before the handler that is
    installed. It must not raise."""
    loop = asyncio.get_running_loop()
    installed = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def handle(signal_number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(callback)
        handler = installed[signal.Signals(signal_number)]
        if callable(handler):
            handler(signal_number, frame)

    for number in STOP_SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in installed.items():
            signal.signal(number, handler)


@contextmanager
def stop_with_parent() -> Iterator[None]:
    """Within the block, the end of the parent process counts as SIGTERM: a supervisor that is killed tells
    its processes nothing. For processes of `multiprocessing`."""
    parent, loop = multiprocessing.parent_process(), asyncio.get_running_loop()
    assert parent is not None

    def stop() -> None:
        loop.remove_reader(parent.sentinel)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(parent.sentinel, stop)
    try:
        yield
    finally:
        loop.remove_reader(parent.sentinel)


class OrderlyServer(uvicorn.Server):
    """uvicorn's server, whose signals may be captured around more than its own run: uvicorn raises a signal
    again when `capture_signals` ends, and by then the application has to be closed."""

    _captures = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures stop signals until the outermost block ends, which raises them again."""
        if self._captures:
            yield
            return
        self._captures = True
        with super().capture_signals():
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops the server at the first signal, and ends the process at a second."""
        if self.should_exit:
            end_at_once(sig)
        super().handle_exit(sig, frame)


class OrderlySupervisor(Multiprocess):
    """uvicorn's supervisor of several processes, which a second signal ends at once with all of them."""

    def join_all(self) -> None:
        """Waits until all processes have ended; they were told to stop."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._kill_all)
        super().join_all()

    def _kill_all(self, signal_number: int, _frame: FrameType | None) -> None:
        """Kills all processes, and ends this one."""
        for process in self.processes:
            process.process.kill()
        end_at_once(signal_number)
