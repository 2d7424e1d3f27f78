"""Two writes of one row at once: the second one waits for the first, and builds on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.locks import wait_until_blocking
from tests.unit.accounts.conftest import Desk

from isthmus.accounts import Accounts, Connection, Connections, Installs
from isthmus.accounts.block_list import BlockList
from isthmus.accounts.connections.context_store import merge_context
from isthmus.accounts.lifecycle.account_jobs import LIFECYCLE_JOB
from isthmus.accounts.store_connection import ConnectionResult, connect_account, reconnect_account
from isthmus.db import Database
from isthmus.db.tables import blocked_account, integrated_account, job_timer
from isthmus.errors import NotFound
from isthmus.jobs import defer
from isthmus.tenancy import Environments

pytestmark = pytest.mark.both_databases

HOLD_SECONDS = 0.15
"""How long the first transaction stays open after its write: the second one has begun by then."""

Write = Callable[[AsyncConnection, Desk, Connection, dict[str, Any]], Awaitable[Any]]


async def update(conn: AsyncConnection, desk: Desk, connection: Connection, patch: dict[str, Any]) -> None:
    await Accounts(conn, desk.scope).update(connection.account.id, {"context": patch})


async def merge(conn: AsyncConnection, desk: Desk, connection: Connection, patch: dict[str, Any]) -> None:
    await merge_context(conn, connection.account, connection.definition, patch)


async def reconnect(conn: AsyncConnection, desk: Desk, connection: Connection, patch: dict[str, Any]) -> None:
    result = ConnectionResult(
        environment_id=desk.scope.environment_id,
        install_id=desk.install_id,
        definition=connection.definition,
        credential_format="api_key",
        context=patch,
    )
    await reconnect_account(conn, result, connection.account.id, merges_context=True, gate_id=None)


async def create(conn: AsyncConnection, desk: Desk, _: Connection, patch: dict[str, Any]) -> None:
    sent = {
        "tenant_id": "t-1",
        "environment_integration_id": desk.install_id,
        "authentication_method": "api_key",
        "context": {"account": "acme", "api_key": "k-1", "url": desk.url, **patch},
    }
    await Accounts(conn, desk.scope).create(sent)


async def connect(conn: AsyncConnection, desk: Desk, connection: Connection, patch: dict[str, Any]) -> None:
    result = ConnectionResult(
        environment_id=desk.scope.environment_id,
        install_id=desk.install_id,
        definition=connection.definition,
        credential_format="api_key",
        context=patch,
    )
    await connect_account(conn, result, tenant_id="t-1", region="wnam", gate_id=None, is_sandbox=False)


@pytest.mark.parametrize("second", [update, merge, reconnect])
async def test_no_change_of_a_context_is_lost(
    desk: Desk, database: Database, connections: Connections, second: Write
) -> None:
    id = (await desk.connect())["id"]
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")

    async def follow() -> None:
        async with database.write() as conn:
            await second(conn, desk, connection, {"second": 2})

    async with database.write() as conn:
        await update(conn, desk, connection, {"first": 1})
        task = asyncio.ensure_future(follow())
        await asyncio.sleep(HOLD_SECONDS)
        assert not task.done()
    await task
    context = (await desk.get(id))["context"]
    assert (context["first"], context["second"], context["account"]) == (1, 2, "acme")


@pytest.mark.parametrize("make", [create, connect])
async def test_no_account_of_an_install_that_goes_is_made(
    desk: Desk, database: Database, connections: Connections, make: Write
) -> None:
    id = (await desk.connect())["id"]
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")

    async def follow() -> None:
        async with database.write() as conn:
            await make(conn, desk, connection, {})

    async with database.write() as conn:
        await Installs(conn, desk.scope).delete(desk.install_id)
        task = asyncio.ensure_future(follow())
        await wait_until_blocking(conn, task)
    with pytest.raises(NotFound, match="no environment integration"):
        await task


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_accounts_are_locked_before_the_jobs_that_go_with_them(desk: Desk, database: Database) -> None:
    """As by all who change both: else two of them could wait for each other."""
    id = (await desk.connect())["id"]

    async def delete_them() -> None:
        async with database.write() as conn:
            await Accounts(conn, desk.scope).delete_many({"ids": [id]})

    async with database.write() as conn:
        await defer(conn, LIFECYCLE_JOB, id, run_at=database.clock.now() + timedelta(hours=1))
    async with database.write() as conn:
        account = select(integrated_account.c.id).where(integrated_account.c.id == id)
        await conn.execute(account.with_for_update())
        task = asyncio.ensure_future(delete_them())
        await wait_until_blocking(conn, task)
        timer = select(job_timer.c.what).where(job_timer.c.key == id)
        assert (await conn.execute(timer.with_for_update(nowait=True))).scalar_one() == LIFECYCLE_JOB
    await task


async def test_an_account_that_two_block_at_once_is_on_the_list_once(desk: Desk, database: Database) -> None:
    id = (await desk.connect())["id"]
    now = database.clock.now()
    async with database.write() as conn:
        account = select(integrated_account.c.id).where(integrated_account.c.id == id)
        await conn.execute(account.with_for_update())
        await conn.execute(
            insert(blocked_account).values(id=id, created_at=now, updated_at=now, reason="one")
        )
        task = asyncio.ensure_future(BlockList(database).block(id, reason="two"))
        await asyncio.sleep(HOLD_SECONDS)
        assert not task.done()
    await task
    assert [entry["reason"] for entry in await BlockList(database).list_entries()] == ["two"]


async def test_no_change_of_an_environments_settings_is_lost(desk: Desk, database: Database) -> None:
    async def change(conn: AsyncConnection, settings: dict[str, Any]) -> Any:
        environments = Environments(conn, desk.scope.team_id)
        return await environments.update(desk.scope.environment_id, {"settings": settings})

    async def follow() -> Any:
        async with database.write() as conn:
            return await change(conn, {"connect_theme": {"radius": 3}})

    async with database.write() as conn:
        await change(conn, {"embedding_origins": ["https://a.test"]})
        task = asyncio.ensure_future(follow())
        await asyncio.sleep(HOLD_SECONDS)
    settings = (await task)["settings"]
    assert settings == {"embedding_origins": ["https://a.test"], "connect_theme": {"radius": 3}}
