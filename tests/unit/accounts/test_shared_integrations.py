"""An integration that one team shares: another team that installs it gets the definition, not its secrets."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.accounts.provider import Provider
from tests.unit.integrations.world import World

from isthmus.accounts import Accounts, Connections, Installs
from isthmus.accounts.rows.connected_definition import ConnectedDefinition
from isthmus.db import Database
from isthmus.engine import proxy
from isthmus.engine.calls import Call
from isthmus.errors import BadRequest
from isthmus.integrations.catalog.integrations import Integrations
from isthmus.integrations.rows.scope import EnvironmentScope

SHARED: dict[str, Any] = {
    "base_url": "https://api.harbor.example",
    "credentials": {
        "api_key": {"config": {"fields": [{"name": "user"}]}},
        "oauth2": {
            "config": {
                "auth": {"tokenHost": "https://harbor.example"},
                "client": {"id": "owner-app", "secret": "hush-client"},
            }
        },
    },
    "authorization": {"format": "header", "config": {"header_name": "X-Key", "header_value": "hush-key"}},
    "environment_variables": {"tier": "gold"},
    "secret_environment_variables": {"signing": "hush-variable"},
    "resources": {
        "boats": {"list": {"path": "/boats", "headers": {"X-S": "{{environment_variables.signing}}"}}}
    },
}
OWN_KEY = {"authorization": {"config": {"header_value": "mine"}}}


@pytest.fixture
async def shared(database: Database, world: World) -> str:
    """The id of the integration that the team of `world.foreign` shares."""
    async with database.write() as conn:
        row = await Integrations(conn, world.foreign).create(
            {"name": "harbor", "config": SHARED, "sharing": "allow"}
        )
    return str(row["id"])


async def connect(
    database: Database, scope: EnvironmentScope, integration: str, override: dict[str, Any], **values: Any
) -> str:
    """The id of a new account on an install with `override`."""
    async with database.write() as conn:
        install = await Installs(conn, scope).create({"integration_id": integration, "override": override})
        sent = {
            "tenant_id": "t",
            "environment_integration_id": install["id"],
            "authentication_method": "api_key",
            "context": {"user": "u"},
        }
        return str((await Accounts(conn, scope).create({**sent, **values}))["id"])


@pytest.mark.parametrize("layer", ["install", "account"])
async def test_an_installer_who_redirects_requests_gets_no_secret_of_the_owner(
    database: Database, world: World, shared: str, connections: Connections, provider: Provider, layer: str
) -> None:
    redirect = {"base_url": provider.url}
    override = {**OWN_KEY, **(redirect if layer == "install" else {})}
    values = {"integration_override": redirect} if layer == "account" else {}
    account = await connect(database, world.mine, shared, override, **values)
    connection = await connections.open(world.mine.environment_id, account, request_id="r")
    await proxy.call_method(connection.upstream, connection.definition, "boats", Call(method="list"))
    ((_, headers),) = provider.seen
    assert headers["X-Key"] == "mine"
    assert "hush" not in str(headers)
    assert dict(connection.upstream.context["environment_variables"]) == {"tier": "gold"}


async def test_nothing_that_an_installer_reads_of_the_merged_definition_holds_a_secret(
    database: Database, world: World, shared: str
) -> None:
    async with database.write() as conn:
        install = await Installs(conn, world.mine).create({"integration_id": shared})
        read = await ConnectedDefinition.read(conn, world.mine.environment_id, install["id"])
    assert "hush" not in str(read.merged)
    assert read.merged["credentials"]["oauth2"]["config"]["client"] == {"id": "owner-app"}


async def test_without_a_key_of_its_own_an_installer_is_told_what_is_missing(
    database: Database, world: World, shared: str, connections: Connections
) -> None:
    account = await connect(database, world.mine, shared, {})
    with pytest.raises(BadRequest, match=r"without its owner's secrets.* `header_value`"):
        await connections.open(world.mine.environment_id, account, request_id="r")


async def test_the_owner_uses_its_secrets(
    database: Database, world: World, shared: str, connections: Connections, provider: Provider
) -> None:
    account = await connect(database, world.foreign, shared, {"base_url": provider.url})
    connection = await connections.open(world.foreign.environment_id, account, request_id="r")
    await proxy.call_method(connection.upstream, connection.definition, "boats", Call(method="list"))
    ((_, headers),) = provider.seen
    assert (headers["X-Key"], headers["X-S"]) == ("hush-key", "hush-variable")


async def test_two_teams_do_not_share_a_kept_definition(
    database: Database, world: World, shared: str, connections: Connections
) -> None:
    owner = await connect(database, world.foreign, shared, {})
    account = await connect(database, world.mine, shared, {})
    await connections.open(world.foreign.environment_id, owner, request_id="r")
    with pytest.raises(BadRequest):
        await connections.open(world.mine.environment_id, account, request_id="r")
