"""The server's own limits, with several processes on one PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.integration.processes import Process, serving_process
from tests.integration.serving import TOKEN

LIMIT = 200
SECONDS_ON_A_BUSY_MACHINE = 3.0
"""At most 150 requests of `Process.seconds_until`, so that the process never reaches the limit by itself."""


async def call(session: aiohttp.ClientSession, process: Process) -> tuple[int, int]:
    """Makes a call with the token; returns its status, and when the window of a refused one ends."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with session.get(f"{process.url}/environment", headers=headers) as response:
        return response.status, int(response.headers.get("x-ratelimit-reset", 0))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_limit_is_that_of_all_processes_but_for_what_comes_within_a_second(
    environ: dict[str, str],
) -> None:
    """One process is asked until it refuses; the other refuses too soon after, until the same time."""
    limited = environ | {"ISTHMUS_TOKEN_RATE_LIMIT": str(LIMIT)}
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(serving_process(limited)) for _ in range(2)]
        session = await stack.enter_async_context(aiohttp.ClientSession())
        answers = await asyncio.gather(*(call(session, first) for _ in range(LIMIT + 1)))
        assert sorted(status for status, _ in answers) == [200] * LIMIT + [429]
        await second.seconds_until(429, "/environment", TOKEN, at_most=SECONDS_ON_A_BUSY_MACHINE)
        assert await call(session, second) == await call(session, first)
