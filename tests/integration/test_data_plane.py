"""The door of the data plane: what of a request reaches the engine, and what is refused before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.larkdesk import Larkdesk, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server


@dataclass
class Desk:
    server: Server
    account: str
    sandbox: str

    async def proxy(self, verb: str, rest: str, query: str = "", **options: Any) -> tuple[int, Any]:
        path = f"/proxy/{rest}?integrated_account_id={self.account}{query}"
        return await self.server.call(verb, path, **options)


@pytest.fixture
async def desk(desk_server: Server) -> AsyncIterator[Desk]:
    async with running(Larkdesk(limit=RequestLimit(None))) as fake:
        account = await connect(desk_server, await install(desk_server), fake.url)
        yield Desk(desk_server, account, await desk_server.sandbox_of("zendesk", "ticketing"))


@pytest.mark.parametrize("flag", ["true", "True", "1"])
async def test_a_body_is_passed_through_however_the_flag_is_spelled(desk: Desk, flag: str) -> None:
    status, body = await desk.proxy(
        "POST",
        "tickets",
        f"&truto_body_passthrough={flag}",
        data='{"subject": "Kettle"}',
        headers={"content-type": "application/vnd.desk"},
    )
    assert (status, body["subject"]) == (200, "Kettle")


async def test_a_body_that_passes_through_needs_no_field_of_the_unified_one(desk: Desk) -> None:
    path = f"/unified/{MODEL}/tickets?integrated_account_id={desk.account}"
    status, body = await desk.server.call("POST", path, json={"subject": "Kettle"})
    assert (status, body["details"]["failures"][0]["path"]) == (400, "body.name")
    made = await desk.server.ok("POST", f"{path}&truto_body_passthrough=true", json={"subject": "Kettle"})
    assert made["name"] == "Kettle"


async def test_a_parameter_that_only_mentions_the_flag_changes_nothing(desk: Desk) -> None:
    status, body = await desk.proxy(
        "POST", "tickets", "&note=truto_body_passthrough=true", json={"subject": "Kettle"}
    )
    assert (status, body["subject"]) == (200, "Kettle")


@pytest.mark.parametrize("method", ["list", "get", "create", "update", "delete"])
async def test_the_five_methods_are_not_called_as_custom_ones(desk: Desk, method: str) -> None:
    status, body = await desk.proxy("POST", f"tickets/{method}", json={})
    assert status == 405
    assert "no custom method" in body["message"]


@pytest.mark.parametrize("written", ["bulk-create", "bulk_create"])
@pytest.mark.parametrize("path", ["proxy/tickets", f"unified/{MODEL}/tickets"])
async def test_a_custom_method_is_called_by_either_separator(desk: Desk, path: str, written: str) -> None:
    server = desk.server
    bulk = {"method": "post", "path": "/v1/tickets", "body": {"subject": "{{body.subject}}"}}
    cell = {
        "request_body_mapping": {"subject": "body.name"},
        "response_mapping": {"title": "response.subject"},
    }
    changes = {
        "integration_override": {"resources": {"tickets": {"bulk-create": bulk}}},
        "unified_model_override": {MODEL: {"tickets": {"bulk-create": cell}}},
    }
    (install,) = (await server.ok("GET", f"/environment-unified-model?unified_model.name={MODEL}"))["result"]
    methods = [*install["unified_model"]["resources"]["tickets"]["methods"], "bulk-create"]
    override = {"resources": {"tickets": {"methods": methods}}}
    await server.ok("PATCH", f"/environment-unified-model/{install['id']}", json={"override": override})
    await server.ok("PATCH", f"/integrated-account/{desk.account}", json=changes)
    body = {"name" if path.startswith("unified") else "subject": "Kettle"}
    made = await server.ok("POST", f"/{path}/{written}?integrated_account_id={desk.account}", json=body)
    record = made["result"]["remote_data"] if path.startswith("unified") else made
    assert record["subject"] == "Kettle"
    resource = path.partition("/")[2]
    node = {"resource": resource, "method": written, "body": body, "persist": True}
    batch = {"integrated_account_id": desk.account, "resources": [node]}
    answered = await server.ok("POST", "/batch-request", json=batch)
    assert (len(answered["result"][resource]), answered["errors"][resource]) == (1, [])


async def test_super_query_is_refused_for_an_account_without_it(desk: Desk) -> None:
    path = f"/unified/{MODEL}/tickets?integrated_account_id={desk.account}&truto_super_query=wnam"
    status, body = await desk.server.call("GET", path)
    assert (status, body["details"]["failures"][0]["path"]) == (400, "truto_super_query")
    assert "features.super_query is null" in body["message"]


async def test_a_sandbox_account_refuses_what_it_cannot_keep(desk: Desk) -> None:
    for path in ("/proxy/tickets/search", "/proxy/tickets/list", "/unified/ticketing/tickets/get"):
        status, _ = await desk.server.call("POST", f"{path}?integrated_account_id={desk.sandbox}", json={})
        assert status == 405, path
    path = f"/custom/tickets?integrated_account_id={desk.sandbox}"
    status, body = await desk.server.call("PUT", path, json={})
    assert (status, body["message"].startswith("PUT is a write")) == (405, True)
    path = f"/proxy/_/tidy_up?integrated_account_id={desk.sandbox}"
    status, body = await desk.server.call("POST", path, json={})
    assert (status, body["message"].startswith("the action tidy_up is a write")) == (405, True)


async def test_an_account_that_is_named_twice_is_not_said_to_be_missing(desk: Desk) -> None:
    status, body = await desk.proxy("GET", "tickets", "&integrated_account_id=another")
    assert status == 400
    assert "more than once" in body["message"]
