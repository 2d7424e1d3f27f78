"""A running server, on SQLite and on PostgreSQL in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from isthmus.config import Settings
from tests.integration.serving import Server, serving


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Server]:
    async with serving(settings) as running:
        yield running
