"""A PostgreSQL server that keeps its connections and answers nothing: nobody who serves a caller waits for
it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from tests.background import until
from tests.fakes.postgresql_link import PostgresqlLink, linked_postgresql

from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.db.answer_limit import ANSWER_LIMIT, CALLER_WAITS
from isthmus.db.engines import LOCK_SECONDS
from isthmus.db.epochs import _POLL_LIMIT_SECONDS
from isthmus.db.outages import find_outage
from isthmus.kit.secret import Secret

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

LIMIT = 0.2


@pytest.fixture
async def link(database_url: str) -> AsyncIterator[PostgresqlLink]:
    async with linked_postgresql(database_url) as link:
        yield link


@pytest.fixture
async def linked(link: PostgresqlLink, settings: Settings) -> AsyncIterator[Database]:
    database = await open_database(replace(settings, database_url=Secret(link.own_url), database_pool_size=2))
    yield database
    link.restore()
    await database.close()


async def read_in_time(database: Database, limit: float | None = LIMIT) -> str | None:
    """Reads as a request does. Returns None, or the reason of the outage."""
    ANSWER_LIMIT.set(limit)
    try:
        async with database.read() as conn:
            await conn.execute(text("SELECT 1"))
    except Exception as error:  # of any kind: it is what the test compares
        outage = find_outage(error)
        if outage is None:
            raise
        return outage.reason
    return None


async def test_a_silent_server_is_an_outage_once_the_limit_is_over(
    linked: Database, link: PostgresqlLink
) -> None:
    async with linked.read() as conn:
        await conn.execute(text("SELECT 1"))
        link.silence()
        ANSWER_LIMIT.set(LIMIT)
        began = time.monotonic()
        with pytest.raises(Exception, match="closed the connection") as caught:
            await conn.execute(text("SELECT 1"))
        assert LIMIT <= time.monotonic() - began < 10 * LIMIT
    assert find_outage(caught.value) is not None


async def test_one_caller_at_a_time_tries_a_silent_server_and_the_others_are_told_at_once(
    linked: Database, link: PostgresqlLink
) -> None:
    link.silence()
    trying = asyncio.create_task(read_in_time(linked))
    before = link.connections
    await until(lambda: link.connections > before)
    async with asyncio.timeout(5):
        reasons = [await asyncio.create_task(read_in_time(linked)) for _ in range(20)]
    assert set(reasons) == {"no connection"}
    assert link.connections == before + 1
    assert not trying.done()
    link.restore()
    assert await trying is None
    assert await asyncio.create_task(read_in_time(linked)) is None


async def test_a_server_on_which_a_lock_is_held_is_not_away(database: Database) -> None:
    lock = text("SELECT 1 FROM locked_row FOR UPDATE")
    async with database.write() as conn:
        await conn.execute(text("CREATE TABLE locked_row AS SELECT 1"))
        assert (await conn.execute(text("SHOW lock_timeout"))).scalar_one() == f"{LOCK_SECONDS}s"
    assert min(_POLL_LIMIT_SECONDS, CALLER_WAITS) > LOCK_SECONDS

    async def wait_for_lock() -> None:
        ANSWER_LIMIT.set(2.0)
        async with database.write() as conn:
            await conn.execute(text("SET LOCAL lock_timeout = '50ms'"))
            await conn.execute(lock)

    async with database.write() as conn:
        await conn.execute(lock)
        with pytest.raises(OperationalError) as caught:
            await asyncio.create_task(wait_for_lock())
    outage = find_outage(caught.value)
    assert outage is not None
    assert outage.reason == "another transaction holds a lock"
    assert not caught.value.connection_invalidated


async def test_work_in_the_background_waits_until_the_server_answers_again(
    linked: Database, link: PostgresqlLink
) -> None:
    link.silence()
    waiting = asyncio.create_task(read_in_time(linked, None))
    done, _ = await asyncio.wait((waiting,), timeout=5 * LIMIT)
    assert not done
    link.restore()
    assert await waiting is None
