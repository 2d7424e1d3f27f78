"""The published Python SDK (`truto-python-sdk`), with nothing changed but its base URL."""

from __future__ import annotations

import functools
from typing import Any

import aiohttp
import pytest
from truto_python_sdk import TrutoApi

from tests.fakes.larkdesk import Larkdesk, Records, running
from tests.integration.larkdesk import MODEL, connect, definition, install
from tests.integration.serving import Server


@pytest.fixture
def sdk(server: Server) -> Any:
    return TrutoApi(server.token, base_url=server.url)


async def test_ping_answers(sdk: Any) -> None:
    assert await sdk.ping() == {"status": "ok"}


async def test_who_and_where_are_listed(sdk: Any) -> None:
    environments = await sdk.environments.list().to_array()
    assert [each["name"] for each in environments] == ["development"]
    assert (await sdk.environments.get(environments[0]["id"]))["id"] == environments[0]["id"]
    assert len(await sdk.teams.list().to_array()) == 1
    assert len(await sdk.users.list().to_array()) == 1


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


async def test_an_account_is_imported_listed_updated_and_deleted(server: Server, sdk: Any) -> None:
    install_id = await install(server)
    account = await sdk.integrated_accounts._import(
        {
            "tenant_id": "acme",
            "environment_integration_id": install_id,
            "authentication_method": "api_key",
            "context": {"url": "http://127.0.0.1:1", "api_key": "k"},
        }
    )
    assert "api_key" not in account["context"]
    updated = await sdk.integrated_accounts.update(account["id"], {"context": {"note": "x"}})
    assert updated["context"] == {"url": "http://127.0.0.1:1", "note": "x"}
    listed = await sdk.integrated_accounts.list(tenant_id="acme").to_array()
    assert [each["id"] for each in listed] == [account["id"]]
    assert (await sdk.integrated_accounts.get(account["id"]))["tenant_id"] == "acme"
    assert await sdk.integrated_accounts.delete(account["id"]) == {"id": account["id"]}
    assert await sdk.integrated_accounts.list(tenant_id="acme").to_array() == []


@pytest.mark.parametrize("count", [0, 1, 4])
async def test_accounts_are_listed_over_no_one_and_two_pages(server: Server, sdk: Any, count: int) -> None:
    install_id = await install(server)
    made = {await connect(server, install_id, "http://127.0.0.1:1") for _ in range(count)}
    listed = await sdk.integrated_accounts.list(tenant_id="acme", limit=2).to_array()
    assert len(listed) == count
    assert {each["id"] for each in listed} == made


@pytest.mark.parametrize("count", [0, 3, 8])
async def test_unified_and_proxy_lists_follow_the_pages(server: Server, sdk: Any, count: int) -> None:
    async with running(Larkdesk(records=Records(tickets=count))) as desk:
        query = {"integrated_account_id": await connect(server, await install(server), desk.url), "limit": 5}
        tickets = await sdk.unified_api.list(MODEL, "tickets", dict(query)).to_array()
        raw = await sdk.proxy_api.list("tickets", dict(query)).to_array()
        assert [each["id"] for each in tickets] == [str(number) for number in range(1, count + 1)]
        assert [each["number"] for each in raw] == list(range(1, count + 1))


async def test_a_unified_record_is_created_read_updated_and_deleted(server: Server, sdk: Any) -> None:
    async with running(Larkdesk(records=Records(tickets=1))) as desk:
        query = {"integrated_account_id": await connect(server, await install(server), desk.url)}
        call = functools.partial(_keep, query)
        created = await sdk.unified_api.create(MODEL, "tickets", {"name": "Lamp"}, call())
        assert (created["id"], created["name"], created["remote_data"]["subject"]) == ("2", "Lamp", "Lamp")
        updated = await sdk.unified_api.update(MODEL, "tickets", "2", {"name": "Lens"}, call())
        assert updated["name"] == "Lens"
        assert (await sdk.unified_api.get(MODEL, "tickets", "2", call()))["name"] == "Lens"
        assert await sdk.unified_api.delete(MODEL, "tickets", "2", call()) == {"id": "2"}
        with pytest.raises(aiohttp.ClientResponseError) as missing:
            await sdk.unified_api.get(MODEL, "tickets", "2", call())
        assert missing.value.status == 404


async def test_a_native_record_is_created_read_updated_and_deleted(server: Server, sdk: Any) -> None:
    async with running(Larkdesk(records=Records(tickets=1))) as desk:
        query = {"integrated_account_id": await connect(server, await install(server), desk.url)}
        created = await sdk.proxy_api.create("tickets", {"subject": "Lamp"}, dict(query))
        assert created["subject"] == "Lamp"
        changed = await sdk.proxy_api.update("tickets", "2", {"subject": "Lens"}, dict(query))
        assert changed["subject"] == "Lens"
        assert (await sdk.proxy_api.get("tickets", "2", dict(query)))["subject"] == "Lens"
        assert await sdk.proxy_api.delete("tickets", "2", dict(query)) == {"id": "2"}


def _keep(query: dict[str, Any]) -> dict[str, Any]:
    """A copy: the SDK writes cursors into the dictionary it is given."""
    return dict(query)
