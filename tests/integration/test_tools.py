"""Tools and capabilities, as agents and their toolsets read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema
import pytest
import yaml

from isthmus.config import Settings
from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.integration.larkdesk import connect, install
from tests.integration.serving import Server, serving
from tests.integration.toolset import Toolset

CONFIG: dict[str, Any] = yaml.safe_load("""
label: Paper mill
base_url: https://mill.example
credentials: {api_key: {config: {fields: [{name: api_key, type: password}]}}}
tool_tags: {sheets: [papers, read], reels: [heavy]}
resources:
  sheets:
    list: {path: /sheets, description: List sheets., query_schema: {size: {type: string}}}
    get: {path: "/sheets/{{id}}", description: Read a sheet.}
    create:
      path: /sheets
      method: post
      description: Make a sheet.
      query_schema: {type: object, properties: {size: {type: string}, mill: {}}}
      body_schema:
        type: object
        required: [size]
        properties: {size: {type: string}, weight: {type: integer, required: true}}
    update: {path: "/sheets/{{id}}", method: patch, description: Change a sheet.}
    fold:
      path: "/sheets/{{query.sheet}}/fold?by={{query.by:undefined}}"
      method: post
      description: Fold a sheet.
  reels:
    delete: {path: "/reels/{{id}}", method: delete, description: Remove a reel.}
    list: {path: /reels, api_documentation_url: "https://mill.example/reels"}
