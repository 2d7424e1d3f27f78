"""Processes of their own that open a database: what two servers do to each other can't be seen in one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["Process", "process"]

_SCRIPT = """
import asyncio, sys
from isthmus.config import Settings
from isthmus.db import open_database
from isthmus.errors import SetupError
from isthmus.tenancy import bootstrap

async def main(serving):
    print("imported", flush=True)
    sys.stdin.readline()
    settings = Settings.from_environment()
    try:
        database = await open_database(settings, serving=serving)
    except SetupError as error:
        print("refused:", error.message, flush=True)
        return
    first = await bootstrap(database, settings)
    print("open", "first" if first else "later", flush=True)
    sys.stdin.readline()
    await database.close()

asyncio.run(main(sys.argv[1] == "serve"))
"""


class Process:
    """Waits after its imports until `open()`, then holds the database until `close()`."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self._popen = popen
        assert self.line() == "imported"

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._popen.pid

    def line(self) -> str:
        """Reads a line that the process printed."""
        assert self._popen.stdout is not None
        return self._popen.stdout.readline().strip()

    def go_on(self) -> None:
        """Lets the process go on to its next stop."""
        assert self._popen.stdin is not None
        self._popen.stdin.write("\n")
        self._popen.stdin.flush()

    def open(self) -> str:
        """Lets it open the database; returns `open first`, `open later` or `refused: <message>`."""
        self.go_on()
        return self.line()

    def close(self) -> None:
        """Lets it close the database, and waits for its end."""
        self.go_on()
        assert self._popen.wait(30) == 0

    def kill(self) -> None:
        """Kills it, and waits for its end."""
        self._popen.kill()
        self._popen.wait(30)


@contextmanager
def process(environ: Mapping[str, str], *, serving: bool = False) -> Iterator[Process]:
    """Runs a process; yields it after its imports. `serving`: opens the database as a server does."""
    command = [sys.executable, "-c", _SCRIPT, "serve" if serving else "administer"]
    with subprocess.Popen(
        command, env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as popen:
        try:
            yield Process(popen)
        finally:
            if popen.poll() is None:
                popen.kill()
