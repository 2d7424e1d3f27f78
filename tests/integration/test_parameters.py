"""What the data plane says of parameters and definitions that cannot be followed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server

FLAGS = ("truto_ignore_remote_data", "truto_body_passthrough", "isthmus_explain")


@dataclass
class Desk:
    server: Server
    account: str
    install: str

    async def list(self, query: str) -> tuple[int, Any]:
        path = f"/unified/{MODEL}/tickets?integrated_account_id={self.account}&{query}"
        return await self.server.call("GET", path)

    async def lay_over(self, **override: Any) -> None:
        await self.server.ok("PATCH", f"/integrated-account/{self.account}", json=override)


@pytest.fixture
async def desk(desk_server: Server) -> AsyncIterator[Desk]:
    fake = Larkdesk(records=Records(tickets=3), limit=RequestLimit(None))
    async with running(fake):
        installed = await install(desk_server)
        yield Desk(desk_server, await connect(desk_server, installed, fake.url), installed)


@pytest.mark.parametrize("name", FLAGS)
async def test_a_flag_is_true_or_false(desk: Desk, name: str) -> None:
    status, body = await desk.list(f"{name}=banana")
    assert (status, body["message"]) == (400, f"{name} must be one of true, 1, false, 0.")
    assert body["details"]["failures"][0]["path"] == name
    for value in ("false", "0", "", "FALSE"):
        status, body = await desk.list(f"{name}={value}")
        assert (status, body["result_count"]) == (200, 3), value


async def test_keys_that_no_record_has_are_refused_with_those_they_have(desk: Desk) -> None:
    status, body = await desk.list("truto_key_by=nope")
    assert status == 400
    assert "truto_key_by=nope: no record has" in body["message"]
    assert "assignees, contact, created_at" in body["message"]
    status, body = await desk.list("truto_key_by=id&truto_exclude_fields=id")
    assert (status, sorted(body["result"])) == (200, ["1", "2", "3"])
    assert all("id" not in record for record in body["result"].values())
    status, body = await desk.list("truto_key_by=nope&status[id]=gone")
    assert (status, body["result"]) == (200, {})


async def test_fields_to_leave_out_are_a_list(desk: Desk) -> None:
    name = "truto_exclude_fields"
    status, body = await desk.list(f"{name}[contact]=id")
    assert (status, body["details"]["failures"][0]["path"]) == (400, name)
    for spelled in (f"{name}=id,name", f"{name}=id&{name}=name", f"{name}[]=id&{name}[1]=name"):
        status, body = await desk.list(spelled)
        assert status == 200
        assert not {"id", "name"} & body["result"][0].keys(), spelled


async def test_going_back_is_refused_where_no_page_says_how(desk: Desk) -> None:
    status, body = await desk.list("prev_cursor=x")
    assert status == 400
    assert "cannot go back, because its cursor pagination names no prev_cursor_path" in body["message"]


async def test_a_mapping_that_names_its_own_way_back_is_given_it(desk: Desk) -> None:
    mapping = {
        "response_mapping": "{'result': response, 'prev_cursor': 'before'}",
        "response_mapping_method": "array",
        "query_mapping": "{'after': null}",
    }
    await desk.lay_over(unified_model_override={MODEL: {"tickets": {"list": mapping}}})
    status, body = await desk.list("prev_cursor=WzEsIDBd")
    assert (status, body["prev_cursor"]) == (200, "before")


async def test_what_is_not_mapped_is_told_with_what_any_layer_maps(desk: Desk) -> None:
    models = await desk.server.ok("GET", f"/environment-unified-model?unified_model.name={MODEL}")
    row = {
        "environment_unified_model_id": models["result"][0]["id"],
        "integration_name": "zendesk",
        "resource_name": "tickets",
        "method_name": "get",
        "config": {"resource": "tickets"},
    }
    await desk.server.ok("POST", "/environment-unified-model-resource-method", json=row)
    sandbox = await desk.server.sandbox_of("zendesk")
    other = await desk.server.sandbox_of("hubspot")
    _, body = await desk.server.call("GET", f"/unified/{MODEL}/tickets?integrated_account_id={other}")
    assert body["message"].endswith("GET /integration/hubspot/unified-apis lists the models it is mapped to.")
    own = {MODEL: {"tickets": {"update": {"resource": "tickets"}}}}
    await desk.server.ok("PATCH", f"/integrated-account/{sandbox}", json={"unified_model_override": own})
    path = f"/unified/{MODEL}/tickets?integrated_account_id={sandbox}"
    status, body = await desk.server.call("GET", path)
    assert status == 404
    assert body["message"].endswith("Mapped for zendesk: tickets.get, tickets.update.")


async def test_a_delete_that_names_no_record_answers_with_no_id(desk: Desk) -> None:
    clear = {"path": "/v1/tickets/3", "method": "delete"}
    await desk.lay_over(integration_override={"resources": {"tickets": {"delete": clear}}})
    query = f"?integrated_account_id={desk.account}"
    assert await desk.server.ok("DELETE", f"/proxy/tickets{query}") == {}
    await desk.lay_over(integration_override=None)
    assert await desk.server.ok("DELETE", f"/proxy/tickets/2{query}") == {"id": "2"}


async def test_a_unified_resource_cannot_be_named_meta(desk: Desk) -> None:
    values = {"name": "own", "category": "ticketing", "resources": {"meta": {"schema": {"type": "object"}}}}
    status, body = await desk.server.call("POST", "/unified-model", json=values)
    assert status == 400
    assert "meta is a reserved name" in str(body["details"])
    models = await desk.server.ok("GET", f"/environment-unified-model?unified_model.name={MODEL}")
    status, body = await desk.server.call(
        "PATCH",
        f"/environment-unified-model/{models['result'][0]['id']}",
        json={"override": {"resources": {"meta": {"schema": {"type": "object"}}}}},
    )
    assert (status, "meta is a reserved name" in str(body)) == (400, True)


async def test_arrays_and_objects_in_headers_are_json(desk: Desk) -> None:
    mapping = {"response_header_mapping": "{'x-list': ['a', 1], 'x-object': {'a': true}, 'x-flag': true}"}
    await desk.lay_over(unified_model_override={MODEL: {"tickets": {"list": mapping}}})
    url = f"{desk.server.url}/unified/{MODEL}/tickets?integrated_account_id={desk.account}"
    token = {"authorization": f"Bearer {desk.server.token}"}
    async with desk.server.session.get(url, headers=token) as response:
        assert response.headers["x-list"] == '["a",1]'
        assert response.headers["x-object"] == '{"a":true}'
        assert response.headers["x-flag"] == "true"


async def test_an_expression_over_a_limit_names_the_limit(desk: Desk) -> None:
    mapping = {"response_mapping": "($f := function($n) {1 + $f($n)}; $f(1))"}
    await desk.lay_over(unified_model_override={MODEL: {"tickets": {"list": mapping}}})
    status, body = await desk.list("")
    assert status == 500
    assert "(ISTHMUS_LIMIT): " in body["message"]
    assert "depth" in body["message"]


async def test_the_models_scopes_are_asked_for_beside_the_methods(desk: Desk) -> None:
    model = await desk.server.ok("GET", f"/unified-model/{MODEL}")
    scopes = {"tickets": {"scopes": {"larkdesk": {"list": ["tickets.read"], "get": ["other"]}}}}
    await desk.server.ok("PATCH", f"/unified-model/{model['id']}", json={"resources": scopes})
    method = {
        "path": "/v1/tickets",
        "scopes": ["desk", "tickets.read"],
        "error_expression": "{'status': 403}",
    }
    await desk.lay_over(integration_override={"resources": {"tickets": {"list": method}}})
    status, body = await desk.list("")
    assert status == 403
    assert body["truto_error_insight"]["forbidden_error"]["value"] == {
        "missing_scopes": ["desk", "tickets.read"]
    }
