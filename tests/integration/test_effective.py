"""`GET …/effective` and `isthmus explain`: every value with the layer that set it."""

from __future__ import annotations

import json
from typing import Any

from isthmus.config import Settings
from tests.fakes.larkdesk import KEY
from tests.integration.commands import isthmus, refused
from tests.integration.environments import foreign_token
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server, serving

SECRETS = ("open-sesame", "client-secret", KEY)
OVERRIDE = {
    "headers": {"X-Team": "blue"},
    "environment_variables": {"tier": "gold"},
    "secret_environment_variables": {"pass": "open-sesame"},
}


def _owners(layered: dict[str, Any]) -> dict[str, str]:
    return {value["path"]: value["layer"] for value in layered["values"]}


def _mapping(found: dict[str, Any], resource: str, method: str) -> Any:
    cell = (MODEL, resource, method)
    return next(
        each for each in found["mappings"] if (each["model"], each["resource"], each["method"]) == cell
    )


async def _laid_over(server: Server) -> tuple[str, str]:
    """An install and an account of it, each with an override."""
    installed = await install(server)
    path = f"/environment-integration/{installed}"
    await server.ok("PATCH", path, json={"override": OVERRIDE})
    account = await connect(server, installed, "http://127.0.0.1:1")
    values = {
        "integration_override": {"headers": {"X-Team": "red", "X-Api-Key": "client-secret"}},
        "unified_model_override": {MODEL: {"tickets": {"list": {"query": {"sort": "new"}}}}},
    }
    await server.ok("PATCH", f"/integrated-account/{account}", json=values)
    return installed, account


async def test_each_value_of_an_account_names_its_layer(server: Server) -> None:
    _, account = await _laid_over(server)
    found = await server.ok("GET", f"/integrated-account/{account}/effective")
    owners = _owners(found["definition"])
    assert owners["base_url"] == "integration"
    assert owners["environment_variables.tier"] == "environment"
    assert owners["headers.X-Team"] == "account"
    assert found["definition"]["config"]["headers"] == {
        "Accept": "application/json",
        "X-Team": "red",
        "X-Api-Key": "***",
    }
    layers = [(each["layer"], each["id"]) for each in found["definition"]["layers"]]
    assert [name for name, _ in layers] == ["integration", "environment", "account"]
    assert layers[2][1] == account
    mapping = _mapping(found, "tickets", "list")
    assert _owners(mapping)["query.sort"] == "account"
    assert _owners(mapping)["response_mapping"] == "model"
    assert not any(secret in json.dumps(found) for secret in SECRETS)


async def test_the_environments_row_is_a_layer_of_a_mapping(server: Server) -> None:
    _, account = await _laid_over(server)
    models = await server.ok("GET", f"/environment-unified-model?unified_model.name={MODEL}")
    row = {
        "environment_unified_model_id": models["result"][0]["id"],
        "integration_name": "larkdesk",
        "resource_name": "tickets",
        "method_name": "list",
        "config": {"error_mapping": None, "query": {"lang": "en", "sort": "old"}},
    }
    await server.ok("POST", "/environment-unified-model-resource-method", json=row)
    path = f"/integrated-account/{account}/effective?model={MODEL}&resource=tickets&method=list"
    found = await server.ok("GET", path)
    (mapping,) = found["mappings"]
    assert [layer["layer"] for layer in mapping["layers"]] == ["model", "environment", "account"]
    assert _owners(mapping)["query.lang"] == "environment"
    assert _owners(mapping)["query.sort"] == "account"
    assert mapping["removed"] == [{"path": "error_mapping", "layer": "environment"}]


async def test_an_install_is_shown_without_what_its_accounts_override(server: Server) -> None:
    installed, _ = await _laid_over(server)
    found = await server.ok("GET", f"/environment-integration/{installed}/effective?path=headers")
    assert found["integrated_account_id"] is None
    assert found["definition"]["values"] == [
        {"path": "headers.Accept", "value": "application/json", "layer": "integration"},
        {"path": "headers.X-Team", "value": "blue", "layer": "environment"},
    ]
    assert not any(secret in json.dumps(found) for secret in SECRETS)


