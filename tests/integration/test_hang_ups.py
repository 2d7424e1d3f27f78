"""A caller that closes its socket in the middle of a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from tests.fakes.listening import running_app
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server


@dataclass
class SlowDesk:
    """A desk whose lists are empty pages without end: the first comes at once, each other when it is let.
    A ticket is opened when it is let, too."""

    url: str = ""
    visits: list[str] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def list(self, request: web.Request) -> web.Response:
        self.visits.append(request.query_string)
        if len(self.visits) > 1:
            await self._hold()
        return web.json_response({"items": [], "paging": {"after": str(len(self.visits))}})

    async def open(self, request: web.Request) -> web.Response:
        await self._hold()
        self.opened.set()
        return web.json_response({"number": 1})

    async def _hold(self) -> None:
        self.held.set()
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise


@asynccontextmanager
async def _running(desk: SlowDesk) -> AsyncIterator[SlowDesk]:
    app = web.Application()
    app.router.add_get("/v1/tickets", desk.list)
    app.router.add_post("/v1/tickets", desk.open)
    async with running_app(app, cancels_handlers=True) as desk.url:
        try:
            yield desk
        finally:
            desk.let.set()


async def _send(server: Server, head: str, body: str = "") -> asyncio.StreamWriter:
    """A request over a socket of its own; the head without its version and token."""
    parts = urlsplit(server.url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(
        f"{head} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    )
    await writer.drain()
    return writer


@pytest.fixture
async def desk(desk_server: Server) -> AsyncIterator[tuple[Server, SlowDesk, str]]:
    async with _running(SlowDesk()) as desk:
        yield desk_server, desk, await connect(desk_server, await install(desk_server), desk.url)


@pytest.mark.parametrize("path", ["/proxy/tickets", f"/unified/{MODEL}/tickets", "/custom/v1/tickets?size=9"])
async def test_a_read_ends_with_the_caller(desk: tuple[Server, SlowDesk, str], path: str) -> None:
    server, slow, account = desk
    if path.startswith("/custom"):
        slow.visits.append("custom calls ask for one page, so that this one is held")
    separator = "&" if "?" in path else "?"
    writer = await _send(server, f"GET {path}{separator}integrated_account_id={account}")
    await asyncio.wait_for(slow.held.wait(), 20)
    asked = len(slow.visits)
    writer.close()
    await asyncio.wait_for(slow.left.wait(), 20)
    slow.let.set()
    status, _ = await server.call("GET", f"/proxy/tickets?integrated_account_id={account}&limit=1")
    assert status == 200
    assert [visit for visit in slow.visits if "size=1" not in visit.split("&")] == slow.visits[:asked]


async def test_a_write_is_not_cut_off(desk: tuple[Server, SlowDesk, str]) -> None:
    server, slow, account = desk
    writer = await _send(server, f"POST /proxy/tickets?integrated_account_id={account}", '{"subject": "x"}')
    await asyncio.wait_for(slow.held.wait(), 20)
    writer.close()
    await writer.wait_closed()
    await server.ok("GET", "/me")
    slow.let.set()
    await asyncio.wait_for(slow.opened.wait(), 20)
    assert not slow.left.is_set()
