"""Commands for any server, against a real one."""

from __future__ import annotations

import asyncio
import json

from typer.testing import CliRunner, Result

from isthmus.cli.main import app
from tests.integration.serving import Server


async def run(server: Server, *arguments: str, input: str | None = None) -> Result:
    environ = {"ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": server.token, "COLUMNS": "100"}
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environ, input=input)


async def told(server: Server, *arguments: str) -> str:
    ran = await run(server, *arguments)
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout


async def test_records_and_calls_of_a_sandbox_account(server: Server) -> None:
    await server.sandbox_of("zendesk", "ticketing")
    assert "development" in await told(server, "whoami")
    account = (await told(server, "accounts", "list", "--integration-name", "zendesk", "-o", "id")).strip()
    assert json.loads(await told(server, "accounts", "get", account, "--select", "integration.name")) == {
        "integration.name": "zendesk"
    }
    listed = await run(
        server, "unified", "ticketing", "tickets", "-a", account, "-q", "limit=2", "-o", "ndjson"
    )
    records = [json.loads(line) for line in listed.stdout.splitlines()]
    assert len(records) == 2
    cursor = listed.stderr.strip().removeprefix("Next page: -q next_cursor=")
    rest = await told(
        server,
        "unified",
        "ticketing",
        "tickets",
        "-a",
        account,
        "-q",
        f"limit=2,next_cursor={cursor}",
        "-o",
        "id",
    )
    assert not set(rest.split()) & {each["id"] for each in records}
    one = json.loads(await told(server, "unified", "ticketing", "tickets", records[0]["id"], "-a", account))
    assert one["id"] == records[0]["id"]
    wrong = await run(server, "proxy", "tikets", "-a", account)
    assert (wrong.exit_code, "Did you mean tickets" in wrong.stderr) == (4, True)
    batch = '{"resources": [{"resource": "ticketing/tickets", "method": "list"}]}'
    assert (
        "ticketing/tickets" in json.loads(await told(server, "batch", "-a", account, "-b", batch))["result"]
    )
    named = ("unified", "ticketing", "tickets", "-a", "zendesk")
    assert json.loads(await told(server, *named, records[0]["id"]))["id"] == records[0]["id"]
    explained = (await told(server, *named, "--explain")).splitlines()
    assert explained[0].startswith("GET https://")
    assert "Mapping of ticketing/tickets.list:" in explained
    custom = (await told(server, "custom", "/api/v2/x?a=1", "-a", "zendesk", "--explain")).splitlines()
    assert custom[0].endswith("/api/v2/x?a=1")
    assert "Definition:" in custom
    proxy = (await told(server, "proxy", "tickets", "-a", "zendesk", "--explain")).splitlines()
    assert "Definition of tickets.list:" in proxy
    whole = json.loads(await told(server, *named, "--explain", "-o", "json"))
    assert explained[0].endswith(whole["explain"]["request"]["url"])
    assert "tickets" in await told(server, "capabilities", "zendesk", "-o", "table")


async def test_rows_are_made_changed_and_deleted(server: Server) -> None:
    model = json.loads(
        await told(
            server, "unified-models", "create", "--name", "desk", "--category", "x", "-b", '{"resources": {}}'
        )
    )
    assert model["version"] == 1
    changed = await told(
        server, "unified-models", "update", "desk", "-b", '{"version": 1, "description": "d"}'
    )
    assert json.loads(changed)["version"] == 2
    stale = await run(server, "unified-models", "update", "desk", "-b", '{"version": 1, "description": "e"}')
    assert (stale.exit_code, "version 1 is stale" in stale.stderr) == (6, True)
    await told(server, "unified-models", "delete", "desk", "--force")
    assert (await run(server, "unified-models", "get", "desk")).exit_code == 4
    server.token = "isth_wrong"
    assert (await run(server, "unified-models", "list")).exit_code == 3
