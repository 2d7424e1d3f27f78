"""Whatever is written of one account changes no row of any other, in its environment or elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select
from tests.background import drain
from tests.unit.accounts.conftest import Desk, WatchedClock, install
from tests.unit.accounts.credentials.authority import Authority, connect
from tests.unit.integrations.world import World

from isthmus.accounts import Accounts, Connections
from isthmus.accounts.block_list import BlockList
from isthmus.accounts.connections.account_states import AccountStates
from isthmus.accounts.lifecycle.account_jobs import start_lifecycle
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.accounts.store_connection import ConnectionResult, reconnect_account
from isthmus.db import Database
from isthmus.db.tables import account_lifecycle, blocked_account, credential_refresh, integrated_account
from isthmus.errors import AccountNeedsReauth
from isthmus.jobs import Handlers

TABLES = (integrated_account, account_lifecycle, credential_refresh, blocked_account)


@dataclass
class Scene:
    """`id`: of the account that is written to; all others are its neighbours."""

    desk: Desk
    database: Database
    connections: Connections
    authority: Authority
    clock: WatchedClock
    id: str

    async def neighbours(self) -> dict[str, list[Any]]:
        """The rows of the neighbours, by table."""
        async with self.database.read() as conn:
            return {table.name: list(await conn.execute(_others(table, self.id))) for table in TABLES}

    async def own(self) -> dict[str, list[Any]]:
        async with self.database.read() as conn:
            return {
                table.name: list(await conn.execute(select(table).where(table.c.id == self.id)))
                for table in TABLES
            }


def _others(table: Table, id: str) -> Any:
    return select(table).where(table.c.id != id).order_by(table.c.id)


async def rename(it: Scene) -> None:
    await it.desk.update(it.id, tenant_id="t-2")


async def replace_credentials(it: Scene) -> None:
    await it.desk.update_credentials(
        it.id, oauth={"token": {"access_token": "at-9", "refresh_token": "rt-9"}}
    )


async def flag(it: Scene) -> None:
    async with it.database.write() as conn:
        await Accounts(conn, it.desk.scope).set_sandbox_flag(it.id, True)


async def block(it: Scene) -> None:
    await BlockList(it.database).block(it.id, reason="loops")


async def block_again(it: Scene) -> None:
    await block(it)
    await BlockList(it.database).block(it.id, reason="still loops")


async def unblock(it: Scene) -> None:
    await block(it)
    await BlockList(it.database).unblock(it.id)
    await rename(it)


async def reconnect(it: Scene) -> None:
    connection = await it.connections.open(it.desk.scope.environment_id, it.id, request_id="r")
    result = ConnectionResult(
        environment_id=it.desk.scope.environment_id,
        install_id=it.desk.install_id,
        definition=connection.definition,
        credential_format="api_key",
        context={"url": it.desk.url, "api_key": "k-9"},
    )
    async with it.database.write() as conn:
        await reconnect_account(conn, result, it.id, merges_context=False, gate_id=None)


async def store_context(it: Scene) -> None:
    connection = await it.connections.open(it.desk.scope.environment_id, it.id, request_id="r")
    await connection.upstream.update_context({"cursor": "c-1"})


async def note_states(it: Scene) -> None:
    states = AccountStates(it.database)
    connection = await it.connections.open(it.desk.scope.environment_id, it.id, request_id="r")
    await states.record_rate_limit_wait(connection.account, 30)
    await states.record_forbidden(connection.account, {"resource": "tickets"})
    await states.record_action_result(connection.account, {"action": "watch"})
    await states.mark_needs_reauth(connection.account, 1, "no")


async def refresh(it: Scene) -> None:
    await it.connections.refresh_credentials(it.desk.scope.environment_id, it.id, request_id="r")


async def refuse_to_refresh(it: Scene) -> None:
    it.authority.script = [(400, {"error": "invalid_grant"})]
    it.authority.access = "another"
    with suppress(AccountNeedsReauth):
        await refresh(it)


async def refresh_twice(it: Scene) -> None:
    await refresh(it)
    await refresh(it)


async def run_lifecycle(it: Scene) -> None:
    async with it.database.write() as conn:
        await start_lifecycle(conn, it.desk.scope.environment_id, it.id)
    handlers = Handlers()
    Lifecycle(it.database, it.connections, it.clock).register(handlers)
    await drain(it.database, handlers)
    await rename(it)


async def delete(it: Scene) -> None:
    await it.desk.delete(it.id)


WRITES: list[Callable[[Scene], Awaitable[None]]] = [
    rename,
    replace_credentials,
    flag,
    block,
    block_again,
    unblock,
    reconnect,
    store_context,
    note_states,
    refresh,
    refuse_to_refresh,
    refresh_twice,
    run_lifecycle,
    delete,
]


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_of_one_account_leaves_its_neighbours(
    desk: Desk,
    database: Database,
    connections: Connections,
    authority: Authority,
    clock: WatchedClock,
    world: World,
    write: Callable[[Scene], Awaitable[None]],
) -> None:
    sibling = await install(database, world.sibling, authority.url)
    for where in (desk, sibling):
        neighbour = await connect(where, clock)
        await BlockList(database).block(neighbour, reason="its own")
        times = {"created_at": clock.now(), "updated_at": clock.now()}
        async with database.write() as conn:
            await conn.execute(
                account_lifecycle.insert().values(
                    id=neighbour,
                    environment_id=where.scope.environment_id,
                    step=0,
                    is_reconnect=False,
                    was_failed=False,
                    due_at=clock.now() + timedelta(days=1),
                    revision=1,
                    **times,
                )
            )
            await conn.execute(
                credential_refresh.insert().values(
                    id=neighbour,
                    epoch=1,
                    owner="somebody",
                    lease_until=clock.now() + timedelta(days=1),
                    state="started",
                    credential="digest",
                    started_at=clock.now(),
                    **times,
                )
            )
    it = Scene(desk, database, connections, authority, clock, await connect(desk, clock))
    before, mine = await it.neighbours(), await it.own()
    await write(it)
    assert await it.own() != mine
    assert await it.neighbours() == before
