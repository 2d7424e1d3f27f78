"""No environment sees another's anything: every route of the document, with the other one's ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.environments import foreign_token, own_ids
from tests.integration.serving import Server

pytestmark = pytest.mark.both_databases

BODIES: Mapping[str, Any] = {
    "/integration/{id}": {"is_beta": True},
    "/environment-integration/{id}": {"is_enabled": False},
    "/unified-model/{id}": {"description": "mine now"},
    "/environment-unified-model/{id}": {"override": {}},
    "/unified-model-resource-method/{id}": {"config": {"method": "get"}},
    "/environment-unified-model-resource-method/{id}": {"config": {"method": "get"}},
    "/documentation/{id}": {"content": "mine now"},
    "/integrated-account/{id}": {"tenant_id": "mine-now"},
    "/integrated-account/{id}/credentials": {"context": {"api_key": "mine-now"}},
    "/environment/{id}": {"name": "mine-now"},
    "/team/{id}": {"name": "mine-now"},
}
REFUSED_ALWAYS = {
    ("delete", "/environment/{id}"),
    ("delete", "/api-token/{id}"),
    ("post", "/team/{id}/invite"),
}


async def test_no_route_shows_or_changes_what_belongs_to_another_environment(server: Server) -> None:
    ids = await own_ids(server)
    token = await foreign_token(server)
    before = {path: await server.ok("GET", f"{path}/{identity}") for path, identity in ids.items()}
    document = await server.ok("GET", "/openapi.json")
    walked = 0
    for template, operations in document["paths"].items():
        prefix = next((path for path in ids if template.startswith(f"{path}/{{id}}")), None)
        if prefix is None:
            continue
        for verb in operations:
            path = template.replace("{id}", ids[prefix])
            status, body = await server.call(verb.upper(), path, token=token, json=BODIES.get(template))
            expected = 403 if (verb, template) in REFUSED_ALWAYS else 404
            assert status == expected, (verb, template, status, body)
            walked += 1
    assert walked >= 44
    after = {path: await server.ok("GET", f"{path}/{identity}") for path, identity in ids.items()}
    assert after == before


async def test_no_list_holds_a_row_of_another_environment(server: Server) -> None:
    ids = await own_ids(server)
    token = await foreign_token(server)
    for path, identity in ids.items():
        wanted = f"?integration_id={ids['/integration']}" if path == "/documentation" else ""
        listed = await server.ok("GET", path + wanted, token=token)
        assert identity not in {row["id"] for row in listed["result"]}, path
        status, body = await server.call("GET", f"{path}?environment_id={ids['/environment']}", token=token)
        assert status == 403, (path, body)


async def test_no_call_reaches_an_account_of_another_environment(server: Server) -> None:
    ids = await own_ids(server)
    token = await foreign_token(server)
    query = f"?integrated_account_id={ids['/integrated-account']}"
    for verb, path in (
        ("GET", "/proxy/tickets"), ("GET", "/proxy/tickets/1"), ("POST", "/proxy/tickets"),
        ("PATCH", "/proxy/tickets/1"), ("DELETE", "/proxy/tickets/1"), ("POST", "/proxy/tickets/x"),
        ("GET", "/unified/desk/tickets"), ("GET", "/unified/desk/tickets/1"),
        ("POST", "/unified/desk/tickets"), ("PATCH", "/unified/desk/tickets/1"),
        ("DELETE", "/unified/desk/tickets/1"), ("GET", "/unified/desk/tickets/meta/list"),
        ("GET", "/unified/desk/tickets/larkdesk/meta/list"),
    ):  # fmt: skip
        status, body = await server.call(verb, path + query, token=token, json={})
        assert (status, body["error"]) == (404, "Not Found"), (verb, path)
    batch = {
        "integrated_account_id": ids["/integrated-account"],
        "resources": [{"resource": "tickets", "method": "list"}],
    }
    status, body = await server.call("POST", "/batch-request", token=token, json=batch)
    assert (status, body["error"]) == (404, "Not Found")


async def test_an_account_cannot_be_created_on_another_environments_install(server: Server) -> None:
    ids = await own_ids(server)
    token = await foreign_token(server)
    body = {
        "tenant_id": "x",
        "environment_integration_id": ids["/environment-integration"],
        "authentication_method": "api_key",
        "context": {},
    }
    status, _ = await server.call("POST", "/integrated-account", token=token, json=body)
    assert status == 404
    for path, key in (
        ("/environment-integration", "integration_id"),
        ("/environment-unified-model", "unified_model_id"),
    ):
        row = "/integration" if key == "integration_id" else "/unified-model"
        status, _ = await server.call("POST", path, token=token, json={key: ids[row]})
        assert status == 404, path
