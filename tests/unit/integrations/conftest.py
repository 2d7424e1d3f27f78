from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.clock import VirtualClock
from tests.unit.integrations.small_catalog import write_catalog
from tests.unit.integrations.world import World, make_world

from isthmus.db import Database, EpochWatcher
from isthmus.integrations.catalog.catalog_sync import sync_catalog
from isthmus.integrations.catalog.shipped_files import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return write_catalog(tmp_path / "catalog")


@pytest.fixture
async def world(database: Database, catalog: Catalog) -> World:
    await sync_catalog(database, catalog)
    return await make_world(database)


@pytest.fixture
async def epochs(database: Database) -> AsyncIterator[EpochWatcher]:
    watcher = EpochWatcher(database, VirtualClock())
    await watcher.start()
    yield watcher
    await watcher.stop()
