"""The tokens of a blocked account are renewed by nobody, until it is taken off the list."""

from __future__ import annotations

import pytest
from tests.background import tick
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.credentials.authority import Authority, call, connect

from isthmus.accounts import Connections
from isthmus.accounts.block_list import BlockList
from isthmus.accounts.credentials.token_refresh import REFRESH_JOB, ignore_failed_refresh
from isthmus.db import Database
from isthmus.errors import AccountBlocked
from isthmus.jobs import Handlers


async def test_no_token_of_a_blocked_account_is_renewed(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    """Not by a call, on request, for one who uses it elsewhere, or ahead of time."""
    environment_id = desk.scope.environment_id
    id = await connect(desk, clock, ends_in=1800)
    handlers = Handlers()
    handlers.register(REFRESH_JOB, connections.run_refresh_job, on_failure=ignore_failed_refresh)
    await BlockList(database).block(id)
    await clock.advance(1800)
    await tick(database, handlers)
    await connections.refresh_expiring_token(environment_id, id, request_id="r")
    with pytest.raises(AccountBlocked):
        await connections.refresh_credentials(environment_id, id, request_id="r")
    with pytest.raises(AccountBlocked):
        await call(connections, desk, id)
    assert authority.refreshes == []
    await BlockList(database).unblock(id)
    await call(connections, desk, id)
    assert len(authority.refreshes) == 1
