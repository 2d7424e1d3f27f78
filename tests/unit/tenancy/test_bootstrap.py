"""The first start, once, however many processes make it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.db.tables import api_token, environment, team, user
from isthmus.kit.secret import Secret
from isthmus.tenancy import bootstrap

pytestmark = pytest.mark.both_databases

GIVEN = "given-by-the-operator-0123456789"


async def test_the_first_start_makes_one_of_each(database: Database, settings: Settings) -> None:
    first = await bootstrap(database, settings)
    assert first is not None
    async with database.read() as conn:
        assert (await conn.execute(select(environment.c.name))).scalars().all() == ["development"]
        for table in (team, user, environment, api_token):
            assert (await conn.execute(select(func.count()).select_from(table))).scalar_one() == 1
    token = first.token.reveal()
    assert token.startswith("isth_")
    assert len(token) == 5 + 43


async def test_a_later_start_makes_nothing_and_shows_nothing(database: Database, settings: Settings) -> None:
    await bootstrap(database, settings)
    assert await bootstrap(database, settings) is None
    assert await bootstrap(database, replace(settings, bootstrap_token=Secret(GIVEN))) is None


async def test_a_given_token_is_taken(database: Database, settings: Settings) -> None:
    first = await bootstrap(database, replace(settings, bootstrap_token=Secret(GIVEN)))
    assert first is not None
    assert first.token.reveal() == GIVEN


async def test_the_environment_is_filled_in_the_same_transaction(
    database: Database, settings: Settings
) -> None:
    filled: list[str] = []

    async def install(conn: AsyncConnection, environment_id: str) -> None:
        assert (await conn.execute(select(environment.c.id))).scalar_one() == environment_id
        filled.append(environment_id)

    first = await bootstrap(database, settings, fill_environment=install)
    assert first is not None
    assert filled == [first.environment_id]


async def test_a_failed_fill_leaves_no_half_made_team(database: Database, settings: Settings) -> None:
    async def install(conn: AsyncConnection, environment_id: str) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await bootstrap(database, settings, fill_environment=install)
    async with database.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(team))).scalar_one() == 0
    assert await bootstrap(database, settings) is not None


async def test_of_starts_at_once_one_is_first(database: Database, settings: Settings) -> None:
    others = [await open_database(settings) for _ in range(4)]
    try:
        results = await asyncio.gather(*(bootstrap(each, settings) for each in (database, *others)))
    finally:
        for each in others:
            await each.close()
    assert sum(result is not None for result in results) == 1
