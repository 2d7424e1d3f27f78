from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.fakes.clock import VirtualClock
from tests.unit.accounts.provider import Provider
from tests.unit.integrations.small_catalog import write_catalog
from tests.unit.integrations.world import World, make_world

from isthmus.accounts import Accounts, Connections, Installs, JsonCallLog
from isthmus.db import Database, EpochWatcher
from isthmus.http import Guard, HttpClient
from isthmus.integrations import EnvironmentScope, EnvironmentUnifiedModels
from isthmus.integrations.catalog import Catalog, sync
from isthmus.integrations.effective import Effective
from isthmus.integrations.exchanges import Exchanges


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return write_catalog(tmp_path / "catalog")


@pytest.fixture
async def world(database: Database, catalog: Catalog) -> World:
    await sync(database, catalog)
    return await make_world(database)


@pytest.fixture
def clock(database: Database) -> VirtualClock:
    """Time of the account's pace; it starts where the database's clock stands."""
    return VirtualClock(database.clock.now())


@pytest.fixture
async def epochs(database: Database) -> AsyncIterator[EpochWatcher]:
    watcher = EpochWatcher(database, VirtualClock())
    await watcher.start()
    yield watcher
    await watcher.stop()


@dataclass
class Desk:
    """Brightfold, installed in `world.mine` with the desk model; what a test connects to it."""

    database: Database
    scope: EnvironmentScope
    install_id: str
    url: str
    context: dict[str, Any] = field(default_factory=dict)

    async def connect(self, **values: Any) -> dict[str, Any]:
        sent = {
            "tenant_id": "t-1",
            "environment_integration_id": self.install_id,
            "authentication_method": "api_key",
            "context": {"account": "acme", "api_key": "k-1", "url": self.url, **self.context},
            **values,
        }
        async with self.database.write() as conn:
            return await Accounts(conn, self.scope).create(sent)

    async def update(self, id: str, **changes: Any) -> dict[str, Any]:
        async with self.database.write() as conn:
            return await Accounts(conn, self.scope).update(id, changes)

    async def get(self, id: str) -> dict[str, Any]:
        async with self.database.read() as conn:
            return await Accounts(conn, self.scope).get(id)


async def install(database: Database, scope: EnvironmentScope, url: str) -> Desk:
    async with database.write() as conn:
        row = await Installs(conn, scope).create({"integration_id": "brightfold"})
        await EnvironmentUnifiedModels(conn, scope).create({"unified_model_id": "desk"})
    return Desk(database, scope, row["id"], url)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A product on loopback that does what a test says."""
    fake = Provider()
    runner = web.ServerRunner(web.Server(fake.answer), shutdown_timeout=0.1)  # type: ignore[arg-type]  # its requests are web.Request
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
async def desk(database: Database, world: World, provider: Provider) -> Desk:
    return await install(database, world.mine, provider.url)


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient(Guard(["127.0.0.0/8"])) as client:
        yield client


Connect = Callable[[], Awaitable[Connections]]


@pytest.fixture
def connections(
    database: Database, catalog: Catalog, epochs: EpochWatcher, http: HttpClient, clock: VirtualClock
) -> Connections:
    return Connections(
        database,
        epochs,
        Effective(database, epochs),
        http,
        clock,
        JsonCallLog(logging.getLogger("test.calls")),
        Exchanges(catalog),
    )
