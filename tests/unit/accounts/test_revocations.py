"""A token is revoked where its account is deleted, and its provider takes that word (RFC 7009)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from sqlalchemy import func, select
from tests.background import drain, tick
from tests.unit.accounts.conftest import Desk, WatchedClock, install
from tests.unit.integrations.small_catalog import write_catalog
from tests.unit.integrations.world import World

from isthmus.accounts import Accounts, Installs
from isthmus.accounts.revocations import Revocations
from isthmus.db import Database
from isthmus.db.tables import credential_revocation
from isthmus.http import HttpClient
from isthmus.integrations.catalog import Catalog
from isthmus.jobs import Handlers

REVOKES = """
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
        auth: {tokenHost: "{{url}}", tokenPath: /token, revokePath: /revoke}
  resources: {tickets: {list: {path: /tickets}}}
"""
SILENT = REVOKES.replace(", revokePath: /revoke", "")


@dataclass
class Authority:
    """`answers`: statuses to give first; then 200."""

    url: str = ""
    revoked: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        assert request.path == "/revoke"
        assert request.headers["authorization"].startswith("Basic ")
        self.revoked.append(dict(parse_qsl((await request.read()).decode()))["token"])
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    fake = Authority()
    runner = web.ServerRunner(web.Server(fake.answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
def definition() -> str:
    return REVOKES


@pytest.fixture
def catalog(tmp_path: Path, definition: str) -> Catalog:
    return write_catalog(tmp_path / "catalog", integration=definition)


@pytest.fixture
async def desk(database: Database, world: World, authority: Authority) -> Desk:
    return await install(database, world.mine, authority.url)


@pytest.fixture
def handlers(database: Database, http: HttpClient) -> Handlers:
    made = Handlers()
    Revocations(database, http).register(made)
    return made


async def connect(desk: Desk, tenant: str = "t-1", **token: Any) -> str:
    context = {"url": desk.url, "oauth": {"token": {"access_token": "at", **token}}}
    row = await desk.connect(tenant_id=tenant, authentication_method="oauth2", context=context)
    return str(row["id"])


async def waiting(database: Database) -> int:
    async with database.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(credential_revocation))).scalar_one())


async def test_each_way_to_delete_revokes_what_the_account_held(
    desk: Desk, database: Database, handlers: Handlers, authority: Authority
) -> None:
    one = await connect(desk, refresh_token="rt-one")
    await connect(desk, tenant="gone", refresh_token="rt-two")
    await connect(desk)
    await desk.connect(context={"url": desk.url, "api_key": "k"})
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete(one)
    await drain(database, handlers)
    assert authority.revoked == ["rt-one"]
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete_many({"tenant_id": "gone"})
    await drain(database, handlers)
    assert authority.revoked == ["rt-one", "rt-two"]
    async with database.write() as conn:
        await Installs(conn, desk.scope).delete(desk.install_id)
    await drain(database, handlers)
    assert authority.revoked == ["rt-one", "rt-two", "at"]
    assert await waiting(database) == 0


async def test_a_deletion_that_is_undone_revokes_nothing(
    desk: Desk, database: Database, handlers: Handlers, authority: Authority
) -> None:
    id = await connect(desk, refresh_token="rt")
    with suppress(RuntimeError):
        async with database.write() as conn:
            await Accounts(conn, desk.scope).delete(id)
            raise RuntimeError
    await drain(database, handlers)
    assert authority.revoked == []


@pytest.mark.parametrize("definition", [SILENT])
async def test_a_provider_that_takes_no_such_word_is_told_nothing(
    desk: Desk, database: Database, handlers: Handlers
) -> None:
    id = await connect(desk, refresh_token="rt")
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete(id)
    assert await waiting(database) == 0


@pytest.mark.parametrize(("answers", "calls"), [([503, 429], 3), ([400], 1), ([503] * 10, 6)])
async def test_an_outage_is_met_some_times_and_a_refusal_is_the_end(
    desk: Desk,
    database: Database,
    handlers: Handlers,
    authority: Authority,
    clock: WatchedClock,
    answers: list[int],
    calls: int,
) -> None:
    id = await connect(desk, refresh_token="rt")
    authority.answers = list(answers)
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete(id)
    await drain(database, handlers)
    for _ in range(10):
        await clock.advance(1000)
        await tick(database, handlers)
    assert len(authority.revoked) == calls
    assert await waiting(database) == 0
