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
        """Makes a call; returns its status and body: JSON where it is JSON, else text. `token`: "" sends
        none, None the server's."""
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
        """The database of a server of the test's own, which runs in its loop."""
        assert self.application is not None
        assert self.loop is None
        return self.application.database

    async def use_database(self, use: Callable[[Database], Awaitable[T]]) -> T:
        """Runs `use` on the server's own database, in the loop that the server runs in; returns its
        result."""
        assert self.application is not None
        return await run_in(self.loop, use(self.application.database))

    async def write(self, use: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `use` in a transaction of the server's own database; returns its result."""

        async def write(database: Database) -> T:
            async with database.write() as conn:
                return await use(conn)

        return await self.use_database(write)

    async def ok(self, verb: str, path: str, **options: Any) -> Any:
        """Makes a call that must be answered with 200; returns its body."""
        status, body = await self.call(verb, path, **options)
        assert status == 200, (status, body)
        return body

    async def account_of(self, integration: str, **values: Any) -> dict[str, Any]:
        """Creates an account of an installed integration; returns its row."""
        installs = await self.ok("GET", f"/environment-integration?integration.name={integration}")
        body = {"tenant_id": "acme", "authentication_method": "api_key", "context": {}} | values
        body["environment_integration_id"] = installs["result"][0]["id"]
        account: dict[str, Any] = await self.ok("POST", "/integrated-account", json=body)
        return account

    async def sandbox_of(self, integration: str, *models: str) -> str:
        """Returns the id of the sandbox account of a shipped integration. Installs it and the models first,
        if they are not yet."""
        for model in models:
            await self.install_of_model(model)
        path = f"/integrated-account?is_sandbox=true&integration.name={integration}"
        accounts = await self.ok("GET", path)
        if not accounts["result"]:
            await self.ok("POST", "/environment-integration", json={"integration_id": integration})
            accounts = await self.ok("GET", path)
        identity: str = accounts["result"][0]["id"]
        return identity

    async def install_of_model(self, model: str) -> str:
        """Returns the id of the install of a unified model, which is installed if it is not yet."""
        row = await self.ok("POST", "/environment-unified-model", json={"unified_model_id": model})
        identity: str = row["id"]
        return identity


async def run_in(loop: asyncio.AbstractEventLoop | None, awaitable: Awaitable[T]) -> T:
    """Awaits in `loop`, None for the loop of the caller; returns the result."""

    async def run() -> T:
        return await awaitable

    if loop is None:
        return await awaitable
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), loop))


class _EndingAtOnce(uvicorn.Server):
    """Ends when it is told to, not at the next of its ticks."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Tells the server to end."""
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        """Ticks until the server is told to end."""
        ticks = itertools.count()
        while not self.should_exit and not await self.on_tick(next(ticks)):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._ended.wait()


@asynccontextmanager
async def serving(settings: Settings, *, clock: Clock | None = None, port: int = 0) -> AsyncIterator[Server]:
    """Runs a server in this process. Allows loopback as a target, so that fakes can be called. `port`: 0 for
    a free one."""
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
