"""The published Python SDK (`truto-python-sdk`), with nothing changed but its base URL."""

from __future__ import annotations

import functools
from typing import Any

import aiohttp
import pytest
from truto_python_sdk import TrutoApi

from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, definition, install
from tests.integration.serving import Server


@pytest.fixture
def sdk(server: Server) -> Any:
    return TrutoApi(server.token, base_url=server.url)


@pytest.fixture
def desk_sdk(desk_server: Server) -> Any:
    return TrutoApi(desk_server.token, base_url=desk_server.url)


async def test_ping_answers(sdk: Any) -> None:
    assert await sdk.ping() == {"status": "ok"}


async def test_who_and_where_are_listed(sdk: Any) -> None:
    environments = await sdk.environments.list().to_array()
    assert [each["name"] for each in environments] == ["development"]
    for resource in (sdk.environments, sdk.teams, sdk.users, sdk.api_tokens):
        rows = await resource.list().to_array()
        assert len(rows) == 1
        assert await resource.get(rows[0]["id"]) == rows[0]
    assert "crm" in {each["name"] for each in await sdk.categories.list().to_array()}


async def test_an_integration_is_created_read_updated_and_deleted(sdk: Any) -> None:
    created = await sdk.integrations.create(definition())
    assert created["version"] == 1
    updated = await sdk.integrations.update(created["id"], {"config": {"label": "Lark"}, "version": 1})
    assert (updated["config"]["label"], updated["version"]) == ("Lark", 2)
    assert (await sdk.integrations.get(created["id"]))["config"]["resources"].keys() == {
        "tickets", "contacts", "users", "comments",
    }  # fmt: skip
    assert await sdk.integrations.delete(created["id"]) == {"id": created["id"]}
    with pytest.raises(aiohttp.ClientResponseError) as missing:
        await sdk.integrations.get(created["id"])
    assert missing.value.status == 404


async def test_installing_twice_is_one_install_and_uninstalling_takes_the_integration_id(sdk: Any) -> None:
    created = await sdk.integrations.create(definition())
    first = await sdk.integrations.install(created["id"])
    again = await sdk.integrations.install(created["id"])
    assert first["id"] == again["id"]
    assert await sdk.environment_integrations.get(first["id"])
    await sdk.integrations.uninstall(created["id"])
    with pytest.raises(aiohttp.ClientResponseError) as missing:
        await sdk.environment_integrations.get(first["id"])
    assert missing.value.status == 404


async def test_an_install_is_listed_and_updated(sdk: Any) -> None:
    created = await sdk.integrations.create(definition())
    install_id = (await sdk.integrations.install(created["id"], is_enabled=False))["id"]
    listed = await sdk.environment_integrations.list(integration_id=created["id"]).to_array()
    assert [(each["id"], each["is_enabled"]) for each in listed] == [(install_id, False)]
    changed = await sdk.environment_integrations.update(install_id, {"is_active": True})
    assert (changed["is_enabled"], changed["is_active"]) == (True, True)
    names = {"in": ["larkdesk", "hubspot"]}
    found = await sdk.integrations.list(name=names).to_array()
    assert {each["name"] for each in found} == {"larkdesk", "hubspot"}


async def test_a_model_is_created_updated_installed_uninstalled_and_deleted(sdk: Any) -> None:
    resources = {"larks": {"schema": {"type": "object"}, "methods": ["list"]}}
    model = await sdk.unified_models.create({"name": "birds", "category": "crm", "resources": resources})
    changed = await sdk.unified_models.update(model["id"], {"description": "Birds.", "version": 1})
    assert (await sdk.unified_models.get(model["id"])) == changed
    assert model["id"] in {each["id"] for each in await sdk.unified_models.list().to_array()}
    first = await sdk.unified_models.install(model["id"])
    assert (await sdk.unified_models.install(model["id"]))["id"] == first["id"]
    override = {"override": {"docs": {"about": "ours"}}}
    assert (await sdk.environment_unified_models.update(first["id"], override))["override"]["docs"]
    listed = await sdk.environment_unified_models.list(unified_model={"name": "birds"}).to_array()
    assert listed == [await sdk.environment_unified_models.get(first["id"])]
    with pytest.raises(aiohttp.ClientResponseError) as kept:
        await sdk.unified_models.delete(model["id"])
    assert kept.value.status == 409
    assert await sdk.unified_models.uninstall(model["id"]) == {"id": first["id"]}
    assert await sdk.unified_models.delete(model["id"]) == {"id": model["id"]}


