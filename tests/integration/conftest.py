"""Running servers, each on a database that a server has started on before.

Most tests take `server` or `desk_server`, an environment on the server that the tests of a worker share.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from isthmus.app import Application
from isthmus.config import Settings
from isthmus.kit.secret import Secret
from tests.conftest import copied_database, environ_of, settings_of
from tests.integration import larkdesk
from tests.integration.serving import TOKEN, Server, serving
from tests.integration.shared_server import SharedServer, serving_in_a_thread
from tests.postgres import PostgreSQL

StartServer = Callable[[str], SharedServer]
"""Starts the server of a template, or gives the one that runs."""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a server that has started once."""
    path = tmp_path_factory.mktemp("started") / "isthmus.sqlite3"
    _fill(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the database of a server that has started once."""
    name = postgresql.create()
    _fill(postgresql.url_of(name), tmp_path_factory.mktemp("started"))
    return name


@pytest.fixture(scope="session")
def sqlite_desk(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `sqlite_template`, with the fake help desk and a model of it installed."""
    path = tmp_path_factory.mktemp("desk") / "isthmus.sqlite3"
    shutil.copyfile(sqlite_template, path)
    _fill(f"sqlite:///{path}", path.parent, with_desk=True)
    return path


@pytest.fixture(scope="session")
def postgresql_desk(
    postgresql: PostgreSQL, postgresql_template: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """As `postgresql_template`, with the fake help desk and a model of it installed."""
    name = postgresql.create(template=postgresql_template)
    _fill(postgresql.url_of(name), tmp_path_factory.mktemp("desk"), with_desk=True)
    return name


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "ISTHMUS_BOOTSTRAP_TOKEN": TOKEN}


@pytest.fixture
def first_environ(empty_database_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a server that has not started yet."""
    return environ_of(empty_database_url, tmp_path / "data")


@pytest.fixture(scope="session")
def sqlite_servers(request: pytest.FixtureRequest) -> Iterator[StartServer]:
    """The servers on SQLite that the tests of a worker share."""
    with _sharing_servers("sqlite", request) as start:
        yield start


@pytest.fixture(scope="session")
def postgresql_servers(
    request: pytest.FixtureRequest,
    postgresql_copies: object,  # ends after the servers that use it
) -> Iterator[StartServer]:
    """The servers on PostgreSQL that the tests of a worker share."""
    with _sharing_servers("postgresql", request) as start:
        yield start


@contextmanager
def _sharing_servers(backend: str, request: pytest.FixtureRequest) -> Iterator[StartServer]:
    """Gives the server of a template, which is started when it is first asked for."""
    directories: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    with ExitStack() as stack:

        @cache
        def start(template: str) -> SharedServer:
            directory = directories.mktemp("shared")
            url = stack.enter_context(copied_database(backend, template, directory, request))
            return stack.enter_context(serving_in_a_thread(settings_of(url, directory / "data")))

        yield start


@pytest.fixture
def shared_servers(backend: str, request: pytest.FixtureRequest) -> StartServer:
    """The servers that tests share on the database of the test, by template."""
    start: StartServer = request.getfixturevalue(f"{backend}_servers")
    return start


@pytest.fixture
async def server(shared_servers: StartServer) -> AsyncIterator[Server]:
    """A team of the test's own on a shared server. Nothing is installed in its environment."""
    async with shared_servers("template").with_new_team() as server:
        yield server


@pytest.fixture
async def desk_server(shared_servers: StartServer) -> AsyncIterator[Server]:
    """An environment of the test's own on a shared server, with the help desk and a model of it installed.

    Other tests have theirs in the same team: what belongs to the team is not to be changed."""
    async with shared_servers("desk").with_new_desk() as server:
        yield server


@pytest.fixture
async def own_server(settings: Settings) -> AsyncIterator[Server]:
    """A server of the test's own, as a first start leaves it: with everything shipped installed."""
    async with serving(settings) as server:
        yield server


@pytest.fixture
def desk_settings(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings for a server of the test's own that has the help desk installed as well."""
    with copied_database(backend, "desk", tmp_path, request) as url:
        yield settings_of(url, tmp_path / "data")


def _fill(url: str, data_dir: Path, *, with_desk: bool = False) -> None:
    """Starts a server on a database, in a thread: the loop of this one belongs to the tests."""

    settings = replace(settings_of(url, data_dir), bootstrap_token=Secret(TOKEN))

    async def start() -> None:
        if with_desk:
            async with serving(settings) as server:
                await larkdesk.install(server)
        else:
            async with Application.open(settings):
                pass

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, start()).result()
    gc.collect()  # a connection that was being made when its task ended is closed with its last reference
