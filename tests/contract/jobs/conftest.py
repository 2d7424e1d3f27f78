"""A database on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from isthmus.config import Settings
from isthmus.db import Database, open_database
from tests.fakes.clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2030, 1, 1, 12, tzinfo=UTC))


@pytest.fixture
async def database(settings: Settings, clock: VirtualClock) -> AsyncIterator[Database]:
    opened = await open_database(settings, clock=clock)
    yield opened
    await opened.close()
