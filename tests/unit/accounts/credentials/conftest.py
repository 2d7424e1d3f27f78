from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.accounts.conftest import Desk, install
from tests.unit.accounts.credentials.authority import DEFINITION, Authority, authority_running
from tests.unit.integrations.small_catalog import write_catalog
from tests.unit.integrations.world import World

from isthmus.db import Database
from isthmus.integrations.catalog.shipped_files import Catalog


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    async with authority_running() as fake:
        yield fake


@pytest.fixture
def definition() -> str:
    return DEFINITION


@pytest.fixture
def catalog(tmp_path: Path, definition: str) -> Catalog:
    return write_catalog(tmp_path / "catalog", integration=definition)


@pytest.fixture
async def desk(database: Database, world: World, authority: Authority) -> Desk:
    return await install(database, world.mine, authority.url)
