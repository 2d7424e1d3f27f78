"""A whole Isthmus on a loopback port, for tests that speak HTTP to it."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any, TypeVar

import aiohttp
import uvicorn
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.app import Application
from isthmus.cli.server.http_protocol import BoundedHttpProtocol
from isthmus.config import Settings
from isthmus.db import Database
from isthmus.kit.clock import Clock
from isthmus.kit.secret import Secret

T = TypeVar("T")

LOOPBACK = (ip_network("127.0.0.0/8"),)
_TICK_SECONDS = 0.1
TOKEN = "isth_a-token-of-the-tests-0123456789"


@dataclass
class Server:
    """A running Isthmus as one environment sees it. `url` has no trailing slash; `token` opens it.

    `application`: None for another process. `loop`: where it runs; None for the loop of the test.
    """

    url: str
    token: str
    application: Application | None
    session: aiohttp.ClientSession
    loop: asyncio.AbstractEventLoop | None = None

    async def call(
        self,
        verb: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | str | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """(status, body): JSON where it is JSON, else text. `token` "" sends none."""
        sent = dict(headers or {})
        bearer = self.token if token is None else token
        if bearer:
            sent["authorization"] = f"Bearer {bearer}"
        async with self.session.request(
            verb, self.url + path, json=json, data=data, headers=sent, params=params
        ) as response:
            is_json = "json" in response.headers.get("content-type", "")
            return response.status, await (response.json() if is_json else response.text())

    @property
    def database(self) -> Database:
        """Of a server of the test's own, which runs in its loop."""
        assert self.application is not None
        assert self.loop is None
        return self.application.database

    async def use_database(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """What `work` returns, given the server's own database, in the loop that the server runs in."""
        assert self.application is not None
        return await run_in(self.loop, work(self.application.database))

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` returns, given a transaction of the server's own database."""

        async def write(database: Database) -> T:
            async with database.write() as conn:
                return await work(conn)

        return await self.use_database(write)

    async def ok(self, verb: str, path: str, **options: Any) -> Any:
        """The body of a 200."""
        status, body = await self.call(verb, path, **options)
        assert status == 200, (status, body)
        return body

    async def account_of(self, integration: str, **values: Any) -> dict[str, Any]:
        """A new account of an installed integration."""
        installs = await self.ok("GET", f"/environment-integration?integration.name={integration}")
        body = {"tenant_id": "acme", "authentication_method": "api_key", "context": {}} | values
        body["environment_integration_id"] = installs["result"][0]["id"]
        account: dict[str, Any] = await self.ok("POST", "/integrated-account", json=body)
        return account

    async def sandbox_of(self, integration: str, *models: str) -> str:
        """The id of the sandbox account of a shipped integration. What of it and the models is not installed
        yet is installed first."""
        for model in models:
            await self.install_of_model(model)
        path = f"/integrated-account?is_sandbox=true&integration.name={integration}"
        found = await self.ok("GET", path)
        if not found["result"]:
            await self.ok("POST", "/environment-integration", json={"integration_id": integration})
            found = await self.ok("GET", path)
        identity: str = found["result"][0]["id"]
        return identity

    async def install_of_model(self, model: str) -> str:
        """The id of the install of a unified model, which is installed if it is not yet."""
        row = await self.ok("POST", "/environment-unified-model", json={"unified_model_id": model})
        identity: str = row["id"]
        return identity


async def run_in(loop: asyncio.AbstractEventLoop | None, work: Awaitable[T]) -> T:
    """What `work` returns, awaited in `loop`; None for the loop of the caller."""

    async def run() -> T:
        return await work

    if loop is None:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), loop))


class _EndingAtOnce(uvicorn.Server):
    """Ends when it is told to, not at the next of its ticks."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        ticks = itertools.count()
        while not self.should_exit and not await self.on_tick(next(ticks)):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._ended.wait()


@asynccontextmanager
async def serving(settings: Settings, *, clock: Clock | None = None, port: int = 0) -> AsyncIterator[Server]:
    """`settings` with loopback allowed as a target, so that fakes can be called. `port`: 0 for a free one."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = replace(
            settings,
            egress_allow=LOOPBACK,
            bootstrap_token=Secret(TOKEN),
            public_api_url=settings.public_api_url or url,
        )
        async with Application.open(settings, clock=clock) as application:
            config = uvicorn.Config(
                application.asgi,
                lifespan="off",
                http=BoundedHttpProtocol,
                log_config=None,
                access_log=False,
                timeout_keep_alive=75,
            )
            server = _EndingAtOnce(config)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                async with aiohttp.ClientSession() as session:
                    yield Server(url, TOKEN, application, session)
            finally:
                server.end()
                await task
