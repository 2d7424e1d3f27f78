"""What one request does while another's change is not committed yet: it waits, and sees what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts import Accounts, Installs, install_everything
from isthmus.config import Settings
from isthmus.integrations.catalog.integrations import Integrations
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.mappings.mapping_repositories import EnvironmentMappings
from isthmus.integrations.rows.scope import EnvironmentScope
from isthmus.tenancy import Administration, Environments
from tests.integration.larkdesk import MODEL, connect, definition, install
from tests.integration.serving import Server, serving

pytestmark = pytest.mark.both_databases

CELLS = "/environment-unified-model-resource-method"
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")


@pytest.fixture
async def server(desk_settings: Settings) -> AsyncIterator[Server]:
    """Whose database no other request locks."""
    async with serving(desk_settings) as server:
        yield server


class Rival:
    """Another writer of the server's environment, whose transaction is open while a request comes in."""

    def __init__(self, server: Server, conn: AsyncConnection, scope: EnvironmentScope) -> None:
        self.conn = conn
        self.scope = scope
        self._server = server
        self._asked: asyncio.Task[tuple[int, Any]] | None = None

    async def meets(self, verb: str, path: str, json: Any = None) -> None:
        """Returns once the request waits: for a row on PostgreSQL, on SQLite for its turn."""
        self._asked = asyncio.create_task(self._server.call(verb, path, json=json))
        if self.conn.dialect.name == "sqlite":
            await self._server.ok("GET", "/ping")
            return
        while not (await self.conn.execute(WAITING)).scalar_one():
            assert not self._asked.done(), self._asked.result()

    async def answered(self) -> tuple[int, Any]:
        assert self._asked is not None
        return await self._asked


@asynccontextmanager
async def rivalled(server: Server) -> AsyncIterator[Rival]:
    me = await server.ok("GET", "/me")
    scope = EnvironmentScope(me["environment"]["id"], me["team"]["id"])
    async with server.database.write() as conn:
        rival = Rival(server, conn, scope)
        yield rival


@pytest.fixture
async def model(server: Server) -> str:
    """The id of an installed model of the team's own, mapped to an integration of its own."""
    await install(server)
    found = await server.ok("GET", f"/environment-unified-model?unified_model.name={MODEL}")
    identity: str = found["result"][0]["id"]
    return identity


def cell(model: str) -> dict[str, Any]:
    names = {"integration_name": "larkdesk", "resource_name": "users", "method_name": "list"}
    return {"environment_unified_model_id": model, **names, "config": {"query": {"a": "1"}}}


async def test_of_two_changes_of_one_version_the_later_is_stale(server: Server, model: str) -> None:
    row = await server.ok("POST", CELLS, json=cell(model))
    async with rivalled(server) as rival:
        theirs = {"config": {"query": {"b": "2"}}, "version": 1}
        await EnvironmentMappings(rival.conn, rival.scope).update(row["id"], theirs)
        ours = {"config": {"query": {"c": "3"}}, "version": 1}
        await rival.meets("PATCH", f"{CELLS}/{row['id']}", ours)
    status, body = await rival.answered()
    assert (status, body.get("details")) == (409, {"version": 2})
    assert (await server.ok("GET", f"{CELLS}/{row['id']}"))["config"]["query"] == {"a": "1", "b": "2"}


async def test_changes_that_name_no_version_are_both_kept(server: Server, model: str) -> None:
    row = await server.ok("POST", CELLS, json=cell(model))
    async with rivalled(server) as rival:
        await EnvironmentMappings(rival.conn, rival.scope).update(
            row["id"], {"config": {"query": {"b": "2"}}}
        )
        await rival.meets("PATCH", f"{CELLS}/{row['id']}", {"config": {"query": {"c": "3"}}})
    status, body = await rival.answered()
    assert (status, body["version"]) == (200, 3)
    assert body["config"]["query"] == {"a": "1", "b": "2", "c": "3"}


async def test_a_mapping_of_a_model_that_goes_is_not_found(server: Server, model: str) -> None:
    async with rivalled(server) as rival:
        await EnvironmentUnifiedModels(rival.conn, rival.scope).delete(model)
        await rival.meets("POST", CELLS, cell(model))
    assert (await rival.answered())[0] == 404


async def test_an_integration_that_goes_is_not_installed(server: Server) -> None:
    made = await server.ok("POST", "/integration", json=definition() | {"name": "skydesk"})
    async with rivalled(server) as rival:
        await Integrations(rival.conn, rival.scope).delete(made["id"])
        await rival.meets("POST", "/environment-integration", {"integration_id": made["id"]})
    assert (await rival.answered())[0] == 404


async def test_of_two_changes_of_one_version_of_a_definition_the_later_is_stale(server: Server) -> None:
    made = await server.ok("POST", "/integration", json=definition() | {"name": "skydesk"})
    async with rivalled(server) as rival:
        await Integrations(rival.conn, rival.scope).update(made["id"], {"category": "crm", "version": 1})
        await rival.meets("PATCH", f"/integration/{made['id']}", {"category": "hris", "version": 1})
    status, body = await rival.answered()
    assert (status, body.get("details")) == (409, {"version": 2})


async def test_documentation_of_what_goes_is_not_found(server: Server) -> None:
    made = await server.ok("POST", "/integration", json=definition() | {"name": "skydesk"})
    found = await server.ok("GET", "/environment-integration?integration.name=zendesk")
    zendesk = found["result"][0]["id"]
    async with rivalled(server) as rival:
        await Integrations(rival.conn, rival.scope).delete(made["id"])
        await rival.meets("POST", "/documentation", {"integration_id": made["id"], "content": "x"})
    assert (await rival.answered())[0] == 404
    async with rivalled(server) as rival:
        await Installs(rival.conn, rival.scope).delete(zendesk)
        about = {"environment_integration_id": zendesk, "content": "x"}
        await rival.meets("POST", "/documentation", about)
    assert (await rival.answered())[0] == 404


async def test_a_link_to_reconnect_an_account_that_goes_is_not_made(server: Server) -> None:
    account = await connect(server, await install(server), "http://127.0.0.1:1")
    async with rivalled(server) as rival:
        await Accounts(rival.conn, rival.scope).delete(account)
        await rival.meets("POST", "/link-token", {"integrated_account_id": account})
    assert (await rival.answered())[0] == 404


async def test_settings_that_two_change_are_both_kept(server: Server) -> None:
    async with rivalled(server) as rival:
        own = rival.scope.environment_id
        environments = Environments(rival.conn, rival.scope.team_id)
        await environments.update(own, {"settings": {"connect_theme": {"radius": 4}}})
        ours = {"settings": {"embedding_origins": ["https://a.example"]}}
        await rival.meets("PATCH", f"/environment/{own}", ours)
    status, body = await rival.answered()
    assert status == 200
    both = {"connect_theme": {"radius": 4}, "embedding_origins": ["https://a.example"]}
    assert body["settings"].items() >= both.items()


async def test_a_name_that_another_environment_just_takes_is_taken(server: Server) -> None:
    administration = Administration(server.database)
    other = await administration.create_environment("staging", fill_environment=install_everything)
    async with rivalled(server) as rival:
        await Environments(rival.conn, rival.scope.team_id).update(other["id"], {"name": "live"})
        await rival.meets("PATCH", f"/environment/{rival.scope.environment_id}", {"name": "live"})
    status, body = await rival.answered()
    assert (status, body["error"]) == (409, "Conflict")
