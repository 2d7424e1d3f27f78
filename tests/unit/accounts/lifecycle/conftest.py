from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.lifecycle.steps_provider import CHECKED, CREDENTIALS, PREPARED, Product, running
from tests.unit.integrations.world import World

from isthmus.accounts import Connections
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.db import Database
from isthmus.jobs import Handlers


@pytest.fixture
async def product() -> AsyncIterator[Product]:
    async with running() as fake:
        yield fake


@pytest.fixture
def definition() -> str:
    return CREDENTIALS + PREPARED + CHECKED


@pytest.fixture
def desk(database: Database, world: World, install_id: str, product: Product) -> Desk:
    return Desk(database, world.mine, install_id, product.url)


@pytest.fixture
def handlers(database: Database, connections: Connections, clock: WatchedClock) -> Handlers:
    made = Handlers()
    Lifecycle(database, connections, clock).register(made)
    return made
