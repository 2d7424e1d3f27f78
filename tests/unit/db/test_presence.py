"""The lock that shows a process as running, on PostgreSQL."""

from __future__ import annotations

import pytest
from tests.conftest import SECRET_KEY

from isthmus.db import Database
from isthmus.db.encryption import KeyRing
from isthmus.db.presence import ProcessPresence
from isthmus.errors import DatabaseUnavailable


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_stop_right_after_the_start_closes_the_connection(database: Database) -> None:
    presence, other = ProcessPresence(database), ProcessPresence(database)
    await presence.start()
    await presence.stop()
    assert presence._connection is not None
    assert presence._connection.closed
    async with database.write() as conn:
        assert not await other.is_running(conn, presence.key)


async def test_a_start_without_a_database_says_that_it_is_away() -> None:
    database = Database("postgresql://isthmus@127.0.0.1:1/isthmus", KeyRing([SECRET_KEY]))
    with pytest.raises(DatabaseUnavailable, match="no connection"):
        await ProcessPresence(database).start()
    await database.close()
