"""Every operation of our OpenAPI document does what it is for, once: a new one has to be walked here too."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.routes import FILTERS, PARAMETERS
from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, definition, install
from tests.integration.serving import Server

REFUSED = (
    "POST /environment",
    "DELETE /environment/{id}",
    "POST /team/{id}/invite",
    "POST /api-token",
    "DELETE /api-token/{id}",
)
"""What only somebody who signed in may do."""


@pytest.fixture
def server(own_server: Server) -> Server:
    return own_server


class Walk:
    """Calls operations by the names they have in the document, and remembers which."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.done: set[str] = set()

    async def __call__(self, operation: str, *ids: str, query: str = "", **options: Any) -> Any:
        """The body of the answer, which is a 200."""
        return await self.server.ok(*self.call(operation, ids, query), **options)

    async def refused(self, operation: str, *ids: str, status: int, query: str = "", **options: Any) -> Any:
        answered, body = await self.server.call(*self.call(operation, ids, query), **options)
        assert answered == status, (operation, answered, body)
        return body

    def call(self, operation: str, ids: tuple[str, ...], query: str) -> tuple[str, str]:
        self.done.add(operation)
        verb, _, template = operation.partition(" ")
        path = re.sub(r"{[^}]*}", "{}", template).format(*ids)
        return verb, f"{path}?{query}" if query else path

    async def reads(self, path: str, id: str, query: str = "") -> Any:
        """List and row, which must be in it; the row."""
        listed = await self(f"GET {path}", query=query)
        row = await self(f"GET {path}/{{id}}", id)
        assert row in listed["result"], path
        return row


@pytest.fixture
async def desk() -> AsyncIterator[Larkdesk]:
    async with running(Larkdesk(records=Records(tickets=3), limit=RequestLimit(None))) as fake:
        yield fake


async def test_every_operation_of_the_document_is_walked(server: Server, desk: Larkdesk) -> None:
    walk = Walk(server)
    install_id = await install(server)
    account = await connect(server, install_id, desk.url)
    await tenancy(walk)
    await definitions(walk, install_id)
    await accounts(walk, install_id, account)
    await meta(walk, install_id, account)
    await data_plane(walk, account)
    await surroundings(walk)
    document = await server.ok("GET", "/openapi.json", token="")
    written_out = re.compile(r"/unified/(?!meta/)[^{]")  # a model's own, of the shipped catalogue
    operations = {
        f"{verb.upper()} {path}"
        for path, verbs in document["paths"].items()
        for verb in verbs
        if not written_out.match(path)
    }
    assert sorted(operations - walk.done) == [], "these are new: call each of them once in this file"
    assert sorted(walk.done - operations) == []


async def tenancy(walk: Walk) -> None:
    me = await walk("GET /me")
    environment = await walk.reads("/environment", me["environment"]["id"])
    assert environment == me["environment"]
    changed = await walk(
        "PATCH /environment/{id}", environment["id"], json={"settings": {"connect_theme": {"radius": 4}}}
    )
    assert changed["settings"]["connect_theme"] == {"radius": 4}
    team = await walk.reads("/team", me["team"]["id"])
    renamed = await walk("PATCH /team/{id}", team["id"], json={"name": "Acme", "domain": "acme.example"})
    assert (renamed["name"], renamed["domain"]) == ("Acme", "acme.example")
    user = await walk.reads("/user", me["user"]["id"])
    assert user["team"] == [team["id"]]
    token = await walk.reads("/api-token", me["api_token"]["id"])
    assert (token["environment_id"], "token" in token) == (environment["id"], False)
    for operation in REFUSED:
        ids = ("any",) if "{id}" in operation else ()
        body = await walk.refused(operation, *ids, status=403, json={"name": "x"})
        assert "API token" in body["message"]