""")


async def mill(server: Server) -> tuple[str, str]:
    """The id of the integration, and of an account of it."""
    created = await server.ok("POST", "/integration", json={"name": "paper-mill", "config": CONFIG})
    await server.ok("POST", "/environment-integration", json={"integration_id": created["id"]})
    account = await server.account_of("paper-mill", context={"api_key": "k"})
    return created["id"], account["id"]


async def tools(server: Server, path: str, query: str = "") -> dict[str, Any]:
    body = await server.ok("GET", f"{path}/tools{query}")
    assert (body["next_cursor"], body["limit"]) == (None, 5000)
    return {tool["name"]: tool for tool in body["result"]}


async def test_an_accounts_methods_are_tools_that_a_toolset_can_call(server: Server) -> None:
    _, account = await mill(server)
    found = await tools(server, f"/integrated-account/{account}")
    assert list(found) == [
        "list_all_paper_mill_sheets",
        "get_single_paper_mill_sheet_by_id",
        "create_a_paper_mill_sheet",
        "update_a_paper_mill_sheet_by_id",
        "paper_mill_sheets_fold",
        "delete_a_paper_mill_reel_by_id",
    ]
    for tool in found.values():
        properties = tool["query_schema"]["properties"]
        if tool["method"] == "list":
            assert {"limit", "next_cursor"} <= properties.keys()
        if tool["method"] in ("get", "update", "delete"):
            assert "id" in properties
            assert "id" in tool["required"]
        assert not properties.keys() & tool["body_schema"]["properties"].keys()
        for part in ("query_schema", "body_schema", "response_schema"):
            jsonschema.Draft202012Validator.check_schema(tool[part])
    create = found["create_a_paper_mill_sheet"]
    assert create["required"] == ["size", "weight"]
    assert create["query_schema"]["properties"].keys() == {"mill"}
    fold = found["paper_mill_sheets_fold"]
    assert (fold["required"], fold["query_schema"]["properties"].keys()) == (["sheet"], {"sheet", "by"})
    assert found["list_all_paper_mill_sheets"]["tags"] == ["papers", "read"]


@pytest.mark.parametrize(
    ("query", "methods"),
    [
        ("?methods=read", ["list", "get"]),
        ("?methods=write", ["create", "update", "delete"]),
        ("?methods=custom", ["fold"]),
        ("?methods=fold,list", ["list", "fold"]),
        ("?methods[]=get&methods[]=delete", ["get", "delete"]),
        ("?tags=heavy", ["delete"]),
        ("?tags=heavy,papers&methods=read", ["list", "get"]),
        ("?methods=&tags=", ["list", "get", "create", "update", "fold", "delete"]),
        ("?tags=nobody", []),
    ],
)
async def test_tools_are_narrowed_by_methods_and_tags(server: Server, query: str, methods: list[str]) -> None:
    identity, account = await mill(server)
    found = await tools(server, f"/integrated-account/{account}", query)
    assert [tool["method"] for tool in found.values()] == methods
    assert await tools(server, f"/integration/{identity}", query) == found
    assert await tools(server, "/integration/paper-mill", query) == found


async def test_the_environments_words_win_over_the_integrations(server: Server) -> None:
    identity, account = await mill(server)
    path, name = f"/integrated-account/{account}", "get_single_paper_mill_sheet_by_id"
    about = {"resource": "sheets", "method": "get", "type": "description"}

    async def description() -> str:
        text: str = (await tools(server, path))[name]["description"]
        return text

    assert await description() == "Read a sheet."
    await server.ok("POST", "/documentation", json={**about, "integration_id": identity, "content": "Base."})
    assert await description() == "Base."
    installs = await server.ok("GET", "/environment-integration?integration.name=paper-mill")
    here = {**about, "environment_integration_id": installs["result"][0]["id"]}
    row = await server.ok("POST", "/documentation", json={**here, "content": "Ours."})
    await server.ok(
        "POST", "/documentation", json={**here, "content": "Keys.", "authentication_method": "oauth2"}
    )
    assert await description() == "Ours."
    await server.ok(
        "POST", "/documentation", json={**here, "content": "Mine.", "authentication_method": "api_key"}
    )
    assert await description() == "Mine."
    assert (await tools(server, "/integration/paper-mill"))[name]["description"] == "Ours."
    schema = "type: object\nproperties:\n  colour: {type: string, required: true}\n"
    await server.ok("POST", "/documentation", json={**here, "type": "query_schema", "content": schema})
    tool = (await tools(server, path))[name]
    assert tool["required"] == ["id", "colour"]
    await server.ok("DELETE", f"/documentation/{row['id']}")
    assert (await tools(server, "/integration/paper-mill"))[name]["description"] == "Base."


async def test_an_accounts_own_layer_shows_in_its_tools(server: Server) -> None:
    _, account = await mill(server)
    override = {"resources": {"sheets": {"get": {"description": "Only mine."}, "fold": None}}}
    await server.ok("PATCH", f"/integrated-account/{account}", json={"integration_override": override})
    found = await tools(server, f"/integrated-account/{account}")
    assert found["get_single_paper_mill_sheet_by_id"]["description"] == "Only mine."
    assert "paper_mill_sheets_fold" not in found
    assert "paper_mill_sheets_fold" in await tools(server, "/integration/paper-mill")


async def test_a_toolset_reads_writes_and_deletes_by_its_tools(server: Server) -> None:
    """As the LangChain toolset does it: arguments by the schemas' properties, calls by the proxy API."""
    install_id = await install(server)
    async with running(Larkdesk(records=Records(tickets=3), limit=RequestLimit(None))) as desk:
        account = await connect(server, install_id, desk.url)
        for method in ("list", "get", "create", "update", "delete"):
            content = f"About {method}."
            body = {"resource": "tickets", "method": method, "type": "description", "content": content}
            await server.ok("POST", "/documentation", json={**body, "environment_integration_id": install_id})
        toolset = await Toolset.load(server, account, "read,write")
        use = toolset.use

        first = await use("list_all_larkdesk_tickets", {"limit": 2})
        more = await use("list_all_larkdesk_tickets", {"limit": 2, "next_cursor": first["next_cursor"]})
        assert (len(first["result"]), len(more["result"])) == (2, 1)
        assert (await use("get_single_larkdesk_ticket_by_id", {"id": 2}))["number"] == 2
        opened = await use("create_a_larkdesk_ticket", {"subject": "Crane light", "labels": ["new"]})
        assert (opened["subject"], opened["labels"]) == ("Crane light", ["new"])
        changed = await use("update_a_larkdesk_ticket_by_id", {"id": "2", "subject": "Gate"})
        assert changed["subject"] == "Gate"
        assert await use("delete_a_larkdesk_ticket_by_id", {"id": "2"}) == {"id": "2"}


async def test_names_follow_the_servers_own_template(settings: Settings) -> None:
    settings = replace(settings, tool_name_template="{integration}-{method}_{one}")
    async with serving(settings) as server:
        identity, account = await mill(server)
        for path in (f"/integrated-account/{account}", f"/integration/{identity}"):
            assert {"paper_mill-list_sheet", "paper_mill-fold_sheet"} <= (await tools(server, path)).keys()
            found = await server.ok("GET", f"{path}/capabilities?resource=reels&has_description=false")
            names = {method["name"] for each in found["proxy"] for method in each["methods"]}
            assert names == {"paper_mill-delete_reel", "paper_mill-list_reel"}


