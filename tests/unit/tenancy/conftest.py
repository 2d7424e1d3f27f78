"""A team with two environments, and watchers that know what is committed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.fakes.clock import VirtualClock

from isthmus.config import Settings
from isthmus.db import Database, EpochWatcher
from isthmus.tenancy import Administration, bootstrap


@dataclass(frozen=True)
class Tenancy:
    team_id: str
    user_id: str
    development: str
    production: str
    token: str


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def epochs(database: Database, clock: VirtualClock) -> AsyncIterator[EpochWatcher]:
    watcher = EpochWatcher(database, clock)
    await watcher.start()
    yield watcher
    await watcher.stop()


@pytest.fixture
async def tenancy(database: Database, settings: Settings) -> Tenancy:
    first = await bootstrap(database, settings)
    assert first is not None
    production = await Administration(database).create_environment("production")
    return Tenancy(first.team_id, first.user_id, first.environment_id, production["id"], first.token.reveal())