async def definitions(walk: Walk, install_id: str) -> None:
    made = definition() | {"name": "made-here"}
    integration = await walk("POST /integration", json=made)
    await walk("PATCH /integration/{id}", integration["id"], json={"is_beta": True, "version": 1})
    assert (await walk.reads("/integration", integration["id"]))["is_beta"]
    row = await walk("POST /environment-integration", json={"integration_id": integration["id"]})
    assert row["isthmus_callback_url"].endswith("/connect-account/callback")
    changed = {"show_in_catalog": False, "override": {"environment_variables": {"a": 1}}}
    changed |= {"isthmus_callback_url": "https://login.example.com/back"}
    await walk("PATCH /environment-integration/{id}", row["id"], json=changed)
    read = await walk.reads("/environment-integration", row["id"])
    assert (read["show_in_catalog"], read["isthmus_callback_url"]) == (False, changed["isthmus_callback_url"])
    model = await walk(
        "POST /unified-model",
        json={"name": "birds", "category": "crm", "resources": {"larks": {"methods": ["list"]}}},
    )
    await walk("PATCH /unified-model/{id}", model["id"], json={"description": "Birds.", "version": 1})
    assert (await walk.reads("/unified-model", model["id"]))["description"] == "Birds."
    installed = await walk("POST /environment-unified-model", json={"unified_model_id": model["id"]})
    await walk(
        "PATCH /environment-unified-model/{id}", installed["id"], json={"override": {"docs": {"a": 1}}}
    )
    assert (await walk.reads("/environment-unified-model", installed["id"]))["override"] == {"docs": {"a": 1}}
    cell = {"integration_name": "made-here", "resource_name": "larks", "method_name": "list"}
    config = {"resource": "tickets", "response_mapping": "response"}
    for path, parent in (
        ("/unified-model-resource-method", {"unified_model_id": model["id"]}),
        ("/environment-unified-model-resource-method", {"environment_unified_model_id": installed["id"]}),
    ):
        mapping = await walk(f"POST {path}", json={**cell, **parent, "config": config})
        await walk(
            f"PATCH {path}/{{id}}", mapping["id"], json={"config": {"query": {"a": "b"}}, "version": 1}
        )
        ((name, value),) = parent.items()
        shown = await walk.reads(path, mapping["id"], query=f"{name}={value}&integration_name=made-here")
        assert (shown["version"], shown["config"]) == (2, {**config, "query": {"a": "b"}})
        assert await walk(f"DELETE {path}/{{id}}", mapping["id"]) == {"id": mapping["id"]}
    for path, identity in (
        ("/environment-unified-model", installed["id"]),
        ("/unified-model", model["id"]),
        ("/environment-integration", row["id"]),
        ("/integration", integration["id"]),
    ):
        assert await walk(f"DELETE {path}/{{id}}", identity) == {"id": identity}
        await walk.refused(f"GET {path}/{{id}}", identity, status=404)


async def accounts(walk: Walk, install_id: str, account: str) -> None:
    body = {
        "tenant_id": "walked",
        "environment_integration_id": install_id,
        "authentication_method": "api_key",
        "context": {"url": "http://127.0.0.1:1", "api_key": "k"},
    }
    made = [(await walk("POST /integrated-account", json=body))["id"] for _ in range(3)]
    changed = await walk("PATCH /integrated-account/{id}", made[0], json={"context": {"note": "x"}})
    assert await walk.reads("/integrated-account", made[0], query="tenant_id=walked") == changed
    renewed = {"context": {"api_key": "k2"}}
    assert (await walk("PATCH /integrated-account/{id}/credentials", made[0], json=renewed))["id"] == made[0]
    flag = await walk("POST /sandbox-integrated-account", json={"id": made[0]})
    assert await walk.reads("/sandbox-integrated-account", made[0]) == flag
    assert await walk("DELETE /sandbox-integrated-account/{id}", made[0]) == {"id": made[0]}
    sandbox = await walk.server.sandbox_of("larkdesk")
    emptied = await walk("DELETE /integrated-account/{id}/sandbox", sandbox)
    assert emptied == {"id": sandbox, "deleted_records": 0}
    gate = await walk("POST /static-gate", json={"name": "walked", "domain": "gate.example"})
    assert len(token := gate.pop("api_token")) > 32
    assert gate.pop("api_token_secret") == token
    assert await walk.reads("/static-gate", gate["id"], query="name=walked") == gate
    moved = await walk("PATCH /static-gate/{id}", gate["id"], json={"domain": "other.example"})
    assert moved["domain"] == "other.example"
    assert await walk("DELETE /static-gate/{id}", gate["id"]) == {"id": gate["id"]}
    linked = await walk("POST /link-token", json={"tenant_id": "walked"})
    assert len(linked["link_token"]) > 32
    done = await walk("POST /integrated-account/run-post-install-actions", json={"id": made[0]})
    assert done == {"success": True}
    unrenewable = {"id": made[0]}
    await walk.refused("POST /integrated-account/refresh-credentials", json=unrenewable, status=400)
    issued = await walk("POST /integrated-account/token", json={"integrated_account_id": account})
    token = issued["integrated_account_token"]
    assert (await walk("GET /integrated-account/me", token=token))["id"] == account
    own = await walk("PATCH /integrated-account/me", token=token, json={"context": {"drive_items": [1]}})
    assert own["context"]["drive_items"] == [1]
    assert await walk("DELETE /integrated-account/{id}", made[0]) == {"id": made[0]}
    deleted = {"ids": made[1:]}
    assert await walk("POST /integrated-account/bulk-delete", json=deleted) == {"success": True}
    assert (await walk("GET /integrated-account", query="tenant_id=walked"))["result"] == []


