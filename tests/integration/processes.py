"""The `isthmus` command as processes of their own."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

__all__ = ["Process", "isthmus", "refused", "serving_process"]

COMMAND = str(Path(sys.executable).parent / "isthmus")
SECONDS_TO_START = 180.0


@dataclass
class Process:
    """A running `isthmus serve`. `token`: what it printed, or was told to make; else None. `pid`: None for a
    server of this process."""

    url: str
    token: str | None
    greeting: str
    pid: int | None = None

    def count_children(self) -> int:
        """Returns how many processes it has started that still run."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(len((thread / "children").read_text(encoding="ascii").split()) for thread in threads)

    async def status_of(self, path: str, token: str) -> int:
        """Returns the status of GET `path`."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.url + path, headers={"authorization": f"Bearer {token}"}) as response,
        ):
            return response.status

    async def seconds_until(self, status: int, path: str, token: str, *, at_most: float) -> float:
        """Waits until `path` answers with `status`, and returns how long it took. Fails after `at_most`
        seconds."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while (answered_status := await self.status_of(path, token)) != status:
            assert loop.time() - started < at_most, f"{path} still answers {answered_status}, not {status}"
            await asyncio.sleep(0.02)
        return loop.time() - started


@asynccontextmanager
async def serving_process(environ: Mapping[str, str], *options: str) -> AsyncIterator[Process]:
    """Runs `isthmus serve` on a free port, ended by SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        COMMAND, "serve", "--port", "0", *options, env=dict(environ), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    drain: asyncio.Task[bytes] | None = None
    try:
        greeting = ""
        async with asyncio.timeout(SECONDS_TO_START):
            while "curl" not in greeting:
                line = await process.stdout.readline()
                assert line, f"the server ended: {greeting}"
                greeting += line.decode()
        drain = asyncio.create_task(process.stdout.read())
        url = re.search(r"ready: (\S+)", greeting)
        shown = re.search(r"isth_\S+", greeting.partition("curl")[0])
        assert url is not None
        token = shown[0] if shown else environ.get("ISTHMUS_BOOTSTRAP_TOKEN")
        yield Process(url[1], token, greeting, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if drain is not None:
            await drain


async def isthmus(environ: Mapping[str, str], *arguments: str) -> str:
    """Runs a command that must succeed; returns its standard output."""
    code, output, errors = await _run(environ, *arguments)
    assert code == 0, errors
    return output.strip()


async def refused(environ: Mapping[str, str], *arguments: str) -> str:
    """Runs a command that must fail with exit code 1, and without a trace; returns its message."""
    code, _, errors = await _run(environ, *arguments)
    assert code == 1, errors
    assert "Traceback" not in errors
    return errors.strip()


async def _run(environ: Mapping[str, str], *arguments: str) -> tuple[int | None, str, str]:
    """Runs a command; returns exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        env=dict(environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS_TO_START):
        output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()
