"""The environment's layer of mappings, between the model's and the account's."""

from __future__ import annotations

from typing import Any

from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, definition, install, mappings
from tests.integration.serving import Server

ROWS = "/environment-unified-model-resource-method"


async def test_an_environment_maps_its_own_product_onto_a_shipped_model(server: Server) -> None:
    await server.ok("POST", "/integration", json=definition())
    installed = await server.ok("POST", "/environment-integration", json={"integration_id": "larkdesk"})
    model = await server.install_of_model("ticketing")
    for cell in mappings("ticketing"):
        row = {"environment_unified_model_id": model, "integration_name": "larkdesk", **cell}
        await server.ok("POST", ROWS, json=row)
    async with running(Larkdesk(records=Records(tickets=2), limit=RequestLimit(None))) as desk:
        account = await connect(server, installed["id"], desk.url)
        listed = await server.ok("GET", f"/unified/ticketing/tickets?integrated_account_id={account}")
    assert [each["id"] for each in listed["result"]] == ["1", "2"]


async def test_the_environment_lies_over_the_model_and_under_the_account(server: Server) -> None:
    install_id = await install(server)
    model = await server.install_of_model(MODEL)
    async with running(Larkdesk(records=Records(tickets=1), limit=RequestLimit(None))) as desk:
        account = await connect(server, install_id, desk.url)

        async def first() -> Any:
            path = f"/unified/{MODEL}/tickets?integrated_account_id={account}&truto_ignore_remote_data=true"
            return (await server.ok("GET", path))["result"][0]

        assert "number" in await first()
        cell = {"integration_name": "larkdesk", "resource_name": "tickets", "method_name": "list"}
        config = {"response_mapping": '{"id": "environment"}'}
        row = await server.ok(
            "POST", ROWS, json={"environment_unified_model_id": model, **cell, "config": config}
        )
        assert await first() == {"id": "environment"}
        override = {MODEL: {"tickets": {"list": {"response_mapping": '{"id": "account"}'}}}}
        await server.ok("PATCH", f"/integrated-account/{account}", json={"unified_model_override": override})
        assert await first() == {"id": "account"}
        await server.ok("PATCH", f"/integrated-account/{account}", json={"unified_model_override": None})
        changed = await server.ok(
            "PATCH",
            f"{ROWS}/{row['id']}",
            json={"config": {"response_mapping": '{"id": "changed"}'}, "version": 1},
        )
        assert (changed["version"], await first()) == (2, {"id": "changed"})
        status, body = await server.call("PATCH", f"{ROWS}/{row['id']}", json={"version": 1, "config": {}})
        assert (status, body["details"]["version"]) == (409, 2)
        await server.ok("DELETE", f"{ROWS}/{row['id']}")
        assert "number" in await first()


async def test_an_expression_that_does_not_compile_is_refused(server: Server) -> None:
    model = await server.install_of_model("ticketing")
    cell = {"integration_name": "zendesk", "resource_name": "tickets", "method_name": "list"}
    body = {"environment_unified_model_id": model, **cell, "config": {"response_mapping": "{"}}
    status, answer = await server.call("POST", ROWS, json=body)
    assert (status, answer["details"]["failures"][0]["path"]) == (400, "config.response_mapping")


async def test_a_cell_is_laid_over_once(server: Server) -> None:
    model = await server.install_of_model("ticketing")
    cell = {"integration_name": "zendesk", "resource_name": "tickets", "method_name": "list"}
    body = {"environment_unified_model_id": model, **cell, "config": {"query": {"a": "b"}}}
    await server.ok("POST", ROWS, json=body)
    status, _ = await server.call("POST", ROWS, json=body)
    assert status == 409


async def test_a_misspelt_field_of_a_mapping_is_refused_with_the_right_name(server: Server) -> None:
    model = await server.install_of_model("ticketing")
    cell = {"integration_name": "zendesk", "resource_name": "tickets", "method_name": "list"}
    body = {"environment_unified_model_id": model, **cell, "config": {"respons_mapping": "x"}}
    status, answer = await server.call("POST", ROWS, json=body)
    assert status == 400
    failed = answer["details"]["failures"][0]
    assert (failed["path"], failed["code"]) == ("config.respons_mapping", "unknown_field")
    assert "did you mean response_mapping?" in failed["message"]


async def test_a_mapping_may_be_there_before_its_integration(server: Server) -> None:
    """Moving an environment over writes a model's rows first."""
    cell = {"integration_name": "larkdisk", "resource_name": "tickets", "method_name": "list"}
    body = {"environment_unified_model_id": await server.install_of_model("ticketing"), **cell}
    row = await server.ok("POST", ROWS, json={**body, "config": {"query": {"per_page": "7"}}})
    await server.ok("PATCH", f"{ROWS}/{row['id']}", json={"integration_name": "larkdesk"})
    await server.ok("POST", "/integration", json=definition())
    installed = await server.ok("POST", "/environment-integration", json={"integration_id": "larkdesk"})
    path = f"/environment-integration/{installed['id']}/effective?model=ticketing"
    (mapped,) = (await server.ok("GET", path))["mappings"]
    assert mapped["config"]["query"] == {"per_page": "7"}


async def test_an_account_lays_mappings_over_what_there_is_and_nothing_else(server: Server) -> None:
    account = await server.sandbox_of("zendesk", "ticketing")
    path = f"/integrated-account/{account}"
    unknown: tuple[tuple[dict[str, Any], str, str], ...] = (
        ({"tickting": {"tickets": {"list": {}}}}, "tickting", "unknown_model"),
        ({"ticketing": {"tickts": {"list": {}}}}, "ticketing.tickts", "unknown_resource"),
        ({"ticketing": {"tickets": {"nope": {}}}}, "ticketing.tickets.nope", "unknown_method"),
    )
    for override, where, code in unknown:
        status, answer = await server.call("PATCH", path, json={"unified_model_override": override})
        failed = answer["details"]["failures"][0]
        assert (status, failed["path"], failed["code"]) == (400, f"unified_model_override.{where}", code)
    assert (await server.ok("GET", path))["unified_model_override"] is None


async def test_an_override_of_a_model_that_is_gone_can_be_sent_back(server: Server) -> None:
    resources = {"larks": {"schema": {"type": "object"}, "methods": ["list"]}}
    body = {"name": "birds", "category": "crm", "resources": resources}
    model = await server.ok("POST", "/unified-model", json=body)
    path = f"/integrated-account/{await server.sandbox_of('zendesk')}"
    override: dict[str, Any] = {
        "unified_model_override": {"birds": {"larks": {"list": {"query": {"a": "b"}}}}}
    }
    await server.ok("PATCH", path, json=override)
    await server.ok("DELETE", f"/unified-model/{model['id']}")
    assert await server.ok("PATCH", path, json=override)
    override["unified_model_override"]["birds"]["owls"] = {"list": {"query": {}}}
    status, _ = await server.call("PATCH", path, json=override)
    assert status == 400


async def test_a_mapping_of_a_method_that_the_model_lacks_is_refused(server: Server) -> None:
    model = await server.install_of_model("ticketing")
    cell = {"integration_name": "zendesk", "resource_name": "tickets", "method_name": "nope"}
    body = {"environment_unified_model_id": model, **cell, "config": {}}
    status, answer = await server.call("POST", ROWS, json=body)
    assert (status, answer["details"]["failures"][0]["path"]) == (400, "method_name")
