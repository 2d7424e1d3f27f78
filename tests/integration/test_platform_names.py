"""Names that a platform route does not have are refused; what published clients send, and rows that come back
as they were read, are not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.routing import APIRoute
from truto_python_sdk import link_token

from isthmus.api.platform_app import build_platform
from isthmus.api.resources import ROUTERS
from isthmus.config import Settings
from isthmus.kit.ids import new_id
from tests.integration.larkdesk import MODEL, connect, definition, install
from tests.integration.serving import Server, serving

CLIENTS = yaml.safe_load((Path(__file__).parents[1] / "contract" / "published_clients.yaml").read_text())
NAMED_AT_ONCE = 10
PROBES = ("/ping", "/healthz", "/readyz")


@pytest.fixture(scope="module")
def operations() -> dict[str, dict[str, Any]]:
    """Of the platform's routes: `VERB /path` -> operation, with `fields`, those of its body."""
    document = build_platform(ROUTERS).openapi()
    routes = {route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}
    return {
        f"{verb.upper()} {path}": operation | {"fields": sorted(fields_of(operation, document))}
        for path, verbs in document["paths"].items()
        if path in routes
        for verb, operation in verbs.items()
    }


def fields_of(operation: dict[str, Any], document: dict[str, Any]) -> set[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return set()
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return set(document["components"]["schemas"][name]["properties"])


def parameters_of(operation: dict[str, Any]) -> set[str]:
    return {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}


def split(route: str) -> tuple[str, str]:
    """(verb, path with ids that nothing has)."""
    verb, _, path = route.partition(" ")
    return verb, re.sub(r"{[^}]*}", new_id(), path)


def misspell(name: str) -> str:
    return f"{name[:-1]}_{name[-1]}"


def unknown_in(answer: Any) -> dict[str, str]:
    """The failures for unknown names: path -> message."""
    failures = (answer.get("details") or {}).get("failures", ()) if isinstance(answer, dict) else ()
    return {each["path"]: each["message"] for each in failures if each["code"] == "unknown_name"}


async def issue_account_token(server: Server) -> str:
    """Returns a token of an account."""
    account = await connect(server, await install(server), "http://127.0.0.1:1")
    body = {"integrated_account_id": account}
    token: str = (await server.ok("POST", "/integrated-account/token", json=body))["token"]
    return token


async def test_every_misspelt_parameter_of_a_list_is_refused_with_the_close_names(
    server: Server, operations: dict[str, dict[str, Any]]
) -> None:
    walked = 0
    for route, operation in operations.items():
        names = sorted(parameters_of(operation))
        for some in (names[start : start + NAMED_AT_ONCE] for start in range(0, len(names), NAMED_AT_ONCE)):
            status, body = await server.call(*split(route), params={misspell(name): "x" for name in some})
            refused = unknown_in(body)
            assert (status, list(refused)) == (400, [misspell(name) for name in some]), route
            assert all(name in refused[misspell(name)] for name in some), (route, refused)
            assert some[0] in body["message"], (route, body["message"])
            walked += len(some)
    assert walked > 150


async def test_every_route_but_probes_refuses_a_parameter_that_is_like_none(
    server: Server, operations: dict[str, dict[str, Any]]
) -> None:
    account_token = await issue_account_token(server)
    for route in operations:
        verb, path = split(route)
        token = account_token if path == "/integrated-account/me" else None
        status, body = await server.call(verb, path, params={"zzz": "1"}, token=token)
        if path in PROBES:
            assert status == 200, route
        else:
            assert (status, list(unknown_in(body))) == (400, ["zzz"]), route


async def test_who_sends_no_token_learns_no_names(
    server: Server, operations: dict[str, dict[str, Any]]
) -> None:
    walked = 0
    for route, operation in operations.items():
        if not operation.get("security") or operation["tags"] == ["schemas"]:
            continue  # needs no token
        status, body = await server.call(*split(route), params={"zzz": "1"}, token="")
        assert (status, unknown_in(body)) == (401, {}), route
        walked += 1
    assert walked > 50


async def test_a_request_with_an_unknown_name_counts_against_the_limit_of_its_token(
    settings: Settings,
) -> None:
    async with serving(replace(settings, token_rate_limit=2)) as server:
        statuses = [(await server.call("GET", "/team?zzz=1"))[0] for _ in range(3)]
    assert statuses == [400, 400, 429]


async def test_every_misspelt_field_of_a_body_is_refused_with_the_close_names(
    server: Server, operations: dict[str, dict[str, Any]]
) -> None:
    walked = 0
    for route, operation in operations.items():
        if route == "PATCH /integrated-account/me":
            continue  # takes another token, before its body is read
        sent = {misspell(name): 1 for name in operation["fields"]}
        if sent:
            status, body = await server.call(*split(route), json=sent)
            refused = unknown_in(body)
            assert (status, set(refused)) == (400, set(sent)), route
            assert all(name in refused[misspell(name)] for name in operation["fields"]), (route, refused)
            walked += len(sent)
    assert walked > 100


async def test_the_account_of_a_token_takes_its_context_and_nothing_else(desk_server: Server) -> None:
    token = await issue_account_token(desk_server)
    sent = {"context": {}, "tenent_id": "x"}
    status, body = await desk_server.call("PATCH", "/integrated-account/me", json=sent, token=token)
    assert (status, list(unknown_in(body))) == (400, ["tenent_id"])


@pytest.mark.parametrize("query", ["integration[naem]=x", "limit[]=5", "select[0]=id", "tenant_id[a][in]=x"])
async def test_a_parameter_that_nobody_would_read_is_refused(server: Server, query: str) -> None:
    status, body = await server.call("GET", f"/integrated-account?{query}")
    assert (status, list(unknown_in(body))) == (400, [query.partition("=")[0]])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "integration[name]=x",
        "integration.name[in]=x",
        "integration[name][in][]=x",
        "tenant_id[0]=a&tenant_id[1]=b",
        "created_at[gt]=2020-01-01&created_at[lt]=2030-01-01",
        "limit=5&next_cursor=&select=id&sort_by=tenant_id:asc",
    ],
)
async def test_a_parameter_is_known_in_each_way_to_write_it(server: Server, query: str) -> None:
    assert await server.ok("GET", f"/integrated-account?{query}")


