from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.unit.accounts.conftest import Desk
from tests.unit.accounts.credentials.authority import DEFINITION, Authority, authority_running
from tests.unit.integrations.world import World

from isthmus.db import Database


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    async with authority_running() as fake:
        yield fake


@pytest.fixture
def definition() -> str:
    return DEFINITION


@pytest.fixture
def desk(database: Database, world: World, install_id: str, authority: Authority) -> Desk:
    return Desk(database, world.mine, install_id, authority.url)
