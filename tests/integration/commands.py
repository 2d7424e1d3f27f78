"""The `isthmus` command, run in the process of the test: a process of its own takes a second to start.

What only a process shows (its start, signals, a port) is tested with `tests.integration.processes`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from unittest.mock import patch

import tests.command_tree  # noqa: F401  # makes them faster
from isthmus.cli import main
from tests.logging_state import restoring_logging

__all__ = ["Finished", "isthmus", "refused", "run_command"]


@dataclass(frozen=True)
class Finished:
    """A command that has ended: its exit code, and what it printed on standard output and standard error."""

    code: int
    output: str
    errors: str


async def run_command(environ: Mapping[str, str], *arguments: str, input: bytes = b"") -> Finished:
    """Runs a command in a thread, so that it may call a server in the loop of the test; returns its exit code
    and output. Fails for a trace."""
    finished = await asyncio.to_thread(_run, environ, arguments, input)
    assert "Traceback" not in finished.errors, finished.errors
    return finished


async def isthmus(environ: Mapping[str, str], *arguments: str) -> str:
    """Runs a command that must succeed; returns its standard output."""
    finished = await run_command(environ, *arguments)
    assert finished.code == 0, finished.errors
    return finished.output.strip()


async def refused(environ: Mapping[str, str], *arguments: str) -> str:
    """Runs a command that must fail with exit code 1; returns its message."""
    finished = await run_command(environ, *arguments)
    assert finished.code == 1, finished.errors
    return finished.errors.strip()


def _run(environ: Mapping[str, str], arguments: tuple[str, ...], input: bytes) -> Finished:
    """Runs a command with replaced environment and streams."""
    output, errors = (TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: object = 0
    with (
        patch.dict(os.environ, environ, clear=True),
        patch.object(sys, "argv", ["isthmus", *arguments]),
        restoring_logging(),
        patch.object(sys, "stdin", TextIOWrapper(BytesIO(input), encoding="utf-8")),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        try:
            main.run()
        except SystemExit as ended:
            code = ended.code or 0
    assert isinstance(code, int), code
    return Finished(code, _read(output), _read(errors))


def _read(stream: TextIOWrapper) -> str:
    """Returns all that was written to the stream."""
    stream.seek(0)
    return stream.read()