async def test_methods_and_tags_are_sent_as_arrays_too(server: Server) -> None:
    await server.ok("POST", "/integration", json=definition() | {"name": "of-arrays"})
    for query in ("methods[]=list", "methods[0]=list", "methods=list"):
        found = await server.ok("GET", f"/integration/of-arrays/tools?{query}")
        assert {tool["method"] for tool in found["result"]} == {"list"}, query


async def test_many_unknown_parameters_are_counted(server: Server) -> None:
    query = "&".join(f"zz{number}=1" for number in range(12))
    status, body = await server.call("GET", f"/team?{query}")
    assert (status, len(unknown_in(body))) == (400, NAMED_AT_ONCE)
    assert body["message"].startswith("zz0 is not a parameter of GET /team; it takes created_at, ")
    assert "(and 11 more)" in body["message"]


def calls_of_clients() -> Iterator[tuple[str, dict[str, Any]]]:
    for client in CLIENTS:
        yield from ((client["client"], call) for call in client["calls"])


async def test_no_name_that_a_published_client_sends_is_refused(
    server: Server, operations: dict[str, dict[str, Any]]
) -> None:
    """Values are of no matter here: a body of wrong values is refused for them, and never for a name."""
    for client, call in calls_of_clients():
        assert call["route"] in operations, client
        query = dict.fromkeys(call.get("query", ()), "")
        body: Any = {name: [] for name in call["body"]} if "body" in call else None
        status, answer = await server.call(*split(call["route"]), params=query, json=body)
        assert unknown_in(answer) == {}, (client, call["route"])
        assert status != 500, (client, call["route"], answer)


def test_the_list_of_published_clients_has_what_the_python_sdk_declares() -> None:
    sent = {
        name
        for client, call in calls_of_clients()
        if client.startswith("truto-python-sdk") and call["route"] == "POST /link-token"
        for name in call["body"]
    }
    assert sent == set(link_token.LinkTokenCreateBody.__annotations__)


@pytest.mark.both_databases
async def test_a_row_is_sent_back_as_it_was_read(server: Server) -> None:
    """To its own route, and to the route that creates such rows."""
    me = await server.ok("GET", "/me")
    install_id = await install(server)
    account = await connect(server, install_id, "http://127.0.0.1:1")
    integration = await server.ok("GET", "/integration/larkdesk")
    (model,) = (await server.ok("GET", f"/environment-unified-model?unified_model.name={MODEL}"))["result"]
    cells = f"/unified-model-resource-method?unified_model_id={model['unified_model_id']}"
    cell = (await server.ok("GET", cells))["result"][0]
    laid_over = {name: cell[name] for name in ("integration_name", "resource_name", "method_name")}
    laid_over |= {"environment_unified_model_id": model["id"], "config": {"query": {"a": "b"}}}
    layer = await server.ok("POST", "/environment-unified-model-resource-method", json=laid_over)
    text = {"integration_id": integration["id"], "content": "Hi"}
    documentation = await server.ok("POST", "/documentation", json=text)
    gate = await server.ok("POST", "/static-gate", json={"name": "office", "domain": "gate.example.com"})
    rows = {
        "/environment": me["environment"]["id"],
        "/team": me["team"]["id"],
        "/integration": integration["id"],
        "/environment-integration": install_id,
        "/unified-model": model["unified_model_id"],
        "/environment-unified-model": model["id"],
        "/unified-model-resource-method": cell["id"],
        "/environment-unified-model-resource-method": layer["id"],
        "/integrated-account": account,
        "/documentation": documentation["id"],
        "/static-gate": gate["id"],
    }
    for path, id in rows.items():
        row = await server.ok("GET", f"{path}/{id}")
        changed = await server.ok("PATCH", f"{path}/{id}", json=row)
        server_sets = {"updated_at", "version", "unified_model", "environment_integration", "integration"}
        assert without(changed, server_sets) == without(row, server_sets), path
        if path not in ("/environment", "/team"):
            assert unknown_in((await server.call("POST", path, json=row))[1]) == {}, path
    flag = await server.ok("POST", "/sandbox-integrated-account", json={"id": account})
    assert await server.ok("POST", "/sandbox-integrated-account", json=flag) == flag


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
