"""Real servers on loopback: one that speaks HTTP, and one that sends whatever bytes it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from tests.fakes.listening import Answer, listening

from isthmus.http import Guard, HttpClient, HttpLimits

Serve = Callable[[Answer], Awaitable[str]]
Raw = Callable[[Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]], Awaitable[str]]


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient(Guard(["127.0.0.0/8", "::1/128"]), HttpLimits(response_bytes=1_000_000)) as http:
        yield http


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server whose every path the handler answers; gives its base URL, without a slash."""
    async with AsyncExitStack() as stack:

        async def start(answer: Answer) -> str:
            return await stack.enter_async_context(listening(answer))

        yield start


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    """Starts a TCP server; the given function writes what it likes, then the connection closes."""
    servers: list[asyncio.Server] = []

    async def start(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> str:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await answer(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
