from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.fakes.clock import VirtualClock

from isthmus.db import Database, EpochWatcher


@pytest.fixture
async def epochs(database: Database) -> AsyncIterator[EpochWatcher]:
    watcher = EpochWatcher(database, VirtualClock())
    await watcher.start()
    yield watcher
    await watcher.stop()
