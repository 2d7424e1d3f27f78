"""The fake archive, installed through the API, with an account whose OAuth 1.0a tokens are imported."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.fakes.vaultline import TOKEN, Vaultline, definition, running
from tests.integration.serving import Server

__all__ = ["Vault", "connected"]


@dataclass
class Vault:
    """The installed archive, and an account of it."""

    server: Server
    fake: Vaultline
    account: str

    async def send(self, verb: str, path: str, **options: Any) -> tuple[aiohttp.ClientResponse, bytes]:
        """Makes a call; returns the answer with its headers, and its body. `query` goes behind the account's
        id."""
        query = options.pop("query", "")
        headers = {"authorization": f"Bearer {self.server.token}", **options.pop("headers", {})}
        url = f"{self.server.url}{path}?integrated_account_id={self.account}{query}"
        async with self.server.session.request(verb, url, headers=headers, **options) as response:
            return response, await response.read()

    async def ok(self, verb: str, path: str, query: str = "", **options: Any) -> Any:
        """Makes a call that must be answered with 200; returns its body."""
        return await self.server.ok(verb, f"{path}?integrated_account_id={self.account}{query}", **options)

    async def refused(self, verb: str, path: str, query: str = "", **options: Any) -> tuple[int, Any]:
        """Makes a call that must be refused; returns status and body."""
        status, body = await self.server.call(
            verb, f"{path}?integrated_account_id={self.account}{query}", **options
        )
        assert status >= 400, body
        return status, body


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Vault]:
    """Runs the archive and installs it; yields it with an account."""
    async with running(Vaultline()) as fake:
        integration = await server.ok("POST", "/integration", json=definition(fake.url))
        body = {"integration_id": integration["id"]}
        await server.ok("POST", "/environment-integration", json=body)
        token = {"access_token": TOKEN[0], "access_token_secret": TOKEN[1]}
        account = await server.account_of(
            "vaultline", authentication_method="oauth", context={"oauth": {"token": token}}
        )
        yield Vault(server, fake, account["id"])