async def test_a_token_of_one_account_is_made_and_used(desk_server: Server, desk_sdk: Any) -> None:
    async with running(Larkdesk(records=Records(tickets=2), limit=RequestLimit(None))) as desk:
        account = await connect(desk_server, await install(desk_server), desk.url)
        made = await desk_sdk.integrated_accounts.create_integrated_account_token(account)
        browser = TrutoApi(made["integrated_account_token"], base_url=desk_server.url)
        assert len(await browser.proxy_api.list("tickets", {}).to_array()) == 2
        assert (await browser.integrated_accounts.get("me"))["id"] == account
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            await browser.integrated_accounts.get(account)
        assert refused.value.status == 403


async def test_an_account_is_made_read_only(desk_server: Server, desk_sdk: Any) -> None:
    account = await connect(desk_server, await install(desk_server), "http://127.0.0.1:1")
    flag = await desk_sdk.sandbox_integrated_accounts.create({"id": account})
    assert await desk_sdk.sandbox_integrated_accounts.get(account) == flag
    listed = await desk_sdk.sandbox_integrated_accounts.list(tenant_id="acme").to_array()
    assert [each["id"] for each in listed] == [account]
    assert await desk_sdk.sandbox_integrated_accounts.delete(account) == {"id": account}


async def test_documentation_is_written_read_changed_and_deleted(sdk: Any) -> None:
    integration = await sdk.integrations.create(definition())
    sent = {"entity_id": integration["id"], "entity_type": "integration", "content": "Hi"}
    row = await sdk.documentations.create(sent)
    changed = await sdk.documentations.update(row["id"], {"content": "Hello"})
    assert await sdk.documentations.get(row["id"]) == changed
    listed = await sdk.documentations.list(integration_id=integration["id"]).to_array()
    assert [each["content"] for each in listed] == ["Hello"]
    assert await sdk.documentations.delete(row["id"]) == {"id": row["id"]}


async def test_raw_paths_are_called_with_every_verb(desk_server: Server, desk_sdk: Any) -> None:
    async with running(Larkdesk(records=Records(tickets=2), limit=RequestLimit(None))) as desk:
        account = {"integrated_account_id": await connect(desk_server, await install(desk_server), desk.url)}
        assert (await desk_sdk.custom_api.get("v1/tickets/1", **account))["result"]["number"] == 1
        made = await desk_sdk.custom_api.post("v1/tickets", {"subject": "Lamp"}, **account)
        assert made["result"]["subject"] == "Lamp"
        changed = await desk_sdk.custom_api.patch("v1/tickets/1", {"subject": "Lens"}, **account)
        assert changed["result"]["subject"] == "Lens"
        assert await desk_sdk.custom_api.delete("v1/tickets/2", **account) is not None
        with pytest.raises(aiohttp.ClientResponseError) as unknown:
            await desk_sdk.custom_api.put("v1/tickets/1", {}, **account)
        assert unknown.value.status == 405


async def test_a_batch_gathers_what_its_nodes_give(desk_server: Server, desk_sdk: Any) -> None:
    async with running(Larkdesk(records=Records(tickets=3), limit=RequestLimit(None))) as desk:
        account = await connect(desk_server, await install(desk_server), desk.url)
        nodes = [{"resource": f"{MODEL}/tickets", "method": "list", "query": {"limit": 2}}]
        answer = await desk_sdk.batch_requests.create({"integrated_account_id": account, "resources": nodes})
        assert [each["id"] for each in answer["result"][f"{MODEL}/tickets"]] == ["1", "2", "3"]


