"""A token is renewed although nobody calls."""

from __future__ import annotations

import pytest
from tests.background import tick
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.credentials.authority import Authority, call, connect

from isthmus.accounts import Connections, JsonCallLog
from isthmus.accounts.credentials.token_refresh import REFRESH_AHEAD, REFRESH_JOB, ignore_failed_refresh
from isthmus.db import Database, EpochWatcher
from isthmus.http import HttpClient
from isthmus.integrations.catalog.exchanges import Exchanges
from isthmus.integrations.catalog.shipped_files import Catalog
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions
from isthmus.jobs import Handlers, defer, read_job_status

pytestmark = pytest.mark.both_databases


async def test_a_timer_follows_the_token(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    """Renewed before its timer, it is the new token's end that counts."""
    ahead = REFRESH_AHEAD.total_seconds()
    id = await connect(desk, clock, ends_in=1800)
    assert await timer(database, id, clock) == 1800 - ahead
    authority.access = "at-elsewhere"
    await call(connections, desk, id)
    assert await timer(database, id, clock) == 3600 - ahead
    handlers = Handlers()
    handlers.register(REFRESH_JOB, connections.run_refresh_job, on_failure=ignore_failed_refresh)
    await clock.advance(3600 - ahead)
    await tick(database, handlers)
    assert len(authority.refreshes) == 2
    assert await timer(database, id, clock) == 3600 - ahead


@pytest.mark.parametrize(("lifetime", "wait"), [(301, 150.5), (500, 250), (601, 301)])
async def test_a_timer_leaves_a_token_half_of_its_lifetime(
    connections: Connections,
    desk: Desk,
    database: Database,
    authority: Authority,
    clock: WatchedClock,
    lifetime: int,
    wait: float,
) -> None:
    authority.seconds = lifetime
    id = await connect(desk, clock, ends_in=0)
    await call(connections, desk, id)
    assert abs(await timer(database, id, clock) - wait) <= 0.5


async def test_nothing_is_renewed_ahead_of_time_where_that_is_turned_off(
    database: Database,
    epochs: EpochWatcher,
    http: HttpClient,
    catalog: Catalog,
    desk: Desk,
    authority: Authority,
    clock: WatchedClock,
) -> None:
    quiet = Connections(
        database,
        epochs,
        EffectiveDefinitions(database, epochs),
        http,
        clock,
        JsonCallLog(),
        Exchanges(catalog),
        refreshes_ahead=False,
    )
    await connect(desk, clock, ends_in=1800)
    handlers = Handlers()
    handlers.register(REFRESH_JOB, quiet.run_refresh_job, on_failure=ignore_failed_refresh)
    await clock.advance(1800)
    await tick(database, handlers)
    assert authority.refreshes == []


async def timer(database: Database, id: str, clock: WatchedClock) -> int:
    """The seconds until the account's token is renewed although nobody calls."""
    async with database.read() as conn:
        moment = (await read_job_status(conn, REFRESH_JOB, id)).run_at
    assert moment is not None
    return round((moment - clock.now()).total_seconds())


async def test_a_job_that_comes_too_early_comes_again(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    """As it does where the clock was set back after the token came."""
    id = await connect(desk, clock, ends_in=1800)
    at = await timer(database, id, clock)
    async with database.write() as conn:
        await defer(conn, REFRESH_JOB, id)
    handlers = Handlers()
    handlers.register(REFRESH_JOB, connections.run_refresh_job, on_failure=ignore_failed_refresh)
    await tick(database, handlers)
    assert authority.refreshes == []
    assert await timer(database, id, clock) == at
