"""A small catalogue, and the teams and environments that see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.integrations.small_catalog import BRIGHTFOLD, write_catalog
from tests.unit.integrations.world import World, make_world

from isthmus.db import Database
from isthmus.integrations.catalog.catalog_sync import sync_catalog
from isthmus.integrations.catalog.shipped_files import Catalog


@pytest.fixture
def definition() -> str:
    """The integration of the catalogue; rooms and modules have their own."""
    return BRIGHTFOLD


@pytest.fixture
def catalog(tmp_path: Path, definition: str) -> Catalog:
    return write_catalog(tmp_path / "catalog", integration=definition)


@pytest.fixture
async def world(database: Database, catalog: Catalog) -> World:
    await sync_catalog(database, catalog)
    return await make_world(database)
