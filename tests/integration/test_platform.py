"""Platform rows as a client asks for them."""

from __future__ import annotations

from dataclasses import replace

from isthmus.config import Settings
from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server, serving

ZENDESK = "integration.name=zendesk"


async def test_one_row_and_a_list_are_cut_to_the_fields_that_are_asked_for(server: Server) -> None:
    account = await server.sandbox_of("zendesk")
    fields = "select=id,integration.name,integration.nothing,no_column_here"
    wanted = {"id": account, "integration": {"name": "zendesk"}}
    assert await server.ok("GET", f"/integrated-account/{account}?{fields}") == wanted
    for relation in ("integration.name", "integration[name]"):
        listed = await server.ok("GET", f"/integrated-account?{relation}=zendesk&{fields}")
        assert listed["result"] == [wanted]


async def test_an_id_with_a_slash_leads_to_no_other_route(server: Server) -> None:
    account = await server.sandbox_of("zendesk")
    await server.ok("GET", f"/integrated-account/{account}/tools")
    for verb, rest in (("GET", "tools"), ("PATCH", "credentials")):
        path = f"/integrated-account/{account}%2F{rest}"
        status, body = await server.call(verb, path, json={"context": {"api_token": "mine"}})
        assert (status, "no integrated account" in body["message"]) == (404, True), verb


async def test_settings_are_removed_by_name_and_not_by_null(server: Server) -> None:
    own = f"/environment/{(await server.ok('GET', '/me'))['environment']['id']}"
    theme = {"connect_theme": {"radius": 4}}
    await server.ok("PATCH", own, json={"settings": theme})
    status, body = await server.call("PATCH", own, json={"name": "other", "settings": None})
    assert (status, body["details"]["failures"][0]["path"]) == (400, "settings")
    row = await server.ok("GET", own)
    assert (row["name"], row["settings"]) == ("development", theme | {"unknown_names": "refuse"})
    removed = {"settings": {"connect_theme": None, "unknown_names": None}}
    assert (await server.ok("PATCH", own, json=removed))["settings"] == {}


async def test_an_account_is_made_read_only_and_writable_again(server: Server) -> None:
    async with running(Larkdesk(records=Records(tickets=1), limit=RequestLimit(None))) as desk:
        account = await connect(server, await install(server), desk.url)
        flag = await server.ok("POST", "/sandbox-integrated-account", json={"id": account})
        assert (flag["id"], flag["integrated_account"]["is_sandbox"]) == (account, True)
        assert flag == await server.ok("POST", "/sandbox-integrated-account", json={"id": account})
        assert flag == await server.ok("GET", f"/sandbox-integrated-account/{account}")
        query = f"integrated_account_id={account}"
        status, _ = await server.call("POST", f"/proxy/tickets?{query}", json={"subject": "Lamp"})
        assert status == 405
        assert (await server.ok("GET", f"/proxy/tickets/1?{query}"))["number"] == 1
        listed = await server.ok("GET", "/sandbox-integrated-account?tenant_id=acme")
        assert listed["result"] == [flag]
        assert await server.ok("DELETE", f"/sandbox-integrated-account/{account}") == {"id": account}
        await server.ok("POST", f"/proxy/tickets?{query}", json={"subject": "Lamp"})
        for verb in ("GET", "DELETE"):
            status, body = await server.call(verb, f"/sandbox-integrated-account/{account}")
            assert (status, "is no sandbox account" in body["message"]) == (404, True)


async def test_the_account_that_answers_from_examples_stays_read_only(server: Server) -> None:
    account = await server.sandbox_of("zendesk")
    status, body = await server.call("DELETE", f"/sandbox-integrated-account/{account}")
    assert (status, "no provider to write to" in body["message"]) == (409, True)
    shown = await server.ok("GET", f"/sandbox-integrated-account?{ZENDESK}&select=id")
    assert shown["result"] == [{"id": account}]


async def test_a_server_may_insist_on_the_version_of_a_definition(settings: Settings) -> None:
    async with serving(replace(settings, strict_version=True)) as server:
        await install(server)
        for path in ("/integration/larkdesk", f"/unified-model/{MODEL}"):
            row = await server.ok("GET", path)
            for body in ({"sharing": "ask"}, {"sharing": "ask", "version": None}):
                status, answer = await server.call("PATCH", path, json=body)
                assert (status, answer["details"]["failures"][0]["path"]) == (400, "version")
            changed = await server.ok("PATCH", path, json={"sharing": "ask", "version": row["version"]})
            assert changed["version"] == row["version"] + 1
