"""What unified methods take and give, asked of the server (`/unified/…/meta/…`)."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tests.integration.serving import Server

ROWS = "/environment-unified-model-resource-method"


@pytest.fixture
async def server(server: Server) -> Server:
    """With what the tests ask about."""
    await server.sandbox_of("zendesk", "ticketing", "crm")
    return server


async def test_a_method_of_an_account_is_told_with_all_layers(server: Server) -> None:
    account = await server.sandbox_of("zendesk")
    path = f"/unified/ticketing/tickets/meta/list?integrated_account_id={account}"
    meta = await server.ok("GET", path)
    assert meta.keys() == {
        "method", "schema", "documentation_link", "response_mapping", "query_schema",
        "request_body_schema", "used_query", "used_body", "default_query", "default_body",
    }  # fmt: skip
    assert (meta["method"], meta["schema"]["title"]) == ("list", "Ticket")
    assert "$string(response.id)" in meta["response_mapping"]
    assert "status" in meta["query_schema"]["properties"]
    assert {"status.id", "search", "updated_at"} <= set(meta["used_query"])
    assert meta["used_body"] is None
    for part in ("schema", "query_schema", "request_body_schema"):
        jsonschema.Draft202012Validator.check_schema(meta[part])

    cell = {"integration_name": "zendesk", "resource_name": "tickets", "method_name": "list"}
    config = {
        "query": {"per": "environment"},
        "query_schema": {"type": "object", "properties": {"colour": {"type": "string"}}},
    }
    body = {
        "environment_unified_model_id": await server.install_of_model("ticketing"),
        **cell,
        "config": config,
    }
    await server.ok("POST", ROWS, json=body)
    over: dict[str, Any] = {
        "ticketing": {"tickets": {"list": {"query": {"by": "account"}, "response_mapping": '{"id": "1"}'}}}
    }
    await server.ok("PATCH", f"/integrated-account/{account}", json={"unified_model_override": over})
    meta = await server.ok("GET", path)
    assert meta["default_query"] == {"per": "environment", "by": "account"}
    assert meta["response_mapping"] == '{"id": "1"}'
    assert {"colour", "status"} <= meta["query_schema"]["properties"].keys()

    by_name = "/unified/ticketing/tickets/zendesk/meta/list"
    assert (await server.ok("GET", by_name))["default_query"] == {"per": "environment"}
    with_account = await server.ok("GET", f"{by_name}?integrated_account_id={account}")
    assert with_account["response_mapping"] == '{"id": "1"}'
    assert with_account["response_schema"]["properties"].keys() == {"id", "remote_data"}

    enveloped = {"result": 'response.{"id": "1", "name": "n"}', "next_cursor": "'n'"}
    over["ticketing"]["tickets"]["list"]["response_mapping"] = enveloped
    await server.ok("PATCH", f"/integrated-account/{account}", json={"unified_model_override": over})
    meta = await server.ok("GET", f"{by_name}?integrated_account_id={account}")
    assert meta["response_schema"]["properties"].keys() == {"id", "name", "remote_data"}

    for result in ([{"id": "response.id"}], {"$literal": {"id": "1"}}, 5):
        over["ticketing"]["tickets"]["list"]["response_mapping"] = {"result": result, "next_cursor": "'n'"}
        await server.ok("PATCH", f"/integrated-account/{account}", json={"unified_model_override": over})
        meta = await server.ok("GET", f"{by_name}?integrated_account_id={account}")
        assert meta["response_schema"] == meta["schema"], result


async def test_what_only_resembles_json_schema_is_told_as_it_is_and_fails_no_call(server: Server) -> None:
    odd = {"since": {"type": "date"}, "codes": {"type": "array", "items": "string"}, "like": {"enum": "a, b"}}
    cell = {"integration_name": "zendesk", "resource_name": "tickets", "method_name": "list"}
    config = {"query_schema": {"type": "object", "properties": odd}}
    body = {
        "environment_unified_model_id": await server.install_of_model("ticketing"),
        **cell,
        "config": config,
    }
    await server.ok("POST", ROWS, json=body)
    meta = await server.ok("GET", "/unified/ticketing/tickets/zendesk/meta/list")
    told = meta["query_schema"]["properties"]
    assert {name: told[name] for name in odd} == odd
    assert "status" in told
    account = await server.sandbox_of("zendesk")
    query = f"integrated_account_id={account}&since=x&codes=a,b&like=c"
    await server.ok("GET", f"/unified/ticketing/tickets?{query}")


async def test_the_aliases_that_a_method_takes_are_told(server: Server) -> None:
    await server.sandbox_of("hubspot", "crm")
    create = await server.ok("GET", "/unified/crm/contacts/hubspot/meta/create")
    assert create["request_body_schema"]["properties"]["email"] == {
        "type": ["string", "null"],
        "description": "Short for `email_addresses[].email`. Send one of the two.",
        "x-alias-of": "email_addresses[].email",
    }
    listed = await server.ok("GET", "/unified/crm/contacts/hubspot/meta/list")
    assert listed["query_schema"]["properties"]["email"]["x-alias-of"] == "email_addresses[].email"
    assert "phone" not in listed["query_schema"]["properties"]  # there is no filter for it
    tickets = await server.ok("GET", "/unified/ticketing/tickets/zendesk/meta/create")
    assert "collection" not in tickets["request_body_schema"]["properties"]  # the mapping does not read them


async def test_the_fields_that_a_mapping_fills_are_told(server: Server) -> None:
    meta = await server.ok("GET", "/unified/ticketing/tickets/zendesk/meta/get")
    filled, whole = (meta[part]["properties"].keys() for part in ("response_schema", "schema"))
    assert {"id", "name", "status", "custom_fields"} <= filled
    assert filled < whole
    assert "attachments" in whole - filled


async def test_an_environments_schema_is_what_is_told(server: Server) -> None:
    field = {"resources": {"tickets": {"schema": {"properties": {"colour": {"type": "string"}}}}}}
    await server.ok(
        "PATCH",
        f"/environment-unified-model/{await server.install_of_model('ticketing')}",
        json={"override": field},
    )
    meta = await server.ok("GET", "/unified/ticketing/tickets/zendesk/meta/get")
    assert "colour" in meta["schema"]["properties"]


async def test_the_question_can_be_asked_through_the_custom_api(server: Server) -> None:
    direct = await server.ok("GET", "/unified/ticketing/tickets/zendesk/meta/list")
    account = await server.sandbox_of("zendesk")
    for path in ("/custom/unified", "/custom//unified", "//custom/unified"):
        query = f"?integrated_account_id={account}"
        assert await server.ok("GET", f"{path}/ticketing/tickets/zendesk/meta/list{query}") == direct


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/unified/ticketing/tickets/meta/list", 400, "integrated_account_id"),
        ("/unified/ticketing/tickets/meta/list?integrated_account_id=nothing", 404, "integrated account"),
        ("/unified/ticketing/tickets/meta/lists?integrated_account_id={account}", 404, "list"),
        ("/unified/tickting/tickets/zendesk/meta/list", 404, "Close to it: ticketing"),
        ("/unified/ticketing/tickts/zendesk/meta/list", 404, "tickets"),
        ("/unified/ticketing/tickets/nothing/meta/list", 404, "no integration nothing"),
        ("/unified/crm/contacts/zendesk/meta/list", 404, "has no mapping"),
        ("/unified/ticketing/tickets/github/meta/list?integrated_account_id={account}", 400, "zendesk"),
        ("/unified/meta/crm/zendesk", 404, "is not mapped"),
        ("/unified/meta/nothing/zendesk", 404, "no unified model"),
        ("/unified/meta/ticketing/zendesk?format=pdf", 400, "format"),
        ("/unified/meta/ticketing/zendesk?environment_id=another", 403, "environment"),
    ],
)
async def test_what_is_not_there_is_told(server: Server, path: str, status: int, said: str) -> None:
    account = await server.sandbox_of("zendesk")
    found, body = await server.call("GET", path.format(account=account))
    assert found == status
    assert said in body["message"]


async def test_a_token_of_an_account_asks_about_its_account_alone(server: Server) -> None:
    account = await server.sandbox_of("zendesk")
    made = await server.ok("POST", "/integrated-account/token", json={"integrated_account_id": account})
    token = made["token"]
    own = await server.ok("GET", "/unified/ticketing/tickets/meta/list", token=token)
    path = "/unified/ticketing/tickets/zendesk/meta/list"
    assert own.items() <= (await server.ok("GET", path, token=token)).items()
    other = await server.sandbox_of("github")
    for refused in (f"{path}?integrated_account_id={other}", "/unified/meta/ticketing/zendesk"):
        status, _ = await server.call("GET", refused, token=token)
        assert status == 403, refused
    status, _ = await server.call("GET", path.replace("zendesk", "github"), token=token)
    assert status == 400


async def test_other_verbs_are_not_served(server: Server) -> None:
    for path in ("/unified/meta/ticketing/zendesk", "/unified/ticketing/tickets/zendesk/meta/list"):
        status, body = await server.call("POST", path, json={})
        assert (status, body["error"]) == (405, "Method Not Allowed"), path


class TestGuide:
    PATH = "/unified/meta/ticketing/zendesk"

    async def test_instructions_scopes_and_resources_are_put_together(self, server: Server) -> None:
        guide: dict[str, Any] = await server.ok("GET", self.PATH)
        assert guide["instructions"].startswith("# Zendesk")
        assert {"tickets:read", "tickets:write"} <= set(guide["scopes"])
        assert (guide["pricing_plan"], guide["user_role"]) == ([], [])
        tickets = next(each for each in guide["resources"] if each["resource"] == "tickets")
        assert "list" in tickets["methods"]

    async def test_the_environment_says_more(self, server: Server) -> None:
        install = await server.install_of_model("ticketing")
        docs = {"zendesk": {"pricing_plan": ["Suite"], "user_role": "Admin", "scopes": ["extra"]}}
        await server.ok("PATCH", f"/environment-unified-model/{install}", json={"override": {"docs": docs}})
        text = "# Ours\n\n<script>alert(1)</script> [x](javascript:alert(1)) **bold**"
        row = {"environment_unified_model_id": install, "integration_name": "zendesk", "content": text}
        await server.ok("POST", "/documentation", json=row)
        guide = await server.ok("GET", self.PATH)
        assert (guide["pricing_plan"], guide["user_role"]) == (["Suite"], ["Admin"])
        assert guide["scopes"][0] == "extra"
        assert guide["instructions"] == text

        assert await server.ok("GET", f"{self.PATH}?format=") == await server.ok("GET", self.PATH)
        markdown = await server.ok("GET", f"{self.PATH}?format=md")
        assert markdown.startswith("# Zendesk: ticketing\n")
        assert "- Suite" in markdown
        html = await server.ok("GET", f"{self.PATH}?format=html")
        assert "<strong>bold</strong>" in html
        assert "<script" not in html
        assert 'href="javascript' not in html
        assert "<table>" in html
