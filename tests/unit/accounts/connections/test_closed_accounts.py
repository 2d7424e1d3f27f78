"""What ends the wait that a provider has asked for, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NoReturn

import pytest
from aiohttp import web
from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError
from tests.fakes.listening import listening
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.connections.test_gateway import call
from tests.unit.accounts.provider import Provider

from isthmus.accounts import Connections, JsonCallLog
from isthmus.accounts.block_list import BlockList
from isthmus.accounts.connections.account_states import AccountStates
from isthmus.db import Database, EpochWatcher
from isthmus.db.tables import integrated_account
from isthmus.errors import NoFreeConnection, RemoteError, SetupError
from isthmus.http import Guard, HttpClient, HttpLimits
from isthmus.integrations.catalog.exchanges import Exchanges
from isthmus.integrations.catalog.shipped_files import Catalog
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions


@pytest.fixture
async def closed(connections: Connections, desk: Desk, provider: Provider) -> str:
    """The id of an account whose provider asks it to wait for the longest time that there is."""
    row = await desk.connect()
    provider.script = [(429, {"retry-after": "99999999"}, {})]
    with pytest.raises(RemoteError) as refused:
        await call(connections, desk, row["id"])
    assert refused.value.headers["retry-after"] == "3600"
    id: str = row["id"]
    return id


async def unblock(desk: Desk, id: str) -> None:
    await BlockList(desk.database).unblock(id)


async def send_new_credentials(desk: Desk, id: str) -> None:
    await desk.update_credentials(id, api_key="k-2")


async def test_an_absurd_wait_ends_after_an_hour(
    connections: Connections, desk: Desk, closed: str, clock: WatchedClock
) -> None:
    await clock.advance(3599.0)
    with pytest.raises(RemoteError, match="1 seconds of that are left"):
        await call(connections, desk, closed, "create")
    await clock.advance(1.0)
    await call(connections, desk, closed)


@pytest.mark.parametrize("lift", [unblock, send_new_credentials])
async def test_a_wait_is_lifted(
    connections: Connections,
    desk: Desk,
    closed: str,
    other: Connections,
    lift: Callable[[Desk, str], Awaitable[None]],
) -> None:
    with pytest.raises(RemoteError, match="asked to wait"):
        await call(other, desk, closed)
    await lift(desk, closed)
    for process in (connections, other):
        await call(process, desk, closed)


async def test_another_change_of_the_account_does_not_lift_the_wait(
    connections: Connections, desk: Desk, closed: str
) -> None:
    await desk.update(closed, context={"account": "other"})
    with pytest.raises(RemoteError, match="asked to wait"):
        await call(connections, desk, closed)


async def test_a_wait_is_lifted_after_the_clock_was_set_forward_past_its_end(
    connections: Connections, desk: Desk, closed: str, clock: WatchedClock
) -> None:
    clock.set_forward(7200)
    with pytest.raises(RemoteError, match="asked to wait"):
        await call(connections, desk, closed)
    await unblock(desk, closed)
    await call(connections, desk, closed)


async def test_an_account_that_neither_is_blocked_nor_waits_is_not_unblocked(desk: Desk) -> None:
    row = await desk.connect()
    with pytest.raises(SetupError, match="is not blocked, and no provider has asked it to wait"):
        await unblock(desk, row["id"])


@pytest.mark.parametrize("seconds", [-3600, 3600])
async def test_a_clock_that_is_set_does_not_change_the_wait(
    connections: Connections,
    desk: Desk,
    provider: Provider,
    clock: WatchedClock,
    other: Connections,
    seconds: float,
) -> None:
    row = await desk.connect()
    provider.script = [(429, {"retry-after": "30"}, {})]
    for process in (connections, other):
        with pytest.raises(RemoteError):
            await call(process, desk, row["id"])
    clock.set_forward(seconds)
    await desk.update(row["id"], tenant_id="t-2")  # so that both processes read its row anew
    for process in (connections, other):
        with pytest.raises(RemoteError, match="30 seconds of that are left"):
            await call(process, desk, row["id"])
    await clock.advance(30.0)
    for process in (connections, other):
        await call(process, desk, row["id"])


async def test_a_wait_after_the_clock_was_set_back_replaces_the_stored_one(
    connections: Connections, database: Database, desk: Desk, provider: Provider, clock: WatchedClock
) -> None:
    row = await desk.connect()
    for seconds in (0, -3600):
        clock.set_forward(seconds)
        await clock.advance(60.0)
        provider.script = [(429, {"retry-after": "30"}, {})]
        with pytest.raises(RemoteError):
            await call(connections, desk, row["id"])
        async with database.read() as conn:
            query = select(integrated_account.c.closed_until).where(integrated_account.c.id == row["id"])
            until = (await conn.execute(query)).scalar_one()
        assert until is not None
        assert (until - clock.now()).total_seconds() == 30.0


@pytest.mark.parametrize(("seconds", "is_stored"), [(29.999, False), (30.0, False), (30.001, True)])
async def test_the_latest_end_that_any_process_was_told_is_the_stored_one(
    connections: Connections,
    database: Database,
    desk: Desk,
    clock: WatchedClock,
    seconds: float,
    is_stored: bool,
) -> None:
    row = await desk.connect()
    account = (await connections.open(desk.scope.environment_id, row["id"], request_id="r")).account
    states = AccountStates(database)
    first = await states.record_rate_limit_wait(account, 30.0)
    second = await states.record_rate_limit_wait(account, seconds)
    assert second == (clock.now() + timedelta(seconds=seconds) if is_stored else None)
    async with database.read() as conn:
        query = select(integrated_account.c.closed_until).where(integrated_account.c.id == row["id"])
        assert (await conn.execute(query)).scalar_one() == (second or first)


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (OSError("away"), "the database is away (no connection): states of accounts are not written"),
        (ProgrammingError("UPDATE", None, ValueError()), "was not written: ['last_forbidden_error']"),
    ],
    ids=["outage", "refused statement"],
)
async def test_a_call_gets_its_answer_though_what_it_means_cannot_be_stored(
    connections: Connections,
    database: Database,
    desk: Desk,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    logged: str,
) -> None:
    row = await desk.connect()
    provider.script = [(403, {}, {"message": "no"})]

    def fail() -> NoReturn:
        raise error

    monkeypatch.setattr(database, "write", fail)
    with pytest.raises(RemoteError, match="no") as refused:
        await call(connections, desk, row["id"])
    assert refused.value.status == 403
    assert logged in caplog.text


async def test_accounts_do_not_use_each_others_connections(
    desk: Desk, database: Database, epochs: EpochWatcher, catalog: Catalog, clock: WatchedClock
) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.headers["X-Desk-Key"] == "slow":
            arrived.set()
            await go_on.wait()
        return web.json_response({"items": []})

    limits = HttpLimits(account_connections=1, connect_seconds=0.05)
    async with HttpClient(Guard(["127.0.0.0/8"]), limits) as http, listening(answer) as url:
        effective, log = EffectiveDefinitions(database, epochs), JsonCallLog()
        connections = Connections(database, epochs, effective, http, clock, log, Exchanges(catalog))
        slow, quick = [
            (await desk.connect(context={"account": "a", "api_key": key, "url": url}))["id"]
            for key in ("slow", "quick")
        ]
        waiting = asyncio.create_task(call(connections, desk, slow))
        await arrived.wait()
        assert (await call(connections, desk, quick)).records == []
        with pytest.raises(NoFreeConnection, match="one account may have"):
            await call(connections, desk, slow)
        go_on.set()
        await waiting
