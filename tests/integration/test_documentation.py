"""Documentation rows and categories."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.larkdesk import definition
from tests.integration.serving import Server

ENTITIES = ("integration", "environment_integration", "unified_model", "environment_unified_model")


async def entities(server: Server) -> dict[str, str]:
    """An id of each kind that documentation can be about and this environment may write to."""
    created = await server.ok("POST", "/integration", json=definition())
    install = await server.ok("POST", "/environment-integration", json={"integration_id": created["id"]})
    resources = {"tickets": {"schema": {"type": "object"}, "methods": ["list"]}}
    model = await server.ok(
        "POST", "/unified-model", json={"name": "desk", "category": "ticketing", "resources": resources}
    )
    own = await server.ok("POST", "/environment-unified-model", json={"unified_model_id": model["id"]})
    ids = (created["id"], install["id"], model["id"], own["id"])
    return dict(zip(ENTITIES, ids, strict=True))


async def listed(server: Server, query: str, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await server.ok("GET", f"/documentation?{query}", **options))["result"]
    return found


async def test_a_row_is_created_by_either_spelling_read_changed_and_deleted(server: Server) -> None:
    for kind, identity in (await entities(server)).items():
        bare = await server.ok("POST", "/documentation", json={"entity_id": identity, "content": "A."})
        typed = {"entity_id": identity, "entity_type": kind, "type": "note", "content": "B."}
        alias = {f"{kind}_id": identity, "type": "oauth_note", "content": "C."}
        rows = [bare, *[await server.ok("POST", "/documentation", json=body) for body in (typed, alias)]]
        assert {(row["entity_id"], row["entity_type"]) for row in rows} == {(identity, kind)}
        assert [row["type"] for row in rows] == ["readme", "note", "oauth_note"]
        found = await listed(server, f"{kind}_id={identity}")
        assert {row["id"] for row in found} == {row["id"] for row in rows}
        changed = await server.ok(
            "PATCH", f"/documentation/{bare['id']}", json={"content": "D.", "resource": "tickets"}
        )
        assert (changed["content"], changed["resource"], changed["type"]) == ("D.", "tickets", "readme")
        assert await server.ok("GET", f"/documentation/{bare['id']}") == changed
        assert await server.ok("PATCH", f"/documentation/{bare['id']}", json=changed)
        assert await server.ok("DELETE", f"/documentation/{bare['id']}") == {"id": bare["id"]}
        status, _ = await server.call("GET", f"/documentation/{bare['id']}")
        assert status == 404


async def test_an_integration_or_a_model_may_be_named(server: Server) -> None:
    ids = await entities(server)
    for kind, name in (("integration", "larkdesk"), ("unified_model", "desk")):
        row = await server.ok("POST", "/documentation", json={f"{kind}_id": name, "content": "A."})
        assert row["entity_id"] == ids[kind]
        assert [each["id"] for each in await listed(server, f"{kind}_id={name}&type=readme")] == [row["id"]]
    assert await listed(server, "integration_id=zendesk")
    assert await listed(server, "integration_id=nobody") == []
    installs = (await server.ok("GET", "/environment-integration?integration_id=larkdesk"))["result"]
    assert [each["id"] for each in installs] == [ids["environment_integration"]]
    await server.install_of_model("crm")
    models = (await server.ok("GET", "/environment-unified-model?unified_model_id[in]=desk,crm"))["result"]
    assert len(models) == 2
    rows = await server.ok("GET", "/unified-model-resource-method?unified_model_id=crm&limit=1")
    assert rows["result"]


async def test_a_row_may_move_to_another_entity(server: Server) -> None:
    ids = await entities(server)
    row = await server.ok("POST", "/documentation", json={"entity_id": ids["integration"], "content": "A."})
    for name in ("entity_id", "{kind}_id"):
        for kind, identity in reversed(ids.items()):
            body = {name.format(kind=kind): identity}
            moved = await server.ok("PATCH", f"/documentation/{row['id']}", json=body)
            assert (moved["entity_type"], moved["entity_id"]) == (kind, identity)
    alone = {"entity_type": "unified_model"}
    assert (await server.call("PATCH", f"/documentation/{row['id']}", json=alone))[0] == 404


async def test_lists_are_narrowed_sorted_and_paged(server: Server) -> None:
    identity = (await entities(server))["integration"]
    for number in range(5):
        body = {"resource": "tickets", "method": "list", "content": f"{number}.", "type": f"note_{number}"}
        await server.ok("POST", "/documentation", json={"integration_id": identity, **body})
    await server.ok("POST", "/documentation", json={"integration_id": identity, "content": "Readme."})
    path = f"integration_id={identity}"
    assert len(await listed(server, f"{path}&resource=tickets&method=list")) == 5
    assert len(await listed(server, f"{path}&type[in]=note_1,note_3")) == 2
    assert len(await listed(server, f"{path}&entity_type=unified_model")) == 0
    assert len(await listed(server, f"{path}&entity_id={identity}")) == 6
    first = await server.ok("GET", f"/documentation?{path}&limit=4&sort_by=type")
    rest = await listed(server, f"{path}&limit=4&sort_by=type&next_cursor={first['next_cursor']}")
    names = [row["type"] for row in [*first["result"], *rest]]
    assert names == ["note_0", "note_1", "note_2", "note_3", "note_4", "readme"]


async def test_a_list_has_to_say_whose(server: Server) -> None:
    for query in ("", "?type=readme", "?entity_id=1", "?integration_id[ne]=1"):
        status, body = await server.call("GET", f"/documentation{query}")
        assert status == 400
        assert "integration_id" in body["message"]


async def test_the_shipped_pages_and_methods_are_read_and_not_written(server: Server) -> None:
    integration = await server.ok("GET", "/integration/zendesk")
    path = f"integration_id={integration['id']}"
    (readme,) = await listed(server, f"{path}&type=readme")
    assert readme["content"].startswith("# Zendesk")
    (about,) = await listed(server, f"{path}&type=description&resource=tickets&method=delete")
    assert "restored" in about["content"]
    for verb in ("PATCH", "DELETE"):
        status, body = await server.call(verb, f"/documentation/{readme['id']}", json={"content": "x"})
        assert (status, body["error"]) == (403, "Forbidden")
        assert "environment_integration_id" in body["message"]
    body = {"integration_id": integration["id"], "content": "x"}
    assert (await server.call("POST", "/documentation", json=body))[0] == 403


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"content": ""}, "content"),
        ({"content": None}, "content"),
        ({"content": {"type": "object"}}, "content"),
        ({"entity_id": None}, "entity_id"),
        ({"unified_model_id": "also"}, "entity_id"),
        ({"entity_type": "planet"}, "entity_type"),
        ({"type": "t" * 65}, "type"),
        ({"method": "list"}, "resource"),
        ({"type": "query_schema", "content": "a: [b"}, "content"),
        ({"type": "query_schema", "content": "- a"}, "content"),
        ({"type": "body_schema", "content": "properties: {a: {type: strin}}"}, "content.properties.a.type"),
    ],
)
async def test_what_is_wrong_is_named(server: Server, change: dict[str, Any], path: str) -> None:
    identity = (await entities(server))["integration"]
    body = {"entity_id": identity, "content": "A.", **change}
    status, answer = await server.call("POST", "/documentation", json=body)
    assert (status, answer["details"]["failures"][0]["path"]) == (400, path), answer
    assert await listed(server, f"integration_id={identity}") == []


async def test_a_type_may_have_64_characters(server: Server) -> None:
    identity = (await entities(server))["integration"]
    body = {"entity_id": identity, "content": "A.", "type": "t" * 64}
    assert (await server.ok("POST", "/documentation", json=body))["type"] == "t" * 64


async def test_nothing_is_written_about_what_is_not_there(server: Server) -> None:
    for name in ("entity_id", *(f"{kind}_id" for kind in ENTITIES)):
        status, body = await server.call("POST", "/documentation", json={name: "nothing", "content": "A."})
        assert (status, body["error"]) == (404, "Not Found"), name


async def test_rows_go_with_what_they_are_about(server: Server) -> None:
    ids = await entities(server)
    row = await server.ok(
        "POST", "/documentation", json={"entity_id": ids["environment_integration"], "content": "A."}
    )
    await server.ok("DELETE", f"/environment-integration/{ids['environment_integration']}")
    assert (await server.call("GET", f"/documentation/{row['id']}"))[0] == 404


async def test_categories_are_listed_by_name_and_label(server: Server) -> None:
    found = await server.ok("GET", "/category?sort_by=name")
    labels = {row["name"]: row["label"] for row in found["result"]}
    assert {
        "crm", "ticketing", "hris", "ats", "accounting", "ecommerce", "knowledge-base", "file-storage",
        "marketing",
    } <= labels.keys()  # fmt: skip
    assert labels["crm"] == "CRM"
    assert all(row["id"] and row["created_at"] and row["updated_at"] for row in found["result"])
    first = await server.ok("GET", "/category?limit=2&sort_by=name")
    assert (len(first["result"]), first["limit"], bool(first["next_cursor"])) == (2, 2, True)
    assert [row["name"] for row in (await server.ok("GET", "/category?name=hris"))["result"]] == ["hris"]
