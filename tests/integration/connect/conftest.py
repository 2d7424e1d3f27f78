"""A browser, a server with products to connect, and a page of a customer's that embeds the flow."""

from __future__ import annotations

import asyncio
import gc
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from isthmus.app import Application
from isthmus.config import Settings
from isthmus.kit.secret import Secret
from tests.chromium import attached, running_chromium
from tests.conftest import SECRET_KEY
from tests.fakes.oauth1 import OAuth1, running_oauth1
from tests.fakes.oidc import Oidc, oidc_modules, oidc_process
from tests.integration.connect.desk import Desk, Host, hosting
from tests.integration.connect.packages import npm_modules
from tests.integration.connect.product import Product, running_product
from tests.integration.serving import serving
from tests.ports import free_port
from tests.postgres import PostgreSQL

expect.set_options(timeout=60_000)  # many tests share the machine


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with attached(chromium) as browser:
        yield browser


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A profile without cookies."""
    context = await browser.new_context()
    context.set_default_timeout(60_000)
    yield context
    await context.close()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of a server that has started once: what that takes is not what these tests are about."""
    path = tmp_path_factory.mktemp("filled") / "isthmus.sqlite3"
    _start_once(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(scope="session")
def filled_postgresql(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = postgresql.create()
    _start_once(postgresql.url_of(name), tmp_path_factory.mktemp("filled"))
    return name


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """On SQLite, but for tests that say `ON_BOTH` or name it: what is drawn does not depend on it."""
    if getattr(request, "param", "sqlite") == "sqlite":
        path = tmp_path / "isthmus.sqlite3"
        shutil.copyfile(request.getfixturevalue("filled"), path)
        yield _settings(f"sqlite:///{path}", tmp_path)
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create(template=request.getfixturevalue("filled_postgresql"))
    yield _settings(server.url_of(name), tmp_path)
    server.drop(name)


def _start_once(url: str, data_dir: Path) -> None:
    """In a thread: the loop of this one belongs to the tests."""

    async def start() -> None:
        async with Application.open(_settings(url, data_dir)):
            pass

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, start()).result()
    gc.collect()  # a connection that was being made when its task ended is closed with its last reference


def _settings(url: str, data_dir: Path) -> Settings:
    return Settings(
        data_dir=data_dir,
        database_url=Secret(url),
        secret_key=Secret((SECRET_KEY,)),
        bootstrap_token=Secret("a-token-of-the-tests-0123456789"),
    )


@pytest.fixture
async def product() -> AsyncIterator[Product]:
    async with running_product() as fake:
        yield fake


@pytest.fixture
async def oauth1() -> AsyncIterator[OAuth1]:
    async with running_oauth1() as fake:
        yield fake


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def oidc(port: int) -> Iterator[Oidc]:
    modules = oidc_modules()
    if modules is None:
        pytest.skip("oidc-provider cannot be installed: it needs node and npm")
    callback = f"http://127.0.0.1:{port}/connect-account/callback"
    with oidc_process(modules, redirect_uris=[callback]) as running:
        yield running


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with hosting() as host:
        yield host


@pytest.fixture
async def desk(settings: Settings, product: Product, host: Host, port: int) -> AsyncIterator[Desk]:
    async with serving(settings, port=port) as server:
        yield Desk(server, product, host)


@pytest.fixture(scope="session")
def npm() -> Path:
    """The published SDK, and the checker of accessibility."""
    modules = npm_modules("@truto/truto-link-sdk@1.1.30", "axe-core@4.14.1")
    if modules is None:
        pytest.skip("node or npm is missing, or nothing can be installed")
    return modules
