"""A flow over real rows and a provider on loopback."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from aiohttp import web
from sqlalchemy import select
from starlette.applications import Starlette
from tests.fakes.clock import VirtualClock
from tests.fakes.listening import listening
from tests.unit.integrations.small_catalog import write_catalog
from tests.unit.integrations.world import World, query

from isthmus.accounts import Accounts, Connections, JsonCallLog
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.connect.credential_exchange import CredentialExchange
from isthmus.connect.flow import Flow
from isthmus.connect.link_tokens import LinkTokens
from isthmus.connect.rapid_form import RapidForms
from isthmus.connect.screens import IntegrationSummary, RapidForm
from isthmus.connect.session_outcomes import SessionOutcomes
from isthmus.connect.sessions import PageOptions, Session
from isthmus.db import Database, EpochWatcher
from isthmus.db.tables import event
from isthmus.http import Guard, HttpClient
from isthmus.integrations.catalog.exchanges import Exchanges
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions
from isthmus.integrations.rows.scope import EnvironmentScope
from isthmus.tenancy import AccountTokens
from isthmus.ui import PageParts, build_pages

DEFINITION = """
name: brightfold
label: Brightfold Desk
sharing: allow
config:
  label: Brightfold Desk
  base_url: "{{url}}"
  credentials:
    api_key:
      config:
        fields:
          - {name: url, format: url, required: true}
          - {name: api_key, label: Key, type: password, required: true}
          - {name: region, type: single_select, options: [{label: Europe, value: 1}, {label: US, value: 2}]}
    oauth2:
      config:
        client: {id: app, secret: shh}
        auth: {tokenHost: "{{url}}", tokenPath: /token, authorizePath: /authorize}
        scope: [all]
        fields: [{name: url, required: true}]
    oauth2_client_credentials:
      config:
        auth: {tokenHost: "{{url}}", tokenPath: /token}
        fields: [{name: url}, {name: client_id}, {name: client_secret, type: password}]
    oauth:
      config:
        requestTokenUrl: "{{url}}/request"
        authorizeUrl: "{{url}}/authorize"
        tokenUrl: "{{url}}/access"
        client: {id: key, secret: sec}
        fields: [{name: url}]
  resources:
    tickets: {list: {path: /tickets, scopes: [tickets.read]}, get: {path: /tickets, scopes: [tickets.read]}}
"""


@dataclass
class Authority:
    """`answers`: of the token endpoint, in order; then a token. `seen`: path and form of each call.
    `signed`: its header `Authorization`."""

    url: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Writes the request down and answers it, by `answers` or with a token."""
        sent = {name: str(value) for name, value in (await request.post()).items()}
        self.seen.append((request.path, sent))
        self.signed.append(request.headers.get("authorization", ""))
        if self.answers:
            status, body = self.answers.pop(0)
            return web.json_response(body, status=status)
        if request.path == "/request":
            return web.Response(text="oauth_token=rt&oauth_token_secret=rs&oauth_callback_confirmed=true")
        if request.path == "/access":
            return web.Response(text="oauth_token=at&oauth_token_secret=as")
        return web.json_response({"access_token": "at", "refresh_token": "rt", "expires_in": 3600})


class NoForms:
    """Says of every account that it has no form."""

    async def build_form(
        self, session: Session, account_id: str, face: IntegrationSummary
    ) -> RapidForm | None:
        """Returns no form."""
        return None


@dataclass
class Desk:
    """The flow, and what a test looks at."""

    flow: Flow
    database: Database
    scope: EnvironmentScope
    install_id: str
    authority: Authority
    clock: VirtualClock
    connections: Connections
    account_tokens: AccountTokens
    pages: Starlette

    async def link(self, scope: EnvironmentScope | None = None, **values: Any) -> str:
        """Creates a link token, of the first environment unless another is given; returns its secret."""
        async with self.database.write() as conn:
            sent = {"tenant_id": "t-1", **values}
            return (await LinkTokens(conn, scope or self.scope).create(sent)).reveal()

    async def open(self, token: str | None = None, **options: Any) -> Session:
        """Opens a link, a new one unless a token is given; returns the session."""
        session, _ = await self.flow.begin_link_session(token or await self.link(), PageOptions(**options))
        return session

    async def accounts(self, scope: EnvironmentScope | None = None) -> list[dict[str, Any]]:
        """Returns the accounts that somebody connected."""
        async with self.database.read() as conn:
            page = await Accounts(conn, scope or self.scope).list(query(("is_sandbox", "false")))
        return [dict(row) for row in page.rows]

    async def told(self, account_id: str) -> list[str]:
        """Returns the events about an account, in order, without the prefix of their names."""
        async with self.database.read() as conn:
            event_names = select(event.c.event).where(event.c.resource_id == account_id).order_by(event.c.seq)
            return [name.partition(":")[2] for name in (await conn.execute(event_names)).scalars()]

    async def travel(self, session: Session, format: str) -> tuple[dict[str, str], str, str]:
        """Submits the form and goes to the provider; returns the query it is sent, its state, and the cookie
        of the browser."""
        sent = await self.flow.submit_form(session, "brightfold", format, {"url": self.authority.url})
        assert sent.ticket is not None, sent.screen
        address, binding = await self.flow.start_authorization(sent.ticket.reveal())
        query = dict(parse_qsl(urlsplit(address).query))
        return query, query.get("state", ""), binding.reveal()


@pytest.fixture
def definition() -> str:
    return DEFINITION


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    fake = Authority()
    async with listening(fake.answer) as fake.url:
        yield fake


@pytest.fixture
def clock(database: Database) -> VirtualClock:
    clock = VirtualClock(database.clock.now())
    database.clock = clock
    return clock


@pytest.fixture
async def desk(
    database: Database,
    world: World,
    install_id: str,
    authority: Authority,
    clock: VirtualClock,
    tmp_path: Path,
) -> AsyncIterator[Desk]:
    epochs = EpochWatcher(database, VirtualClock())
    await epochs.start()
    effective = EffectiveDefinitions(database, epochs)
    guard = Guard(["127.0.0.0/8"])
    async with HttpClient(guard) as http:
        log = JsonCallLog(logging.getLogger("test.calls"))
        exchanges = Exchanges(write_catalog(tmp_path / "catalog"))
        connections = Connections(database, epochs, effective, http, clock, log, exchanges)
        calls = CredentialExchange(guard, clock, "https://app.test")
        lifecycle = Lifecycle(database, connections, clock)
        flow = Flow(database, effective, http, calls, lifecycle, NoForms())
        account_tokens = AccountTokens(b"k" * 32, clock)
        pages = build_pages(
            PageParts(
                database=database,
                flow=flow,
                outcomes=SessionOutcomes(database, effective, lifecycle, flow),
                rapid_forms=RapidForms(database, connections),
                account_tokens=account_tokens,
                clock=clock,
                catalog=write_catalog(tmp_path / "catalog"),
                public_url="https://app.test",
            )
        )
        yield Desk(
            flow, database, world.mine, install_id, authority, clock, connections, account_tokens, pages
        )
    await epochs.stop()


def of_formats(*names: str) -> str:
    """Returns the definition with these credential formats alone."""
    data = yaml.safe_load(DEFINITION)
    credentials = data["config"]["credentials"]
    data["config"]["credentials"] = {name: credentials[name] for name in names}
    text: str = yaml.safe_dump(data)
    return text


def typed(desk: Desk, **values: str) -> dict[str, str]:
    """Returns what a person types into the form of an API key."""
    return {"url": desk.authority.url, "api_key": " k-1 ", **values}
