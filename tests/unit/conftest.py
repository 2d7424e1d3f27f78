"""A small catalogue, and the teams and environments that see it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from tests.conftest import copied_database, copy_of_database, settings_of
from tests.postgres import PostgreSQL
from tests.unit.integrations.small_catalog import BRIGHTFOLD, write_catalog
from tests.unit.integrations.world import World, install_desk, make_world

from isthmus.config import Settings
from isthmus.db import open_database
from isthmus.integrations.catalog.catalog_sync import sync_catalog
from isthmus.integrations.catalog.shipped_files import Catalog


@dataclass(frozen=True, slots=True)
class WorldTemplate:
    """A database with the small catalogue and the world in it, to be copied for a test. `original`: its file,
    or its name on the server. `install_id`: of the integration in `world.mine`; None where nothing is
    installed."""

    original: Path | str
    world: World
    install_id: str | None


WorldTemplates = Callable[[str, str, bool], WorldTemplate]
"""Returns the template for a backend, the text of an integration, and whether it is installed."""


@pytest.fixture
def definition() -> str:
    """The integration of the catalogue; rooms and modules have their own."""
    return BRIGHTFOLD


@pytest.fixture
def catalog(tmp_path: Path, definition: str) -> Catalog:
    return write_catalog(tmp_path / "catalog", integration=definition)


@pytest.fixture(scope="session")
def world_templates(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> WorldTemplates:
    """Each template is filled when a test of the worker first asks for it."""

    @cache
    def find(backend: str, definition: str, is_installed: bool) -> WorldTemplate:
        directory = tmp_path_factory.mktemp("world")
        catalog = write_catalog(directory / "catalog", integration=definition)
        original: Path | str
        if backend == "sqlite":
            original = directory / "isthmus.sqlite3"
            shutil.copyfile(request.getfixturevalue("sqlite_template"), original)
            url = f"sqlite:///{original}"
        else:
            server: PostgreSQL = request.getfixturevalue("postgresql")
            original = server.create(template=request.getfixturevalue("postgresql_template"))
            url = server.url_of(original)
        filling = _fill_template(settings_of(url, directory / "data"), catalog, is_installed=is_installed)
        with ThreadPoolExecutor(1) as thread:  # the loop of this one belongs to the tests
            world, install_id = thread.submit(asyncio.run, filling).result()
        return WorldTemplate(original, world, install_id)

    return find


async def _fill_template(
    settings: Settings, catalog: Catalog, *, is_installed: bool
) -> tuple[World, str | None]:
    """Makes the world, and installs the integration and the model in it."""
    database = await open_database(settings)
    try:
        await sync_catalog(database, catalog)
        world = await make_world(database)
        return world, await install_desk(database, world.mine) if is_installed else None
    finally:
        await database.close()


@pytest.fixture
def world_template(
    backend: str, definition: str, world_templates: WorldTemplates, request: pytest.FixtureRequest
) -> WorldTemplate:
    return world_templates(backend, definition, "install_id" in request.fixturenames)


@pytest.fixture
def database_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with the current schema, and with the world in it if the test asks for it."""
    if "world_template" in request.fixturenames:
        template: WorldTemplate = request.getfixturevalue("world_template")
        copy = copy_of_database(template.original, tmp_path, request)
    else:
        copy = copied_database(backend, "template", tmp_path, request)
    with copy as url:
        yield url


@pytest.fixture
def world(world_template: WorldTemplate) -> World:
    return world_template.world


@pytest.fixture
def install_id(world_template: WorldTemplate) -> str:
    """The id of the install of the integration in `world.mine`, where the model is installed too."""
    assert world_template.install_id is not None
    return world_template.install_id
