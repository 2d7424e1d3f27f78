"""What a stage locks, and in which order (PostgreSQL; SQLite has one writer at a time)."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text
from tests.background import drain, tick, until, worker_running
from tests.locks import wait_until_blocking
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.lifecycle.steps_provider import (
    CHECKED,
    CREDENTIALS,
    PERIODIC,
    PREPARED,
    Product,
    connect,
)

from isthmus.accounts.lifecycle.account_jobs import start_lifecycle
from isthmus.db import Database
from isthmus.db.tables import account_lifecycle, integrated_account
from isthmus.jobs import Handlers

HOOKED = """
  actions:
    post_install:
      steps:
        - {type: request, config: {path: /me}}
"""


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("definition", [CREDENTIALS + HOOKED + CHECKED])
async def test_a_post_install_ends_with_the_account_locked_before_its_lifecycle(
    desk: Desk, database: Database, handlers: Handlers, product: Product
) -> None:
    """As all who change both: else two of them could wait for each other."""
    id = await connect(desk)
    gate = product.gates["/me"] = asyncio.Event()
    account = select(integrated_account.c.id).where(integrated_account.c.id == id)
    lifecycle = select(account_lifecycle.c.stage).where(account_lifecycle.c.id == id)
    async with worker_running(database, handlers):
        await until(lambda: product.seen == ["GET /me"])
        async with database.write() as conn:
            await conn.execute(account.with_for_update())
            gate.set()

            async def is_waited_for() -> bool:
                waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return bool((await conn.execute(waits)).scalar_one())

            await until(is_waited_for)
            stage = (await conn.execute(lifecycle.with_for_update(nowait=True))).scalar_one()
            assert stage == "post_install"

        async def is_active() -> bool:
            return bool((await desk.get(id))["status"] == "active")

        await until(is_active)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("definition", [CREDENTIALS + PREPARED + PERIODIC])
async def test_a_start_that_comes_while_a_validation_begins_is_not_lost(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    product.seen.clear()
    await clock.advance(6 * 3600)
    lifecycle = select(account_lifecycle.c.stage).where(account_lifecycle.c.id == id)
    async with database.write() as conn:
        await conn.execute(lifecycle.with_for_update())
        running = asyncio.ensure_future(tick(database, handlers))
        await wait_until_blocking(conn, running)
        await start_lifecycle(conn, desk.scope.environment_id, id)
    await running
    assert product.seen == ["GET /me", "POST /orgs/acme/hooks", "GET /check"]
