"""A database with two environments, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert
from tests.fakes.clock import VirtualClock
from tests.unit.events.recording import HERE, THERE

from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.db.tables import environment, team
from isthmus.kit.ids import new_id


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2030, 1, 1, 12, tzinfo=UTC))


@pytest.fixture
async def database(settings: Settings, clock: VirtualClock) -> AsyncIterator[Database]:
    opened = await open_database(settings, clock=clock)
    row = {"created_at": clock.now(), "updated_at": clock.now()}
    async with opened.write() as conn:
        team_id = new_id()
        await conn.execute(insert(team).values(id=team_id, name="t", **row))
        for each in (HERE, THERE):
            await conn.execute(
                insert(environment).values(id=each, team_id=team_id, name=each, settings={}, **row)
            )
    yield opened
    await opened.close()