async def meta(walk: Walk, install_id: str, account: str) -> None:
    integration = await walk.server.ok("GET", "/integration/larkdesk")
    for kind, identity in (("integration", integration["id"]), ("integrated-account", account)):
        able = await walk(f"GET /{kind}/{{id}}/capabilities", identity)
        assert able["integration"]["name"] == "larkdesk"
        tools = await walk(f"GET /{kind}/{{id}}/tools", identity, query="methods=list")
        assert {tool["method"] for tool in tools["result"]} == {"list"}
    apis = await walk("GET /integration/{id}/unified-apis", integration["id"])
    assert apis["result"]
    effective = await walk("GET /integrated-account/{id}/effective", account)
    assert effective
    assert await walk("GET /environment-integration/{id}/effective", install_id)
    guide = await walk("GET /unified/meta/{model}/{integration}", MODEL, "larkdesk", query="format=md")
    assert "tickets" in guide
    query = f"integrated_account_id={account}"
    told = await walk("GET /unified/{model}/{resource}/meta/{method}", MODEL, "tickets", "list", query=query)
    assert told["method"] == "list"
    names = (MODEL, "tickets", "larkdesk", "list")
    assert await walk("GET /unified/{model}/{resource}/{integration}/meta/{method}", *names)
    note = await walk(
        "POST /documentation",
        json={"entity_id": integration["id"], "entity_type": "integration", "content": "Hi"},
    )
    await walk("PATCH /documentation/{id}", note["id"], json={"content": "Hello"})
    shown = await walk.reads("/documentation", note["id"], query=f"integration_id={integration['id']}")
    assert shown["content"] == "Hello"
    assert await walk("DELETE /documentation/{id}", note["id"]) == {"id": note["id"]}
    assert "crm" in {each["name"] for each in (await walk("GET /category"))["result"]}
    schemas = await walk("GET /schemas")
    assert schemas
    assert await walk("GET /schemas/{name}", "integration")
    assert await walk("GET /schemas/unified/{model}/{resource}", "crm", "contacts")


async def data_plane(walk: Walk, account: str) -> None:
    query = f"integrated_account_id={account}"
    for plane, names in (("unified/{model}", (MODEL,)), ("proxy", ())):
        rows, row = f"/{plane}/{{resource}}", f"/{plane}/{{resource}}/{{id}}"
        body = {"name": "Lamp"} if names else {"subject": "Lamp"}
        assert len((await walk(f"GET {rows}", *names, "tickets", query=query))["result"]) >= 3
        assert await walk(f"GET {row}", *names, "tickets", "1", query=query)
        made = await walk(f"POST {rows}", *names, "tickets", query=query, json=body)
        identity = str(made["id"] if names else made["number"])
        assert await walk(f"PATCH {row}", *names, "tickets", identity, query=query, json=body)
        assert await walk(f"DELETE {row}", *names, "tickets", identity, query=query) == {"id": identity}
        # Products that take the id in the body; this one does not.
        for verb in ("PATCH", "DELETE"):
            await walk.refused(f"{verb} {rows}", *names, "tickets", query=query, json={}, status=400)
        await walk.refused(f"POST {row}", *names, "tickets", "search", query=query, json={}, status=404)
    await walk.refused("POST /proxy/_/{action}", "zap", query=query, json={}, status=404)
    assert (await walk("GET /custom/{path}", "v1/tickets/1", query=query))["result"]["number"] == 1
    assert await walk("PATCH /custom/{path}", "v1/tickets/1", query=query, json={"subject": "Lens"})
    assert await walk("POST /custom/{path}", "v1/tickets", query=query, json={"subject": "Lamp"})
    assert await walk("DELETE /custom/{path}", "v1/tickets/2", query=query)
    for verb in ("PUT", "OPTIONS", "HEAD"):
        status, _ = await walk.server.call(*walk.call(f"{verb} /custom/{{path}}", ("v1/tickets/1",), query))
        assert status == (200 if verb == "HEAD" else 405), verb  # as the product says
    nodes = {"integrated_account_id": account, "resources": [{"resource": "tickets", "method": "list"}]}
    assert "tickets" in (await walk("POST /batch-request", json=nodes))["errors"]


