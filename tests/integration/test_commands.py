"""Local administration beside running servers, on both databases: some as real processes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from isthmus.config import Settings
from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.integration import commands
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.processes import Process, isthmus, refused, serving_process
from tests.integration.serving import serving

pytestmark = pytest.mark.walk(of="folder", share=0.2)


async def test_the_greeting_is_a_call_that_works_when_pasted(first_environ: dict[str, str]) -> None:
    async with serving_process(first_environ) as process:
        lines = process.greeting.splitlines()
        call = next(line for line in lines if "curl" in line)
        assert f"  export ISTHMUS_API_URL={process.url} ISTHMUS_API_TOKEN={process.token}" in lines
        assert f"  isthmus login --api-url {process.url}" in lines
        shell = await asyncio.create_subprocess_shell(call, stdout=asyncio.subprocess.PIPE)
        output, _ = await shell.communicate()
    assert b'"email_addresses"' in output


async def test_a_token_of_the_command_line_works_and_stops_within_a_second(environ: dict[str, str]) -> None:
    async with serving_process(environ) as process:
        token = await isthmus(environ, "tokens", "create", "--environment", "development", "--name", "x")
        await process.seconds_until(200, "/me", token, at_most=1.0)
        listed = await isthmus(environ, "tokens", "list")
        identity = next(line.split()[0] for line in listed.splitlines() if line.split()[2] == "x")
        await isthmus(environ, "tokens", "revoke", identity)
        await process.seconds_until(401, "/me", token, at_most=1.0)


@pytest.mark.both_databases
async def test_an_account_is_blocked_and_unblocked_within_a_second(
    settings: Settings, environ: dict[str, str]
) -> None:
    async with serving(settings) as server:
        account = await server.sandbox_of("hubspot")
        path = f"/unified/crm/contacts?integrated_account_id={account}"
        process = Process(server.url, server.token, "")
        await process.seconds_until(200, path, server.token, at_most=1.0)
        await commands.isthmus(environ, "accounts", "block", account, "--reason", "loops")
        await process.seconds_until(503, path, server.token, at_most=1.0)
        listed = (await commands.isthmus(environ, "accounts", "blocked")).splitlines()
        assert (listed[1].split()[:2], listed[1].split()[-1]) == ([account, "development"], "loops")
        await commands.isthmus(environ, "accounts", "unblock", account)
        await process.seconds_until(200, path, server.token, at_most=1.0)
        assert "is not blocked" in await commands.refused(environ, "accounts", "unblock", account)


@pytest.mark.both_databases
async def test_an_environment_of_the_command_line_has_everything_installed(
    settings: Settings, environ: dict[str, str]
) -> None:
    async with serving(settings) as server:
        await commands.isthmus(environ, "environments", "create", "staging")
        token = await commands.isthmus(environ, "tokens", "create", "--environment", "staging")
        process = Process(server.url, server.token, "")
        await process.seconds_until(200, "/me", token, at_most=1.0)
        assert await process.status_of("/integrated-account?limit=1", token) == 200


@pytest.mark.both_databases
async def test_an_account_works_before_during_and_after_a_key_rotation(
    settings: Settings, environ: dict[str, str]
) -> None:
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(
            running(Larkdesk(records=Records(tickets=3), limit=RequestLimit(None)))
        )
        server = await stack.enter_async_context(serving(settings))
        install_id = await install(server)
        account = await connect(server, install_id, desk.url)
        path = f"/unified/{MODEL}/tickets?integrated_account_id="
        await server.ok("GET", path + account)

        rotation = asyncio.create_task(isthmus(environ, "db", "rotate-key"))
        during = 0
        while not rotation.done():
            fresh = await connect(server, install_id, desk.url)
            for identity in (account, fresh):
                listed = await server.ok("GET", path + identity)
                assert listed["result_count"] == 3
                during += 1
        await rotation
        assert during > 0
        listed = await server.ok("GET", path + account)
        assert listed["result_count"] == 3


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_sqlite_file_has_one_serving_process(environ: dict[str, str]) -> None:
    async with serving_process(environ) as process:
        assert process.token is not None
        await process.seconds_until(200, "/me", process.token, at_most=60)
        assert process.count_children() == 0
        message = await refused(environ, "serve", "--port", "0")
        assert "being served by another process" in message
    assert "needs PostgreSQL" in await refused(environ, "serve", "--port", "0", "--workers", "2")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_several_processes_serve_one_postgresql(first_environ: dict[str, str]) -> None:
    async with AsyncExitStack() as stack:
        processes: list[Process] = await asyncio.gather(
            *(stack.enter_async_context(serving_process(first_environ)) for _ in range(2))
        )
        tokens = [process.token for process in processes if process.token]
        assert len(tokens) == 1
        for process in processes:
            await process.seconds_until(200, "/me", tokens[0], at_most=1.0)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_worker_processes_share_one_socket(environ: dict[str, str]) -> None:
    async with serving_process(environ, "--workers", "2") as process:
        assert process.token is not None
        async with asyncio.timeout(60):
            assert {await process.status_of("/me", process.token) for _ in range(10)} == {200}
        assert process.count_children() >= 2  # beside them may be what multiprocessing starts for itself


async def test_a_port_in_use_is_told_with_a_way_out(environ: dict[str, str]) -> None:
    async with serving_process(environ) as process:
        port = process.url.rpartition(":")[2]
        other = environ | {"ISTHMUS_DATA_DIR": environ["ISTHMUS_DATA_DIR"] + "-other"}
        message = await refused(other, "serve", "--port", port)
    assert f"cannot listen on 127.0.0.1:{port}" in message
    assert "--port" in message
