"""HTTP servers of fakes, on a free port of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

__all__ = ["Answer", "listening", "running_app"]

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[str]:
    """Runs a server that gives every request to `answer`; yields its URL, without a slash."""
    server = web.Server(answer)  # type: ignore[arg-type]  # its requests are web.Request
    async with _started(web.ServerRunner(server, shutdown_timeout=0.1)) as url:
        yield url


@asynccontextmanager
async def running_app(app: web.Application, *, cancels_handlers: bool = False) -> AsyncIterator[str]:
    """Runs an application; yields its URL, without a slash. `cancels_handlers`: when their callers hang
    up."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=cancels_handlers)
    async with _started(runner) as url:
        yield url


@asynccontextmanager
async def _started(runner: web.BaseRunner) -> AsyncIterator[str]:
    """Starts the runner on a free port; yields its URL."""
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
