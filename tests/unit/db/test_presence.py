"""The lock that shows a process as running, on PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from tests.conftest import SECRET_KEY

from isthmus.db import Database
from isthmus.db.encryption import KeyRing
from isthmus.db.presence import ProcessPresence
from isthmus.errors import DatabaseUnavailable


async def _is_running(database: Database, asking: ProcessPresence, key: int) -> bool:
    """Returns what the presence answers about the process with this key."""
    async with database.write() as conn:
        return await asking.is_running(conn, key)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_stop_right_after_the_start_closes_the_connection(database: Database) -> None:
    presence, other = ProcessPresence(database), ProcessPresence(database)
    await presence.start()
    await presence.stop()
    assert presence._connection is not None
    assert presence._connection.closed
    async with asyncio.timeout(20):  # the server frees the lock when its own process has ended
        while await _is_running(database, other, presence.key):
            pass


async def test_a_start_without_a_database_says_that_it_is_away() -> None:
    database = Database("postgresql://isthmus@127.0.0.1:1/isthmus", KeyRing([SECRET_KEY]))
    with pytest.raises(DatabaseUnavailable, match="no connection"):
        await ProcessPresence(database).start()
    await database.close()
