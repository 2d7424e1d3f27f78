"""An account that may not be called while it is connected: it waits where it stands, and nothing is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.background import drain, tick, until, worker_running
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.lifecycle.steps_provider import Product, connect
from tests.unit.accounts.lifecycle.test_outages import seconds_to_next, ticked

from isthmus.accounts.block_list import BlockList
from isthmus.db import Database
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations
from isthmus.jobs import Handlers

pytestmark = pytest.mark.both_databases

STEPS = ["GET /me", "POST /orgs/acme/hooks", "GET /check"]
Switch = Callable[[Desk, str, bool], Awaitable[None]]


async def _block(desk: Desk, id: str, is_open: bool) -> None:
    listed = BlockList(desk.database)
    await (listed.unblock(id) if is_open else listed.block(id))


async def _disable(desk: Desk, _: str, is_open: bool) -> None:
    async with desk.database.write() as conn:
        installs = EnvironmentIntegrations(conn, desk.scope)
        await installs.update(desk.install_id, {"is_enabled": is_open})


@pytest.fixture(params=[_block, _disable], ids=["blocked", "disabled"])
def switch(request: pytest.FixtureRequest) -> Switch:
    found: Switch = request.param
    return found


async def test_new_credentials_are_checked_once_the_account_may_be_called(
    desk: Desk,
    database: Database,
    handlers: Handlers,
    product: Product,
    clock: WatchedClock,
    switch: Switch,
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    told = await desk.told(id)
    await switch(desk, id, False)
    await desk.update_credentials(id, api_key="k-2")
    for _ in range(2):
        await tick(database, handlers)
        row = await desk.get(id)
        assert (row["status"], row["last_error"], product.seen) == ("connecting", None, STEPS)
        await clock.advance(150)
    await switch(desk, id, True)
    await tick(database, handlers)
    assert (await desk.get(id))["status"] == "active"
    assert product.seen == [*STEPS, "GET /check"]
    assert await desk.told(id) == [*told, "updated", "active"]


async def test_a_reconnect_goes_on_at_the_step_before_which_it_was_closed(
    desk: Desk,
    database: Database,
    handlers: Handlers,
    product: Product,
    clock: WatchedClock,
    switch: Switch,
) -> None:
    id = await connect(desk)
    gate = product.gates["/orgs/acme/hooks"] = asyncio.Event()

    async def waits() -> bool:
        return await seconds_to_next(database, id, clock) is not None

    async with worker_running(database, handlers):
        await until(lambda: len(product.seen) == 2)
        await switch(desk, id, False)
        gate.set()
        await until(waits)
    row = await desk.get(id)
    assert (row["status"], product.seen) == ("connecting", STEPS[:2])
    await switch(desk, id, True)
    await clock.advance(150)
    await tick(database, handlers)
    assert (await desk.get(id))["status"] == "active"
    assert product.seen == STEPS
    assert await desk.told(id) == ["created", "active"]


async def test_the_day_of_an_outage_is_counted_from_when_the_account_may_be_called(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    await _block(desk, id, False)
    await desk.update_credentials(id, api_key="k-2")
    await tick(database, handlers)
    await clock.advance(25 * 3600)
    await tick(database, handlers)
    await _block(desk, id, True)
    product.answers["/check"] = (503, {"message": "back soon"})
    await clock.advance(150)
    await ticked(database, handlers, clock)
    assert await seconds_to_next(database, id, clock) is not None
