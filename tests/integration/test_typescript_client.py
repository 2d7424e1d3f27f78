"""Every call of the TypeScript client that is served, with its quirks on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.fakes.larkdesk import Fault, Larkdesk, Records, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, definition, install
from tests.integration.serving import Server
from tests.integration.typescript import TypeScriptClient, TypeScriptError, encode
from tests.integration.vaultline import connected


@pytest.fixture
def client(server: Server) -> TypeScriptClient:
    return TypeScriptClient(server.session, f"{server.url}/", server.token)


@pytest.fixture
async def desk() -> AsyncIterator[Larkdesk]:
    async with running(Larkdesk(records=Records(tickets=8), limit=RequestLimit(None))) as fake:
        yield fake


@pytest.fixture
async def account(server: Server, desk: Larkdesk) -> dict[str, Any]:
    """The parameter that names an account on the desk."""
    return {"integrated_account_id": await connect(server, await install(server), desk.url)}


async def test_who_and_where(client: TypeScriptClient) -> None:
    for endpoint in ("/user", "/team", "/environment", "/api-token"):
        (row,) = await client.cursor(endpoint).to_array()
        assert await client.send("GET", f"{endpoint}/{row['id']}") == row
    (team,) = await client.cursor("/team").to_array()
    assert (await client.send("PATCH", f"/team/{team['id']}", body={"name": "Acme"}))["name"] == "Acme"
    (environment,) = await client.cursor("/environment", {"sort_by": None, "name": "development"}).to_array()
    renamed = await client.send("PATCH", f"/environment/{environment['id']}", body={"name": "test"})
    assert renamed["name"] == "test"
    assert "crm" in {each["name"] for each in await client.cursor("/category").to_array()}


async def test_definitions_are_made_installed_changed_and_taken_away(client: TypeScriptClient) -> None:
    made = await client.send("POST", "/integration", body=definition())
    changed = await client.send("PATCH", f"/integration/{made['id']}", body={"is_beta": True})
    assert (changed["is_beta"], changed["version"]) == (True, 2)
    body = {"integration_id": made["id"], "is_enabled": True}
    row = await client.send("POST", "/environment-integration", body=body)
    await client.send("PATCH", f"/environment-integration/{row['id']}", body={"is_active": False})
    listed = await client.cursor("/environment-integration", {"integration": {"name": "larkdesk"}}).to_array()
    assert [(each["id"], each["is_enabled"]) for each in listed] == [(row["id"], False)]
    with pytest.raises(TypeScriptError) as kept:
        await client.send("DELETE", f"/integration/{made['id']}")
    assert (kept.value.status, kept.value.data["details"]["installed"][0]["id"]) == (409, row["id"])
    assert client.tries == 8  # a conflict is tried three times: nothing came of it
    for endpoint in (f"/environment-integration/{row['id']}", f"/integration/{made['id']}"):
        assert await client.send("DELETE", endpoint) == {"id": endpoint.rpartition("/")[2]}


async def test_models_are_made_installed_changed_and_taken_away(client: TypeScriptClient) -> None:
    resources = {"larks": {"schema": {"type": "object"}, "methods": ["list"]}}
    body = {"name": "birds", "category": "crm", "resources": resources}
    model = await client.send("POST", "/unified-model", body=body)
    await client.send("PATCH", f"/unified-model/{model['id']}", body={"description": "Birds."})
    assert (await client.send("GET", f"/unified-model/{model['id']}"))["description"] == "Birds."
    row = await client.send("POST", "/environment-unified-model", body={"unified_model_id": model["id"]})
    named = {"unified_model": {"name": ["birds", "nothing"]}}
    assert await client.cursor("/environment-unified-model", named).to_array() == [row]
    assert await client.send("GET", f"/environment-unified-model/{row['id']}") == row
    for endpoint in (f"/environment-unified-model/{row['id']}", f"/unified-model/{model['id']}"):
        assert await client.send("DELETE", endpoint) == {"id": endpoint.rpartition("/")[2]}


async def test_accounts_are_listed_changed_flagged_and_deleted(
    client: TypeScriptClient, account: dict[str, Any]
) -> None:
    identity = account["integrated_account_id"]
    query = {"is_sandbox": False, "status": {"in": "active,needs_reauth"}, "created_at": {"gt": "2020-01-01"}}
    assert [each["id"] for each in await client.cursor("/integrated-account", query).to_array()] == [identity]
    body = {"tenant_id": "other", "context": {"note": "x"}}
    changed = await client.send("PATCH", f"/integrated-account/{identity}", body=body)
    assert await client.send("GET", f"/integrated-account/{identity}") == changed
    tools = await client.send("GET", f"/integrated-account/{identity}/tools", {"methods": "list,get"})
    assert {tool["method"] for tool in tools["result"]} == {"list", "get"}
    flag = await client.send("POST", "/sandbox-integrated-account", body={"id": identity})
    assert await client.send("GET", f"/sandbox-integrated-account/{identity}") == flag
    assert flag in await client.cursor("/sandbox-integrated-account").to_array()
    for endpoint in ("/sandbox-integrated-account", "/integrated-account"):
        assert await client.send("DELETE", f"{endpoint}/{identity}") == {"id": identity}


async def test_documentation_is_written_read_and_deleted(client: TypeScriptClient) -> None:
    made = await client.send("POST", "/integration", body=definition())
    body = {"entity_id": made["id"], "entity_type": "integration", "content": "Hi"}
    row = await client.send("POST", "/documentation", body=body)
    await client.send("PATCH", f"/documentation/{row['id']}", body={"content": "Hello"})
    listed = await client.cursor("/documentation", {"integration_id": made["id"]}).to_array()
    assert [each["content"] for each in listed] == ["Hello"]
    assert await client.send("DELETE", f"/documentation/{row['id']}") == {"id": row["id"]}


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (3, 1), (8, 2)])
async def test_unified_and_proxy_lists_of_no_one_and_two_pages(
    server: Server, client: TypeScriptClient, count: int, pages: int
) -> None:
    async with running(Larkdesk(records=Records(tickets=count), limit=RequestLimit(None))) as fake:
        account = {"integrated_account_id": await connect(server, await install(server), fake.url)}
        for endpoint, key in ((f"/unified/{MODEL}/tickets", "id"), ("/proxy/tickets", "number")):
            client.tries = 0
            rows = await client.cursor(endpoint, {**account, "limit": 5}).to_array()
            assert [int(each[key]) for each in rows] == list(range(1, count + 1))
            assert client.tries == pages


async def test_unified_and_native_records_are_made_read_changed_and_deleted(
    client: TypeScriptClient, account: dict[str, Any]
) -> None:
    for endpoint, field, key in (
        (f"/unified/{MODEL}/tickets", "name", "id"), ("/proxy/tickets", "subject", "number"),
    ):  # fmt: skip
        made = await client.send("POST", endpoint, account, {field: "Lamp"})
        one = f"{endpoint}/{encode(str(made[key]))}"
        assert (await client.send("PATCH", one, account, {field: "Lens"}))[field] == "Lens"
        assert (await client.send("GET", one, account))[field] == "Lens"
        assert await client.send("DELETE", one, account) == {"id": str(made[key])}


async def test_a_unified_method_is_described(client: TypeScriptClient, account: dict[str, Any]) -> None:
    told = await client.send("GET", f"/unified/{MODEL}/tickets/meta/list", account)
    assert (told["method"], told["schema"]["type"]) == ("list", "object")


async def test_methods_of_an_authors_own_are_called_by_name(
    server: Server, client: TypeScriptClient, account: dict[str, Any]
) -> None:
    (row,) = await client.cursor("/environment-integration", {"integration": {"name": "larkdesk"}}).to_array()
    method = {"method": "post", "path": "/v1/tickets", "body": {"subject": "{{body.title}}"}}
    override = {"override": {"resources": {"tickets": {"reopen": method}}}}
    await client.send("PATCH", f"/environment-integration/{row['id']}", body=override)
    (model,) = await client.cursor(
        "/environment-unified-model", {"unified_model": {"name": MODEL}}
    ).to_array()
    methods = [*model["unified_model"]["resources"]["tickets"]["methods"], "reopen"]
    own = {"override": {"resources": {"tickets": {"methods": methods}}}}
    await server.ok("PATCH", f"/environment-unified-model/{model['id']}", json=own)
    mapping = {
        "environment_unified_model_id": model["id"],
        "integration_name": "larkdesk",
        "resource_name": "tickets",
        "method_name": "reopen",
        "config": {
            "request_body_mapping": "{ 'title': body.name }",
            "response_mapping": "{ 'id': $string(response.number), 'name': response.subject }",
        },
    }
    await server.ok("POST", "/environment-unified-model-resource-method", json=mapping)
    native = await client.send("POST", "/proxy/tickets/reopen", account, {"title": "Lamp"})
    assert native["subject"] == "Lamp"
    unified = await client.send("POST", f"/unified/{MODEL}/tickets/reopen", account, {"name": "Lens"})
    assert (unified["result"]["id"], unified["result"]["name"]) == ("10", "Lens")


async def test_raw_paths_have_no_slash_before_them_and_plain_text_bodies(
    client: TypeScriptClient, account: dict[str, Any], desk: Larkdesk
) -> None:
    assert (await client.send("GET", "custom/v1/tickets/1", account))["result"]["number"] == 1
    made = await client.send("POST", "custom/v1/tickets", account, {"subject": "Lamp"}, stringified=True)
    assert made["result"]["subject"] == "Lamp"
    body = {"subject": "Lens"}
    changed = await client.send("PATCH", "custom//v1/tickets/1", account, body, stringified=True)
    assert changed["result"]["subject"] == "Lens"
    await client.send("DELETE", "/custom/v1/tickets/2", account)
    with pytest.raises(TypeScriptError) as refused:
        await client.send("PUT", "custom/v1/tickets/1", account, body, stringified=True)
    assert (refused.value.status, refused.value.data["truto_is_remote_error"]) == (405, True)


async def test_a_batch_is_one_call(client: TypeScriptClient, account: dict[str, Any]) -> None:
    nodes = [{"resource": f"{MODEL}/tickets", "method": "list"}]
    answer = await client.send("POST", "/batch-request", body={**account, "resources": nodes})
    assert len(answer["result"][f"{MODEL}/tickets"]) == 8


async def test_an_id_may_hold_whatever_a_url_has_to_encode(
    client: TypeScriptClient, account: dict[str, Any], desk: Larkdesk
) -> None:
    identity = "alt:ref:a@b_t:1/2 ü?#%"
    with pytest.raises(TypeScriptError) as unknown:
        await client.send("GET", f"/proxy/tickets/{encode(identity)}", account)
    assert (unknown.value.status, unknown.value.data["truto_is_remote_error"]) == (404, True)
    assert desk.visits[-1].path == f"/v1/tickets/{identity}"


async def test_a_bad_request_shows_its_body_and_reason(client: TypeScriptClient) -> None:
    with pytest.raises(TypeScriptError) as refused:
        await client.send("POST", "/integration", body={"name": "Not A Slug", "config": {}})
    assert (refused.value.status, str(refused.value)) == (400, "Bad Request")
    assert refused.value.data["details"]["failures"][0]["path"] == "name"
    assert client.tries == 1


async def test_a_provider_that_is_busy_is_asked_again_when_it_said(
    client: TypeScriptClient, account: dict[str, Any], desk: Larkdesk
) -> None:
    desk.limit = RequestLimit(1, seconds=10, wait_seconds=10)
    await client.send("GET", "/proxy/tickets/1", account)
    with pytest.raises(TypeScriptError) as busy:
        await client.send("GET", "/proxy/tickets/1", account)
    assert busy.value.status == 429
    assert client.waits
    assert all(0 < wait <= 10 for wait in client.waits)


async def test_what_is_tried_again_at_once_leaves_nothing_behind(
    client: TypeScriptClient, account: dict[str, Any], desk: Larkdesk
) -> None:
    desk.cue(Fault("status", code=503, times=2))
    made = await client.send("POST", "/proxy/tickets", account, {"subject": "Lamp"})
    assert (made["number"], client.tries) == (9, 3)
    assert len(await client.cursor("/proxy/tickets", account).to_array()) == 9


async def test_uploads_keep_their_parts_and_other_types_come_as_bytes(server: Server) -> None:
    async with connected(server) as vault:
        client = TypeScriptClient(vault.server.session, f"{vault.server.url}/", vault.server.token)
        query = {"integrated_account_id": vault.account}
        form = aiohttp.FormData()
        form.add_field("scan", b"\x89PNG\x00", filename="a.png", content_type="image/png")
        assert (await client.send("POST", "/proxy/files", query, form))["bytes"] > 0
        assert b'filename="a.png"' in vault.fake.last.body
        assert await client.send("GET", "custom/report", query) == b'id,label\n1,"a, b"\n'