async def test_an_account_is_imported_listed_updated_and_deleted(desk_server: Server, desk_sdk: Any) -> None:
    install_id = await install(desk_server)
    account = await desk_sdk.integrated_accounts._import(
        {
            "tenant_id": "acme",
            "environment_integration_id": install_id,
            "authentication_method": "api_key",
            "context": {"url": "http://127.0.0.1:1", "api_key": "k"},
        }
    )
    assert "api_key" not in account["context"]
    updated = await desk_sdk.integrated_accounts.update(account["id"], {"context": {"note": "x"}})
    assert updated["context"] == {"url": "http://127.0.0.1:1", "note": "x"}
    listed = await desk_sdk.integrated_accounts.list(tenant_id="acme").to_array()
    assert [each["id"] for each in listed] == [account["id"]]
    assert (await desk_sdk.integrated_accounts.get(account["id"]))["tenant_id"] == "acme"
    assert await desk_sdk.integrated_accounts.delete(account["id"]) == {"id": account["id"]}
    assert await desk_sdk.integrated_accounts.list(tenant_id="acme").to_array() == []


@pytest.mark.parametrize("count", [0, 1, 4])
async def test_accounts_are_listed_over_no_one_and_two_pages(
    desk_server: Server, desk_sdk: Any, count: int
) -> None:
    install_id = await install(desk_server)
    made = {await connect(desk_server, install_id, "http://127.0.0.1:1") for _ in range(count)}
    listed = await desk_sdk.integrated_accounts.list(tenant_id="acme", limit=2).to_array()
    assert len(listed) == count
    assert {each["id"] for each in listed} == made


@pytest.mark.parametrize("count", [0, 3, 8])
async def test_unified_and_proxy_lists_follow_the_pages(
    desk_server: Server, desk_sdk: Any, count: int
) -> None:
    async with running(Larkdesk(records=Records(tickets=count), limit=RequestLimit(None))) as desk:
        query = {
            "integrated_account_id": await connect(desk_server, await install(desk_server), desk.url),
            "limit": 5,
        }
        tickets = await desk_sdk.unified_api.list(MODEL, "tickets", dict(query)).to_array()
        raw = await desk_sdk.proxy_api.list("tickets", dict(query)).to_array()
        assert [each["id"] for each in tickets] == [str(number) for number in range(1, count + 1)]
        assert [each["number"] for each in raw] == list(range(1, count + 1))


async def test_a_unified_record_is_created_read_updated_and_deleted(
    desk_server: Server, desk_sdk: Any
) -> None:
    async with running(Larkdesk(records=Records(tickets=1), limit=RequestLimit(None))) as desk:
        query = {"integrated_account_id": await connect(desk_server, await install(desk_server), desk.url)}
        call = functools.partial(_keep, query)
        created = await desk_sdk.unified_api.create(MODEL, "tickets", {"name": "Lamp"}, call())
        assert (created["id"], created["name"], created["remote_data"]["subject"]) == ("2", "Lamp", "Lamp")
        updated = await desk_sdk.unified_api.update(MODEL, "tickets", "2", {"name": "Lens"}, call())
        assert updated["name"] == "Lens"
        assert (await desk_sdk.unified_api.get(MODEL, "tickets", "2", call()))["name"] == "Lens"
        assert await desk_sdk.unified_api.delete(MODEL, "tickets", "2", call()) == {"id": "2"}
        with pytest.raises(aiohttp.ClientResponseError) as missing:
            await desk_sdk.unified_api.get(MODEL, "tickets", "2", call())
        assert missing.value.status == 404


async def test_a_native_record_is_created_read_updated_and_deleted(
    desk_server: Server, desk_sdk: Any
) -> None:
    async with running(Larkdesk(records=Records(tickets=1), limit=RequestLimit(None))) as desk:
        query = {"integrated_account_id": await connect(desk_server, await install(desk_server), desk.url)}
        created = await desk_sdk.proxy_api.create("tickets", {"subject": "Lamp"}, dict(query))
        assert created["subject"] == "Lamp"
        changed = await desk_sdk.proxy_api.update("tickets", "2", {"subject": "Lens"}, dict(query))
        assert changed["subject"] == "Lens"
        assert (await desk_sdk.proxy_api.get("tickets", "2", dict(query)))["subject"] == "Lens"
        assert await desk_sdk.proxy_api.delete("tickets", "2", dict(query)) == {"id": "2"}


def _keep(query: dict[str, Any]) -> dict[str, Any]:
    """A copy: the SDK writes cursors into the dictionary it is given."""
    return dict(query)