async def surroundings(walk: Walk) -> None:
    for path in ("/ping", "/healthz", "/readyz"):
        assert (await walk(f"GET {path}", token=""))["status"] == "ok"
    happened = await walk("GET /events", query="limit=1")
    assert await walk("GET /events/{id}", happened["result"][0]["id"])


async def test_every_list_pages_sorts_and_cuts(server: Server) -> None:
    """The parameters that all platform lists share, on each of them."""
    await install(server)
    integration = (await server.ok("GET", "/integration/larkdesk"))["id"]
    lists = [route.partition(" ")[2] for route, names in PARAMETERS.items() if "select" in names]
    assert len(lists) > 12
    for path in lists:
        needed = f"integration_id={integration}&" if path == "/documentation" else ""
        whole = await server.ok("GET", f"{path}?{needed}")
        assert set(whole) == {"result", "next_cursor", "limit"}, path
        assert (whole["limit"], whole["next_cursor"]) == (5000, None)
        ids = [row["id"] for row in whole["result"]]
        walked: list[str] = []
        cursor = ""
        while cursor is not None and len(walked) < 6:
            page = await server.ok("GET", f"{path}?{needed}limit=2&next_cursor={cursor}")
            walked += [row["id"] for row in page["result"]]
            cursor = page["next_cursor"]
        assert walked == ids[: len(walked)], path
        turned = await server.ok("GET", f"{path}?{needed}sort_by=created_at:asc&select=id")
        assert turned["result"] == [{"id": each} for each in reversed(ids)], path
        for query in ("sort_by=nothing", "sort_by=created_at:up", "limit=0", "next_cursor=x", "id[like]=x"):
            assert (await server.call("GET", f"{path}?{needed}{query}"))[0] == 400, (path, query)
        some = ids[: len(ids) // 2]
        found = await server.ok("GET", f"{path}?{needed}id[in]={','.join(some) or 'x'}")
        assert [row["id"] for row in found["result"]] == some, path
        other = await server.ok("GET", f"{path}?{needed}id[nin]={','.join(some)}")
        assert len(other["result"]) == len(ids) - len(some), path


async def test_every_filter_that_is_named_narrows_its_list(server: Server) -> None:
    """With a value that the newest row has not, and with the one it has."""
    await connect(server, await install(server), "http://127.0.0.1:1")
    (model,) = (await server.ok("GET", f"/environment-unified-model?unified_model.name={MODEL}"))["result"]
    cell = {"integration_name": "larkdesk", "resource_name": "tickets", "method_name": "list"}
    laid_over = {**cell, "environment_unified_model_id": model["id"], "config": {"query": {"a": "b"}}}
    await server.ok("POST", "/environment-unified-model-resource-method", json=laid_over)
    for path, names in FILTERS.items():
        newest = (await server.ok("GET", path))["result"][0]
        for name in names:
            value = at(newest, name)
            other = {bool: str(not value).lower(), int: "99999"}.get(type(value), "1971-01-01 00:00:00")
            found = (await server.ok("GET", path, params={name: other}))["result"]
            assert newest["id"] not in {row["id"] for row in found}, (path, name)
            if value is not None and not name.endswith("_at"):  # a row's time has parts of a second
                text = str(value).lower() if isinstance(value, bool) else str(value)
                found = (await server.ok("GET", path, params={name: text}))["result"]
                assert newest["id"] in {row["id"] for row in found}, (path, name)


def at(row: Any, name: str) -> Any:
    for step in name.split("."):
        row = row[step]
    return row
