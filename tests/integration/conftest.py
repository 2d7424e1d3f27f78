"""A running server, on SQLite and on PostgreSQL in turn. A server has started on its database before."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from isthmus.app import Application
from isthmus.config import Settings
from isthmus.kit.secret import Secret
from tests.conftest import environ_of, settings_of
from tests.integration.serving import TOKEN, Server, serving
from tests.postgres import PostgreSQL


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a server that has started once."""
    path = tmp_path_factory.mktemp("started") / "isthmus.sqlite3"
    _start_once(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the database of a server that has started once."""
    name = postgresql.create()
    _start_once(postgresql.url_of(name), tmp_path_factory.mktemp("started"))
    return name


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "ISTHMUS_BOOTSTRAP_TOKEN": TOKEN}


@pytest.fixture
def first_environ(empty_database_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a server that has not started yet."""
    return environ_of(empty_database_url, tmp_path / "data")


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Server]:
    async with serving(settings) as running:
        yield running


def _start_once(url: str, data_dir: Path) -> None:
    """In a thread: the loop of this one belongs to the tests."""

    settings = replace(settings_of(url, data_dir), bootstrap_token=Secret(TOKEN))

    async def start() -> None:
        async with Application.open(settings):
            pass

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, start()).result()
    gc.collect()  # a connection that was being made when its task ended is closed with its last reference
