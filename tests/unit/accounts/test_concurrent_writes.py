"""Two writes of one row at once: the second one waits for the first, and builds on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.unit.accounts.conftest import Desk

from isthmus.accounts import Accounts, Connection, Connections
from isthmus.accounts.block_list import BlockList
from isthmus.accounts.connections.context_store import merge_context
from isthmus.accounts.store_connection import ConnectionResult, reconnect_account
from isthmus.db import Database
from isthmus.db.tables import blocked_account, integrated_account
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
