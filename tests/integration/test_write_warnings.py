"""A row that is stored answers with what of it has no effect, in the header `Isthmus-Warning`."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from isthmus.kit.call_warnings import CallWarning, parse_warning_header
from tests.integration.larkdesk import MODEL, connect, definition, install
from tests.integration.serving import Server

pytestmark = pytest.mark.both_databases


async def write(server: Server, verb: str, path: str, body: Any) -> tuple[Any, list[tuple[str, str | None]]]:
    """The row, and (code, field) of each warning."""
    row, warnings = await write_and_warn(server, verb, path, body)
    return row, [(warning.code, warning.field) for warning in warnings]


async def write_and_warn(server: Server, verb: str, path: str, body: Any) -> tuple[Any, list[CallWarning]]:
    headers = {"authorization": f"Bearer {server.token}"}
    async with server.session.request(verb, server.url + path, json=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.json(), parse_warning_header(response.headers.get("isthmus-warning", ""))


def finding(path: str) -> tuple[str, str]:
    return "definition_finding", f"body.{path}"


async def test_an_integration_answers_with_the_keys_that_nothing_reads(server: Server) -> None:
    made = definition()
    assert (await write(server, "POST", "/integration", made | {"name": "whole"}))[1] == []
    misspelt = copy.deepcopy(made)
    misspelt["config"]["resources"]["tickets"]["list"]["pagintion"] = {"format": "page"}
    row, warnings = await write_and_warn(server, "POST", "/integration", misspelt)
    assert [(warning.code, warning.field) for warning in warnings] == [
        finding("config.resources.tickets.list.pagintion")
    ]
    assert warnings[0].message.endswith("is not a field here and is not read; did you mean pagination?")
    change = {"config": {"labell": "Desk"}, "version": row["version"]}
    _, found = await write(server, "PATCH", f"/integration/{row['id']}", change)
    assert found == [finding("config.labell"), finding("config.resources.tickets.list.pagintion")]


async def test_an_integration_answers_that_a_block_is_not_active(server: Server) -> None:
    made = definition()
    made["config"]["webhook"] = {"handle_verification": "x"}
    _, warnings = await write_and_warn(server, "POST", "/integration", made)
    assert ("config.webhook: inbound webhooks are not taken yet", "body.config.webhook") in [
        (warning.message, warning.field) for warning in warnings
    ]


async def test_an_override_answers_with_what_it_adds(server: Server) -> None:
    made = definition()
    made["config"]["labell"] = "Desk"
    integration = await server.ok("POST", "/integration", json=made)
    body = {"integration_id": integration["id"], "override": {"base_ur": "https://example.com"}}
    row, found = await write(server, "POST", "/environment-integration", body)
    assert found == [finding("override.base_ur")]
    changed, found = await write(
        server, "PATCH", f"/environment-integration/{row['id']}", {"override": {"rate_limits": {}}}
    )
    assert (changed["override"], found) == ({"rate_limits": {}}, [finding("override.rate_limits")])
    account = {
        "tenant_id": "acme",
        "environment_integration_id": row["id"],
        "authentication_method": "api_key",
        "context": {"url": "http://127.0.0.1:1", "api_key": "k"},
        "integration_override": {"header": {}},
    }
    made_account, found = await write(server, "POST", "/integrated-account", account)
    assert found == [finding("integration_override.header")]
    change: dict[str, Any] = {"integration_override": {"querry": {}}}
    _, found = await write(server, "PATCH", f"/integrated-account/{made_account['id']}", change)
    assert found == [finding("integration_override.querry")]


async def test_a_model_answers_with_its_findings_and_an_override_with_its_own(server: Server) -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id", "name"]}
    resources = {"larks": {"schema": schema, "method": ["list"], "methods": ["list"]}}
    body = {"name": "birds", "category": "crm", "resources": resources}
    model, found = await write(server, "POST", "/unified-model", body)
    of_model = [finding("resources.larks.method"), finding("resources.larks.schema.required")]
    assert found == of_model
    assert (await write(server, "PATCH", f"/unified-model/{model['id']}", {"description": "x"}))[1] == [
        finding("resources.larks.method")
    ]
    installed = {"unified_model_id": model["id"], "override": {"resources": {"larks": {"docs": "x"}}}}
    row, found = await write(server, "POST", "/environment-unified-model", installed)
    assert found == [finding("override.resources.larks.docs")]
    override = {
        "override": {"resources": {"larks": {"schema": {"required": ["age"], "properties": {"a": {}}}}}}
    }
    _, found = await write(server, "PATCH", f"/environment-unified-model/{row['id']}", override)
    assert found == [finding("override.resources.larks.schema.required")]


async def test_a_mapping_answers_with_the_keys_that_nothing_reads(server: Server) -> None:
    await install(server)
    (installed,) = (await server.ok("GET", f"/environment-unified-model?unified_model.name={MODEL}"))[
        "result"
    ]
    cells = f"/unified-model-resource-method?unified_model_id={installed['unified_model_id']}"
    cell = (await server.ok("GET", cells))["result"][0]
    path = f"/unified-model-resource-method/{cell['id']}"
    assert (await write(server, "PATCH", path, {"config": {"zzz": 1}}))[1] == [finding("config.zzz")]
    names = {name: cell[name] for name in ("integration_name", "resource_name", "method_name")}
    layer = {**names, "environment_unified_model_id": installed["id"], "config": {"yyy": 1}}
    _, found = await write(server, "POST", "/environment-unified-model-resource-method", layer)
    assert found == [finding("config.yyy")]
    account = await connect(server, await install(server), "http://127.0.0.1:1")
    override = {MODEL: {cell["resource_name"]: {cell["method_name"]: {"xxx": 1}}}}
    change = {"unified_model_override": override}
    _, found = await write(server, "PATCH", f"/integrated-account/{account}", change)
    at = f"unified_model_override.{MODEL}.{cell['resource_name']}.{cell['method_name']}.xxx"
    assert found == [finding(at)]


async def test_a_field_that_the_server_sets_is_named_where_another_value_was_sent(
    desk_server: Server,
) -> None:
    install_id = await install(desk_server)
    body = {
        "tenant_id": "acme",
        "environment_integration_id": install_id,
        "authentication_method": "api_key",
        "context": {"url": "http://127.0.0.1:1", "api_key": "k"},
        "is_sandbox": True,
    }
    row, warnings = await write_and_warn(desk_server, "POST", "/integrated-account", body)
    assert row["is_sandbox"] is False
    assert [(warning.code, warning.field) for warning in warnings] == [("unused_name", "body.is_sandbox")]
    assert warnings[0].message == "is_sandbox is set by the server: the value sent was not stored"
    path = f"/integrated-account/{row['id']}"
    assert (await write(desk_server, "PATCH", path, row))[1] == []
    assert (await write(desk_server, "PATCH", path, row | {"environment_id": "x"}))[1] == [
        ("unused_name", "body.environment_id")
    ]
    me = await desk_server.ok("GET", "/me")
    environment = f"/environment/{me['environment']['id']}"
    assert (await write(desk_server, "PATCH", environment, me["environment"]))[1] == []
    other = me["environment"] | {"team_id": "x"}
    assert (await write(desk_server, "PATCH", environment, other))[1] == [("unused_name", "body.team_id")]
    gate = {"name": "office", "domain": "gate.example.com", "created_by": "x"}
    made, found = await write(desk_server, "POST", "/static-gate", gate)
    assert found == [("unused_name", "body.created_by")]
    assert (await write(desk_server, "PATCH", f"/static-gate/{made['id']}", {**made, "name": "b"}))[1] == []


async def test_installing_again_names_what_it_leaves_as_it_is(desk_server: Server) -> None:
    body = {"integration_id": "larkdesk", "is_enabled": True}
    row, found = await write(desk_server, "POST", "/environment-integration", body)
    assert found == []
    body |= {"is_enabled": False, "override": {"environment_variables": {"a": "b"}}}
    again, warnings = await write_and_warn(desk_server, "POST", "/environment-integration", body)
    assert again == row
    assert [warning.field for warning in warnings] == ["body.is_enabled", "body.override"]
    assert f"PATCH /environment-integration/{row['id']}" in warnings[0].message
    body = {"unified_model_id": MODEL, "override": {"docs": {"a": "b"}}}
    again, found = await write(desk_server, "POST", "/environment-unified-model", body)
    assert (again["override"], found) == ({}, [("unused_name", "body.override")])


async def test_a_select_names_the_fields_that_rows_do_not_have(desk_server: Server) -> None:
    for path in ("/integration", "/integration/larkdesk", "/category", "/events"):
        query = "?select=id,nmae" if path != "/integration/larkdesk" else "?select=name,nmae"
        _, warnings = await write_and_warn(desk_server, "GET", path + query, None)
        (warning,) = warnings
        assert (warning.code, warning.field) == ("unknown_name", "query.select"), path
        assert warning.message == "select names nmae, which is no field of these rows"
