"""An account is found in its own environment alone, also by who knows its id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.unit.accounts.conftest import Desk, install
from tests.unit.accounts.provider import Provider
from tests.unit.integrations.world import World

from isthmus.accounts import Accounts, Connections, OwnAccount, ReadOnlyFlags
from isthmus.accounts.connections.account_states import AccountStates
from isthmus.accounts.connections.context_store import merge_context
from isthmus.accounts.connections.explained_account import (
    explain_account,
    explain_install,
    find_environment,
    read_explained_account,
)
from isthmus.accounts.credentials.refresh_store import RefreshStore, RefreshTarget
from isthmus.accounts.described_account import describe_account
from isthmus.accounts.egress import find_gate, select_sender
from isthmus.accounts.rows.account_views import read_status
from isthmus.accounts.rows.connected_definition import ConnectedDefinition, lock_install
from isthmus.accounts.static_gates import StaticGates
from isthmus.accounts.store_connection import ConnectionResult, connect_account, reconnect_account
from isthmus.db import Database
from isthmus.db.tables import integrated_account, static_gate
from isthmus.errors import NotFound
from isthmus.integrations.rows.scope import EnvironmentScope

Read = Callable[[Any, EnvironmentScope, str, str, Any], Awaitable[Any]]
"""Takes a database connection, the environment that is asked, an account, its install and definition."""

READS: dict[str, Read] = {
    "get": lambda conn, scope, id, *_: Accounts(conn, scope).get(id),
    "update": lambda conn, scope, id, *_: Accounts(conn, scope).update(id, {"tenant_id": "x"}),
    "credentials": lambda conn, scope, id, *_: Accounts(conn, scope).update_credentials(
        id, {"context": {"api_key": "x"}}
    ),
    "lifecycle": lambda conn, scope, id, *_: Accounts(conn, scope).restart_lifecycle(id),
    "delete": lambda conn, scope, id, *_: Accounts(conn, scope).delete(id),
    "flag": lambda conn, scope, id, *_: ReadOnlyFlags(conn, scope).create(id),
    "own": lambda conn, scope, id, *_: OwnAccount(conn, scope, id).get(),
    "describe": lambda conn, scope, id, *_: describe_account(conn, scope, id),
    "explain": lambda conn, scope, id, *_: explain_account(conn, scope.environment_id, id),
    "layers": lambda conn, scope, id, *_: read_explained_account(conn, scope.environment_id, id),
    "explain install": lambda conn, scope, _, install_id, __: explain_install(
        conn, scope.environment_id, install_id
    ),
    "definition": lambda conn, scope, _, install_id, __: ConnectedDefinition.read(
        conn, scope.environment_id, install_id
    ),
    "lock": lambda conn, scope, _, install_id, __: lock_install(conn, scope.environment_id, install_id),
    "connect": lambda conn, scope, _, install_id, definition: connect_account(
        conn,
        _result(scope, install_id, definition),
        tenant_id="t",
        region="eu",
        gate_id=None,
        is_sandbox=False,
    ),
    "reconnect": lambda conn, scope, id, install_id, definition: reconnect_account(
        conn, _result(scope, install_id, definition), id, merges_context=True, gate_id=None
    ),
}


def _result(scope: EnvironmentScope, install_id: str, definition: Any) -> ConnectionResult:
    return ConnectionResult(
        environment_id=scope.environment_id,
        install_id=install_id,
        definition=definition,
        credential_format="api_key",
        context={"api_key": "x"},
    )


@pytest.fixture
async def sibling(database: Database, world: World, provider: Provider) -> Desk:
    return await install(database, world.sibling, provider.url)


async def _row(database: Database, id: str) -> Any:
    async with database.read() as conn:
        return (await conn.execute(select(integrated_account).where(integrated_account.c.id == id))).one()


@pytest.mark.parametrize("name", READS)
async def test_another_environments_account_or_install_is_not_found(
    desk: Desk, sibling: Desk, database: Database, connections: Connections, name: str
) -> None:
    id = (await desk.connect())["id"]
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")
    before = await _row(database, id)
    async with database.write() as conn:
        with pytest.raises(NotFound):
            await READS[name](conn, sibling.scope, id, desk.install_id, connection.definition)
    assert await _row(database, id) == before


async def test_facts_of_another_environment_change_nothing(
    desk: Desk, sibling: Desk, database: Database, connections: Connections, clock: Any
) -> None:
    id = (await desk.connect())["id"]
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")
    facts = replace(connection.account, environment_id=sibling.scope.environment_id)
    before = await _row(database, id)
    states = AccountStates(database)
    await states.record_rate_limit_wait(facts, 30)
    await states.mark_needs_reauth(facts, before.revision, "no")
    target = RefreshTarget(facts, connection.definition, None, connection.upstream)  # type: ignore[arg-type]  # never sent
    with pytest.raises(NotFound):
        await RefreshStore(database, clock).take_lease(target, None, "me", force=True)
    async with database.write() as conn:
        with pytest.raises(NotFound):
            await merge_context(conn, facts, connection.definition, {"a": 1})
        assert await read_status(conn, facts.environment_id, id) is None
    assert await _row(database, id) == before


async def test_a_gate_is_used_in_its_own_environment_alone(
    desk: Desk, sibling: Desk, database: Database, http: Any
) -> None:
    async with database.write() as conn:
        values = {"name": "g", "domain": "gate.example"}
        mine, theirs = [
            (await StaticGates(conn, where.scope).create(values))["id"] for where in (desk, sibling)
        ]
        environment_id = desk.scope.environment_id
        assert await find_gate(conn, environment_id, mine) is not None
        assert await find_gate(conn, environment_id, theirs) is None
        assert await select_sender(conn, http, environment_id, None) is http
        gates = StaticGates(conn, desk.scope)
        for call in (gates.get(theirs), gates.update(theirs, {"name": "x"}), gates.delete(theirs)):
            with pytest.raises(NotFound):
                await call


async def test_a_write_of_one_gate_leaves_the_others(desk: Desk, sibling: Desk, database: Database) -> None:
    async def rows(conn: Any) -> dict[str, Any]:
        return {row.id: row for row in (await conn.execute(select(static_gate))).all()}

    account = (await desk.connect())["id"]
    async with database.write() as conn:
        values = {"name": "g", "domain": "gate.example"}
        one, two = [(await StaticGates(conn, desk.scope).create(values))["id"] for _ in range(2)]
        await StaticGates(conn, sibling.scope).create(values)
        chosen = update(integrated_account).where(integrated_account.c.id == account)
        await conn.execute(chosen.values(truto_static_gate_id=two))
        before = await rows(conn)
        await StaticGates(conn, desk.scope).update(one, {"domain": "other.example"})
        changed = await rows(conn)
        assert {id for id, row in changed.items() if row != before[id]} == {one}
        await StaticGates(conn, desk.scope).delete(one)
        assert changed.keys() - (await rows(conn)).keys() == {one}


async def test_the_environment_of_an_id_is_found_for_accounts_and_installs(
    desk: Desk, sibling: Desk, database: Database
) -> None:
    await desk.connect()
    id = (await sibling.connect())["id"]
    async with database.read() as conn:
        environment_id = sibling.scope.environment_id
        assert await find_environment(conn, id) == (environment_id, True)
        assert await find_environment(conn, sibling.install_id) == (environment_id, False)
        with pytest.raises(NotFound):
            await find_environment(conn, "nothing")
