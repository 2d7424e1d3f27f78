"""A browser, a server with products to connect, and a page of a customer's that embeds the flow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from isthmus.config import Settings
from tests.chromium import attached, running_chromium
from tests.fakes.oauth1 import OAuth1, running_oauth1
from tests.fakes.oidc import Oidc, oidc_process
from tests.integration.connect.desk import Desk, Host, hosting
from tests.integration.connect.product import Product, running_product
from tests.integration.serving import serving
from tests.npm import CONNECT_SDK, install_packages
from tests.ports import free_port

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
    callback = f"http://127.0.0.1:{port}/connect-account/callback"
    with oidc_process(redirect_uris=[callback]) as running:
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
    return install_packages(*CONNECT_SDK) / "node_modules"