async def test_what_nothing_here_is_named_is_not_found(server: Server) -> None:
    installed, account = await _laid_over(server)
    for owner in (f"/integrated-account/{account}", f"/environment-integration/{installed}"):
        for query, close in (
            ("model=dask", MODEL),
            (f"model={MODEL}&resource=tikets", "tickets"),
            ("resource=tikets", "tickets"),
            (f"model={MODEL}&resource=tickets&method=lst", "list"),
            ("path=heders", "headers"),
            ("path=resources.tikets", "resources.tickets"),
        ):
            status, answer = await server.call("GET", f"{owner}/effective?{query}")
            assert status == 404, query
            assert close in answer["details"]["close_names"], answer
        empty = f"{owner}/effective?path=&model=&resource=&method="
        assert await server.ok("GET", empty) == await server.ok("GET", f"{owner}/effective")
    await server.install_of_model("ticketing")
    found = await server.ok("GET", f"/integrated-account/{account}/effective?model=ticketing")
    assert found["mappings"] == []  # a model that is installed, and not mapped


async def test_a_resource_that_lists_no_methods_is_explained_for_any(server: Server) -> None:
    _, account = await _laid_over(server)
    model = {"name": "open-desk", "category": "ticketing", "resources": {"tickets": {}}}
    await server.ok("POST", "/unified-model", json=model)
    await server.ok("POST", "/environment-unified-model", json={"unified_model_id": "open-desk"})
    path = f"/integrated-account/{account}/effective?model=open-desk&resource=tickets&method=triage"
    assert (await server.ok("GET", path))["mappings"] == []


async def test_another_teams_definition_is_not_told_to_those_who_install_it(own_server: Server) -> None:
    server = own_server  # every team sees what one of them shares
    installed, _ = await _laid_over(server)
    await server.ok("PATCH", "/integration/larkdesk", json={"sharing": "allow"})
    other = await foreign_token(server, None)
    body = {"integration_id": "larkdesk", "override": {"headers": {"X-Mine": "1"}}}
    theirs = await server.ok("POST", "/environment-integration", token=other, json=body)
    found = await server.ok("GET", f"/environment-integration/{theirs['id']}/effective", token=other)
    assert _owners(found["definition"])["headers.X-Mine"] == "environment"
    assert not {"base_url", "authorization", "resources"} & found["definition"]["config"].keys()
    context = {"url": "http://127.0.0.1:1", "api_key": "k"}
    account = {
        "tenant_id": "t",
        "environment_integration_id": theirs["id"],
        "authentication_method": "api_key",
        "context": context,
    }
    made = await server.ok("POST", "/integrated-account", token=other, json=account)
    path = f"/proxy/tickets?integrated_account_id={made['id']}&isthmus_explain=true"
    plan = (await server.ok("GET", path, token=other))["explain"]
    assert plan["request"]["url"] == "http://127.0.0.1:1/v1/tickets"
    assert plan["definition"] is None
    assert [value["path"] for value in plan["definition_values"]] == ["headers.X-Mine"]
    assert installed != theirs["id"]


async def test_the_command_line_prints_the_same(settings: Settings, environ: dict[str, str]) -> None:
    async with serving(settings) as server:
        installed, account = await _laid_over(server)
        text = await isthmus(environ, "explain", account)
        lines = [line.split() for line in text.splitlines()]
        assert ["headers.X-Team", "account", "red"] in lines
        assert ["headers.X-Api-Key", "account", "***"] in lines
        assert [f"{MODEL}/tickets.list:", "mapping"] in lines
        assert ["query.sort", "account", "new"] in lines
        text = await isthmus(environ, "explain", account, "--path", "headers")
        assert "headers.X-Team" in text
        assert ": mapping" not in text
        text = await isthmus(environ, "explain", installed, "--path", "headers", "-o", "json")
        path = f"/environment-integration/{installed}/effective?path=headers"
        assert json.loads(text) == await server.ok("GET", path)
    assert "no integrated account and no install" in await refused(environ, "explain", "nobody")
    assert "--output must be one of text, json" in await refused(environ, "explain", account, "-o", "xml")
