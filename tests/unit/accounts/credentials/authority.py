"""A product whose refresh tokens are good once, an account of it, and calls to that."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import select
from tests.fakes.listening import running_app
from tests.unit.accounts.conftest import Desk, WatchedClock

from isthmus.accounts import Connections
from isthmus.api.call_parsing import parse_call
from isthmus.db import Database
from isthmus.db.tables import credential_refresh
from isthmus.engine import proxy
from isthmus.kit.ids import new_id

__all__ = [
    "ACTION",
    "DEFINITION",
    "REVOKES",
    "Authority",
    "authority_running",
    "call",
    "connect",
    "journal_of",
    "with_time",
]

DEFINITION = """
name: brightfold
label: Brightfold Desk
sharing: allow
config:
  base_url: "{{url}}"
  credentials:
    api_key: {config: {fields: [{name: url}, {name: api_key, type: password}]}}
    oauth2:
      config:
        client: {id: app, secret: shh}
        auth: {tokenHost: "{{url}}", tokenPath: /token}
        scope: [read]
    oauth2_client_credentials:
      config:
        auth: {tokenHost: "{{url}}", tokenPath: /token}
        fields: [{name: url}, {name: client_id}, {name: client_secret, type: password}]
  authorization: {format: bearer}
  resources:
    tickets: {list: {path: /tickets, response_path: items}, create: {method: post, path: /tickets}}
"""
REVOKES = DEFINITION.replace("/token}\n        scope", "/token, revokePath: /revoke}\n        scope")
ACTION = """
  actions:
    refresh_token:
      steps:
        - type: request
          config: {method: post, path: /exchange, no_auth: true, body: {old: "{{oauth.token.refresh_token}}"}}
        - {type: update_context, config: {expression: "{ 'oauth': { 'token': $previous } }"}}
"""


@dataclass
class Authority:
    """A product and its token endpoint. A refresh token is good once, and an access token until the next one.

    `refreshes`: forms that were sent; `asked` is set with each. `script`: (status, body) to answer token
    calls with, before anything is looked at; None as status hangs up. `gate`: token calls wait for it.
    `refusal`: the status of calls with another access token. `revoked`: tokens that it was told are done
    with; `answers`: statuses to give to that first, then 200.
    """

    url: str = ""
    access: str = "at-0"
    refresh: str | None = "rt-0"
    refreshes: list[dict[str, str]] = field(default_factory=list)
    served: int = 0
    script: list[tuple[int | None, Any]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    seconds: int | None = 3600
    refusal: int = 401
    revoked: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.gate.set()

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Answers a token call, by the script or with new tokens for the valid refresh token."""
        sent = dict(await request.post()) if request.path == "/token" else await request.json()
        self.refreshes.append({name: str(value) for name, value in sent.items()})
        self.asked.set()
        await self.gate.wait()
        if self.script:
            status, body = self.script.pop(0)
            if status is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            if isinstance(body, str):
                return web.Response(text=body, status=status, content_type="text/html")
            return web.json_response(body, status=status)
        old = sent.get("refresh_token") or sent.get("old")
        if old != self.refresh and sent.get("grant_type") != "client_credentials":
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(self.issue())

    def issue(self) -> dict[str, Any]:
        """Makes new tokens, which replace the ones before; returns the token response."""
        number = next(self.numbers)
        self.access, self.refresh = f"at-{number}", f"rt-{number}"
        reply = {"access_token": self.access, "refresh_token": self.refresh, "token_type": "Bearer"}
        return reply if self.seconds is None else {**reply, "expires_in": self.seconds}

    async def tickets(self, request: web.Request) -> web.StreamResponse:
        """Answers a call with the valid access token; refuses any other."""
        if request.headers.get("Authorization") != f"Bearer {self.access}":
            return web.json_response({"message": "no"}, status=self.refusal)
        self.served += 1
        return web.json_response({"items": [{"no": self.served}]})

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """Writes a revoked token down."""
        assert request.headers["authorization"].startswith("Basic ")
        self.revoked.append(str((await request.post())["token"]))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@asynccontextmanager
async def authority_running() -> AsyncIterator[Authority]:
    """Runs the product; yields it."""
    fake = Authority()
    app = web.Application()
    app.router.add_post("/token", fake.token)
    app.router.add_post("/exchange", fake.token)
    app.router.add_post("/revoke", fake.revoke)
    app.router.add_route("*", "/tickets", fake.tickets)
    async with running_app(app) as fake.url:
        yield fake


async def connect(desk: Desk, clock: WatchedClock, *, ends_in: float | None = 3600.0, **token: Any) -> str:
    """Connects an account by `oauth2` whose token ends in so many seconds, None for no end; returns its
    id."""
    held = {"access_token": "at-0", "refresh_token": "rt-0", **token}
    if ends_in is not None:
        held["expires_at"] = (clock.now() + timedelta(seconds=ends_in)).isoformat()
    held = {name: value for name, value in held.items() if value is not None}
    row = await desk.connect(
        authentication_method="oauth2", context={"url": desk.url, "oauth": {"token": held, "scope": ["read"]}}
    )
    return str(row["id"])


async def call(connections: Connections, desk: Desk, id: str, method: str = "list", **values: Any) -> Any:
    """Makes a proxy call of the account's tickets; returns its result."""
    connection = await connections.open(desk.scope.environment_id, id, request_id=new_id())
    return await proxy.call_method(
        connection.upstream, connection.definition, "tickets", parse_call(method, **values)
    )


async def with_time(task: asyncio.Future[Any], clock: WatchedClock, step: float = 0.5) -> Any:
    """Moves time on until the task ends; returns its result."""
    while not task.done():
        await clock.advance(step)
        await asyncio.wait({task}, timeout=0.02)
    return await task


async def journal_of(database: Database, id: str) -> Any:
    """Returns the row of a refresh; raises NoResultFound if there is none."""
    async with database.read() as conn:
        refresh_row = select(credential_refresh).where(credential_refresh.c.id == id)
        return (await conn.execute(refresh_row)).mappings().one()
