"""From an account's id to everything a call needs, and what keeps it from being opened."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.accounts.conftest import Desk, install
from tests.unit.integrations.world import World

from isthmus.accounts import Accounts, Connection, Connections, ReadOnlyFlags, derive_sandbox_account_id
from isthmus.accounts.connections.account_states import AccountStates
from isthmus.db import Database
from isthmus.db.epochs import get_epoch_group
from isthmus.definitions.pagination import CursorPagination
from isthmus.errors import AccountNeedsReauth, Forbidden, MethodNotAllowed, NotFound, to_error_envelope
from isthmus.integrations.catalog.shipped_files import derive_integration_id
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations
from isthmus.kit.ids import new_id


async def test_another_environments_account_does_not_exist(
    connections: Connections, world: World, desk: Desk
) -> None:
    row = await desk.connect()
    for environment_id in (world.sibling.environment_id, world.foreign.environment_id, new_id()):
        with pytest.raises(NotFound, match="no integrated account"):
            await connections.open(environment_id, row["id"], request_id="r")
    with pytest.raises(NotFound):
        await connections.open(desk.scope.environment_id, "no-uuid", request_id="r")


async def test_an_open_account_is_not_read_again_until_something_changes(
    connections: Connections, database: Database, desk: Desk
) -> None:
    row = await desk.connect()
    first = await connections.open(desk.scope.environment_id, row["id"], request_id="r")
    again = await connections.open(desk.scope.environment_id, row["id"], request_id="s")
    assert again.definition is first.definition
    assert again.account is first.account
    await desk.update(row["id"], tenant_id="t-2")
    changed = await connections.open(desk.scope.environment_id, row["id"], request_id="t")
    assert changed.account.tenant_id == "t-2"
    assert changed.definition is first.definition


async def test_what_happens_to_an_account_leaves_what_was_read_of_its_neighbours(
    connections: Connections, database: Database, desk: Desk, other: Connections
) -> None:
    """In this process and in another: a refusal, a written context, a change through the API."""
    row, neighbour = await desk.connect(), await desk.connect()
    while get_epoch_group(neighbour["id"]) == get_epoch_group(row["id"]):
        neighbour = await desk.connect()
    environment_id = desk.scope.environment_id

    async def opened(where: Connections, account: dict[str, Any]) -> Connection:
        return await where.open(environment_id, account["id"], request_id="r")

    async def refuse() -> None:
        facts = (await opened(connections, row)).account
        await AccountStates(database).record_rate_limit_wait(facts, 30)

    async def write_context() -> None:
        await (await opened(connections, row)).upstream.update_context({"seen": True})

    async def change() -> None:
        await desk.update(row["id"], tenant_id="t-2")

    for happens in (refuse, write_context, change):
        before = {
            where: ((await opened(where, row)).account, (await opened(where, neighbour)).account)
            for where in (connections, other)
        }
        await happens()
        for where, (mine, theirs) in before.items():
            assert (await opened(where, neighbour)).account is theirs, happens
            assert (await opened(where, row)).account is not mine, happens


async def test_facts_and_context_are_the_accounts(connections: Connections, desk: Desk) -> None:
    row = await desk.connect()
    connection = await connections.open(desk.scope.environment_id, row["id"], request_id="r")
    facts = connection.account
    assert (facts.id, facts.tenant_id, facts.environment_id) == (row["id"], "t-1", desk.scope.environment_id)
    assert (facts.is_sandbox, facts.authentication_method) == (False, "api_key")
    assert connection.integration_name == "brightfold"
    assert connection.upstream.context["api_key"] == "k-1"
    assert "k-1" not in repr(connection.account)


async def test_a_disabled_install_is_forbidden_even_to_a_refused_account(
    connections: Connections, database: Database, desk: Desk
) -> None:
    row = await desk.connect()
    await desk.update(row["id"], status="needs_reauth")
    with pytest.raises(AccountNeedsReauth) as refused:
        await connections.open(desk.scope.environment_id, row["id"], request_id="r")
    told = to_error_envelope(refused.value)
    assert "None" not in told["message"]
    assert (told["statusCode"], told["integrated_account_needs_reauth"], told["truto_is_remote_error"]) == (
        401,
        True,
        True,
    )
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, desk.scope).update(desk.install_id, {"is_enabled": False})
    with pytest.raises(Forbidden, match="disabled"):
        await connections.open(desk.scope.environment_id, row["id"], request_id="r")


@pytest.mark.parametrize("status", ["connecting", "post_install_error", "validation_error"])
async def test_accounts_that_are_not_quite_there_are_tried(
    connections: Connections, desk: Desk, status: str
) -> None:
    row = await desk.connect()
    await desk.update(row["id"], status=status)
    assert await connections.open(desk.scope.environment_id, row["id"], request_id="r")


async def test_a_sandbox_account_takes_the_five_methods_alone(connections: Connections, desk: Desk) -> None:
    sandbox = derive_sandbox_account_id(desk.scope.environment_id, derive_integration_id("brightfold"))
    connection = await connections.open(desk.scope.environment_id, sandbox, request_id="r")
    for method in ("list", "get", "create", "update", "delete"):
        connection.require_writable(method)
    for method in ("search", "POST", "methodConfig", "custom"):
        with pytest.raises(MethodNotAllowed, match="cannot carry out offline"):
            connection.require_writable(method)


async def test_a_flagged_account_takes_no_writes(
    connections: Connections, database: Database, desk: Desk
) -> None:
    account = await desk.connect()
    real = await connections.open(desk.scope.environment_id, account["id"], request_id="r")
    real.require_writable("create")
    async with database.write() as conn:
        await ReadOnlyFlags(conn, desk.scope).create(account["id"])
    flagged = await connections.open(desk.scope.environment_id, account["id"], request_id="r")
    for method in ("list", "get"):
        flagged.require_writable(method)
    for method in ("create", "update", "delete", "search"):
        with pytest.raises(MethodNotAllowed, match="read-only"):
            flagged.require_writable(method)


async def test_a_sandbox_account_has_an_example_of_a_field_that_came_later(
    connections: Connections, database: Database, desk: Desk
) -> None:
    field = {"name": "workspace", "required": True, "placeholder": "acme"}
    override = {"credentials": {"api_key": {"config": {"fields": [field]}}}}
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, desk.scope).update(desk.install_id, {"override": override})
    sandbox = derive_sandbox_account_id(desk.scope.environment_id, derive_integration_id("brightfold"))
    connection = await connections.open(desk.scope.environment_id, sandbox, request_id="r")
    assert connection.upstream.context["workspace"] == "acme"
    assert connection.upstream.context["api_key"] == "sandbox-api_key"


async def test_layers_of_install_and_account_reach_the_call(
    connections: Connections, database: Database, desk: Desk
) -> None:
    override: dict[str, Any] = {
        "pagination": {"config": {"limit_param": "n"}},
        "environment_variables": {"a": "1"},
    }
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, desk.scope).update(desk.install_id, {"override": override})
    plain = await desk.connect()
    special = await desk.connect(
        integration_override={"pagination": {"format": "page", "config": {"page_param": "p"}}},
        unified_model_override={"desk": {"tickets": {"list": {"query": {"mine": "yes"}}}}},
    )
    first = await connections.open(desk.scope.environment_id, plain["id"], request_id="r")
    second = await connections.open(desk.scope.environment_id, special["id"], request_id="r")
    assert isinstance(first.definition.pagination, CursorPagination)
    assert first.definition.pagination.config.limit_param == "n"
    assert second.definition.pagination is not None
    assert second.definition.pagination.format == "page"
    assert first.upstream.context["environment_variables"] == {"a": "1"}
    _, mapping, _ = await second.find_mapping("desk", "tickets", "list")
    assert mapping.query is not None
    assert mapping.query.source == {"expand": "owner", "mine": "yes"}
    _, mapping, _ = await first.find_mapping("desk", "tickets", "list")
    assert mapping.query is not None
    assert mapping.query.source == {"expand": "owner"}


async def test_a_deleted_account_is_gone_at_once(
    connections: Connections, database: Database, desk: Desk
) -> None:
    row = await desk.connect()
    await connections.open(desk.scope.environment_id, row["id"], request_id="r")
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete(row["id"])
    with pytest.raises(NotFound):
        await connections.open(desk.scope.environment_id, row["id"], request_id="r")


async def test_two_environments_have_their_own_credentials(
    connections: Connections, database: Database, world: World, desk: Desk
) -> None:
    theirs = await install(database, world.sibling, desk.url)
    mine, sibling = (
        await desk.connect(),
        await theirs.connect(context={"account": "b", "api_key": "k-b", "url": desk.url}),
    )
    one = await connections.open(desk.scope.environment_id, mine["id"], request_id="r")
    two = await connections.open(world.sibling.environment_id, sibling["id"], request_id="r")
    assert (one.upstream.context["api_key"], two.upstream.context["api_key"]) == ("k-1", "k-b")
    assert one.definition is two.definition
