"""Two environments on one server, and one row of everything in the first of them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts import install_everything
from isthmus.tenancy import ApiTokens, Environments
from isthmus.tenancy.environments import FillEnvironment
from isthmus.tenancy.teams import create_team
from tests.integration.larkdesk import connect, install
from tests.integration.serving import Server

__all__ = ["foreign_token", "own_ids"]


async def foreign_token(server: Server, install: FillEnvironment | None = install_everything) -> str:
    """Makes an environment of another team and returns a token of it. `install`: fills it, if not with
    everything shipped."""

    async def create(conn: AsyncConnection) -> str:
        team_id = await create_team(conn, "Other team")
        environment = await Environments(conn, team_id).create("production", fill_environment=install)
        _, token = await ApiTokens(conn, environment["id"]).create("other")
        return token.reveal()

    return await server.write(create)


async def own_ids(server: Server) -> dict[str, str]:
    """Makes a row of each resource in the first environment; returns one id of each, by the path that serves
    it."""
    account = await connect(server, await install(server), "http://127.0.0.1:1")
    ids = {}
    for path in (
        "/environment", "/team", "/user", "/api-token", "/environment-integration",
        "/environment-unified-model",
    ):  # fmt: skip
        ids[path] = (await server.ok("GET", path))["result"][0]["id"]
    ids["/integration"] = (await server.ok("GET", "/integration/larkdesk"))["id"]
    ids["/unified-model"] = (await server.ok("GET", "/unified-model/desk"))["id"]
    mappings = await server.ok(
        "GET", f"/unified-model-resource-method?unified_model_id={ids['/unified-model']}"
    )
    ids["/unified-model-resource-method"] = mappings["result"][0]["id"]
    own_model = {
        "environment_unified_model_id": ids["/environment-unified-model"],
        "integration_name": "larkdesk",
    }
    listed = (await server.ok("GET", "/environment-unified-model"))["result"][0]["unified_model"]["resources"]
    cell = own_model | {
        "resource_name": next(iter(listed)),
        "method_name": "list",
        "config": {"method": "list"},
    }
    row = await server.ok("POST", "/environment-unified-model-resource-method", json=cell)
    ids["/environment-unified-model-resource-method"] = row["id"]
    ids["/integrated-account"] = account
    about = {"integration_id": ids["/integration"], "content": "Ours."}
    ids["/documentation"] = (await server.ok("POST", "/documentation", json=about))["id"]
    await server.ok("POST", "/sandbox-integrated-account", json={"id": account})
    ids["/sandbox-integrated-account"] = account
    ids["/events"] = (await server.ok("GET", "/events?limit=1"))["result"][0]["id"]
    return ids
