"""What the cases of bad input happen on: a server, the product that it calls, and an account there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from isthmus.tenancy import Administration
from isthmus.tenancy.administration import IssuedToken
from tests.fakes.larkdesk import Fault, Larkdesk, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server

Answered = tuple[int, Any]


@dataclass
class Scene:
    """A server, the fake it calls, and an account on the fake."""

    server: Server
    desk: Larkdesk
    install_id: str
    account: str

    async def unified(
        self, verb: str = "GET", rest: str = "tickets", query: str = "", **options: Any
    ) -> Answered:
        path = f"/unified/{MODEL}/{rest}?integrated_account_id={self.account}{query}"
        return await self.server.call(verb, path, **options)

    async def proxy(
        self, verb: str = "GET", rest: str = "tickets", query: str = "", **options: Any
    ) -> Answered:
        return await self.server.call(
            verb, f"/proxy/{rest}?integrated_account_id={self.account}{query}", **options
        )

    async def account_token(self) -> str:
        body = {"integrated_account_id": self.account}
        made = await self.server.ok("POST", "/integrated-account/token", json=body)
        token: str = made["token"]
        return token

    async def issue_token(self, expires_at: datetime | None = None) -> IssuedToken:
        """A token of this environment, as the command line makes it."""
        environment = (await self.server.ok("GET", "/me"))["environment"]["id"]
        return await self.server.use_database(
            lambda database: Administration(database).create_token(
                environment, "short-lived", expires_at=expires_at
            )
        )

    async def batch(self, *nodes: dict[str, str]) -> Answered:
        body = {
            "integrated_account_id": self.account,
            "resources": [{"method": "list", **node} for node in nodes],
        }
        return await self.server.call("POST", "/batch-request", json=body)

    async def after(self, fault: Fault) -> Answered:
        self.desk.cue(fault)
        return await self.proxy()


@asynccontextmanager
async def scene(server: Server) -> AsyncIterator[Scene]:
    async with running(Larkdesk(limit=RequestLimit(None))) as desk:
        install_id = await install(server)
        yield Scene(server, desk, install_id, await connect(server, install_id, desk.url))
