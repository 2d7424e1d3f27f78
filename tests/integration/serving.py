"""A whole Isthmus on a loopback port, for tests that speak HTTP to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

import aiohttp
import uvicorn

from isthmus.app import Application
from isthmus.cli.server.http_protocol import BoundedHttpProtocol
from isthmus.config import Settings
from isthmus.kit.clock import Clock
from isthmus.kit.secret import Secret

LOOPBACK = (ip_network("127.0.0.0/8"),)
TOKEN = "isth_a-token-of-the-tests-0123456789"


@dataclass
class Server:
    """`url` has no trailing slash; `token` is the first start's."""

    url: str
    token: str
    application: Application
    session: aiohttp.ClientSession

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

    async def sandbox_of(self, integration: str) -> str:
        """The id of an integration's sandbox account."""
        path = f"/integrated-account?is_sandbox=true&integration.name={integration}"
        found = await self.ok("GET", path)
        identity: str = found["result"][0]["id"]
        return identity


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
            server = uvicorn.Server(config)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                async with aiohttp.ClientSession() as session:
                    yield Server(url, TOKEN, application, session)
            finally:
                server.should_exit = True
                await task