class TestCapabilities:
    async def test_of_an_account_name_what_can_be_called_and_its_state(self, server: Server) -> None:
        account = await server.sandbox_of("zendesk", "ticketing")
        found = await server.ok("GET", f"/integrated-account/{account}/capabilities")
        assert found["integration"]["name"] == "zendesk"
        assert found["environment_id"]
        assert found["account"] == {
            "id": account, "status": "active", "authentication_method": "sandbox", "is_blocked": False,
        }  # fmt: skip
        tickets = next(each for each in found["unified"] if each["resource"] == "tickets")
        assert (tickets["model"], tickets["model_label"]) == ("ticketing", "Unified Ticketing API")
        assert {"list", "get", "create", "update", "delete"} == set(tickets["methods"])
        assert tickets["env_overridden"] is False
        proxied = next(each for each in found["proxy"] if each["resource"] == "tickets")
        method = next(each for each in proxied["methods"] if each["method"] == "get")
        assert method["name"] == "get_single_zendesk_ticket_by_id"
        assert (method["has_description"], method["has_query_schema"]) == (True, False)
        assert found["auth"]["formats"] == ["api_key", "oauth2"]
        assert {each["name"] for each in found["auth"]["fields"]} == {"subdomain", "email", "api_token"}
        assert 0 < found["ai_readiness"]["ai_ready_score"] <= 1

    async def test_of_an_integration_know_no_account(self, server: Server) -> None:
        by_name = await server.ok("GET", "/integration/zendesk/capabilities")
        assert "account" not in by_name
        assert "environment_id" not in by_name
        identity = by_name["integration"]["id"]
        assert await server.ok("GET", f"/integration/{identity}/capabilities") == by_name

    async def test_are_narrowed_by_type_methods_resource_and_description(self, server: Server) -> None:
        _, account = await mill(server)
        path = f"/integrated-account/{account}/capabilities"

        async def named(query: str) -> list[tuple[str, list[str]]]:
            found = await server.ok("GET", f"{path}?{query}")
            return [(each["resource"], [m["method"] for m in each["methods"]]) for each in found["proxy"]]

        assert await named("methods=delete") == [("reels", ["delete"])]
        assert await named("resource=reels") == [("reels", ["delete"])]
        assert await named("resource=reels&has_description=false") == [("reels", ["delete", "list"])]
        assert await named("type=unified") == []
        (reels,) = (await server.ok("GET", f"{path}?resource=reels&has_description=false"))["proxy"]
        assert [each["api_documentation_url"] for each in reels["methods"]] == [
            None,
            "https://mill.example/reels",
        ]
        empty = "type=&has_description=&methods=&resource="
        assert await server.ok("GET", f"{path}?{empty}") == await server.ok("GET", path)
        whole = await server.ok("GET", f"{path}?type=unified")
        key = {"name": "api_key", "label": "api_key", "type": "password", "required": False}
        assert whole["auth"] == {"formats": ["api_key"], "fields": [key]}
        assert whole["ai_readiness"] == {
            "proxy_methods": 7, "proxy_methods_with_descriptions": 6, "ai_ready_score": 0.8571,
        }  # fmt: skip
        for query in ("type=both", "has_description=perhaps"):
            status, body = await server.call("GET", f"{path}?{query}")
            assert status == 400
            assert body["details"]["failures"][0]["path"] == query.partition("=")[0]

    async def test_say_where_the_environment_maps_by_itself_and_what_an_account_adds(
        self, server: Server
    ) -> None:
        model = await server.install_of_model("ticketing")
        cell = {"integration_name": "zendesk", "resource_name": "tags", "method_name": "list"}
        body = {"environment_unified_model_id": model, **cell, "config": {}}
        await server.ok("POST", "/environment-unified-model-resource-method", json=body)
        account = await server.sandbox_of("zendesk")
        override = {"ticketing": {"teams": {"list": {"resource": "users"}}}}
        await server.ok("PATCH", f"/integrated-account/{account}", json={"unified_model_override": override})
        found = await server.ok("GET", f"/integrated-account/{account}/capabilities?type=unified")
        flags = {each["resource"]: each["env_overridden"] for each in found["unified"]}
        assert (flags["tags"], flags["tickets"], flags["teams"]) == (True, False, False)
        await server.ok("DELETE", f"/environment-unified-model/{model}")
        found = await server.ok("GET", f"/integrated-account/{account}/capabilities")
        assert found["unified"] == []

    async def test_unified_apis_of_an_integration_are_listed_by_model(self, server: Server) -> None:
        await server.install_of_model("crm")
        found = await server.ok("GET", "/integration/hubspot/unified-apis")
        (crm,) = found["result"]
        assert (crm["name"], crm["label"], crm["is_installed"]) == ("crm", "Unified CRM API", True)
        assert "contacts" in {each["resource"] for each in crm["resources"]}


async def test_what_is_not_there_is_not_found(server: Server) -> None:
    for path in (
        "/integration/nothing/tools", "/integration/nothing/capabilities",
        "/integration/nothing/unified-apis", "/integrated-account/nothing/tools",
        "/integrated-account/nothing/capabilities",
    ):  # fmt: skip
        status, body = await server.call("GET", path)
        assert (status, body["error"]) == (404, "Not Found"), path
