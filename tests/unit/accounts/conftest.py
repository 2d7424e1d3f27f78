from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from tests.fakes.clock import VirtualClock
from tests.fakes.listening import listening
from tests.unit.accounts.provider import Provider
from tests.unit.integrations.world import World, install_desk

from isthmus.accounts import Accounts, Connection, Connections, JsonCallLog
from isthmus.config import Settings
from isthmus.db import Database, EpochWatcher, open_database
from isthmus.db.tables import event
from isthmus.http import Guard, HttpClient
from isthmus.integrations.catalog.exchanges import Exchanges
from isthmus.integrations.catalog.shipped_files import Catalog
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions
from isthmus.integrations.rows.scope import EnvironmentScope


class WatchedClock(VirtualClock):
    """Tells when somebody sleeps on it, and how many do."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.slept_on = asyncio.Event()
        self.sleepers = 0

    async def sleep(self, seconds: float) -> None:
        """Sleeps, and counts the sleeper meanwhile."""
        self.slept_on.set()
        self.sleepers += 1
        try:
            await super().sleep(seconds)
        finally:
            self.sleepers -= 1


@pytest.fixture
def clock(database: Database) -> WatchedClock:
    """The time of calls and of rows."""
    clock = WatchedClock(database.clock.now())
    database.clock = clock
    return clock


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
        """Creates an account, with usual values unless others are given; returns its row."""
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
        """Changes an account; returns its row."""
        async with self.database.write() as conn:
            return await Accounts(conn, self.scope).update(id, changes)

    async def update_credentials(self, id: str, **credentials: Any) -> dict[str, Any]:
        """Changes credentials of an account; returns its row."""
        async with self.database.write() as conn:
            return await Accounts(conn, self.scope).update_credentials(id, {"context": credentials})

    async def get(self, id: str) -> dict[str, Any]:
        """Returns the row of an account."""
        async with self.database.read() as conn:
            return await Accounts(conn, self.scope).get(id)

    async def delete(self, id: str) -> None:
        """Deletes an account."""
        async with self.database.write() as conn:
            await Accounts(conn, self.scope).delete(id)

    async def told(self, id: str) -> list[str]:
        """Returns the events about an account, in order, without the prefix of their names."""
        async with self.database.read() as conn:
            event_names = select(event.c.event).where(event.c.resource_id == id).order_by(event.c.seq)
            return [name.partition(":")[2] for name in (await conn.execute(event_names)).scalars()]


async def install(database: Database, scope: EnvironmentScope, url: str) -> Desk:
    """Installs Brightfold and the desk model. `url`: of the product."""
    return Desk(database, scope, await install_desk(database, scope), url)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A product on loopback that does what a test says."""
    fake = Provider()
    async with listening(fake.answer) as fake.url:
        yield fake


@pytest.fixture
def desk(database: Database, world: World, install_id: str, provider: Provider) -> Desk:
    return Desk(database, world.mine, install_id, provider.url)


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient(Guard(["127.0.0.0/8"])) as client:
        yield client


@pytest.fixture
def connections(
    database: Database, catalog: Catalog, epochs: EpochWatcher, http: HttpClient, clock: VirtualClock
) -> Connections:
    return Connections(
        database,
        epochs,
        EffectiveDefinitions(database, epochs),
        http,
        clock,
        JsonCallLog(logging.getLogger("test.calls")),
        Exchanges(catalog),
    )


@pytest.fixture
async def other(
    settings: Settings, catalog: Catalog, http: HttpClient, clock: VirtualClock
) -> AsyncIterator[Connections]:
    """The connections of another process on the same database, which has just looked at the epochs."""
    database = await open_database(settings, clock=clock)
    watcher = EpochWatcher(database, VirtualClock())
    await watcher.start()
    effective = EffectiveDefinitions(database, watcher)
    log = JsonCallLog(logging.getLogger("test.other"))

    class Looking(Connections):
        async def open(self, environment_id: str, account_id: str, *, request_id: str) -> Connection:
            await watcher.poll()
            return await super().open(environment_id, account_id, request_id=request_id)

    yield Looking(database, watcher, effective, http, clock, log, Exchanges(catalog))
    await watcher.stop()
    await database.close()
