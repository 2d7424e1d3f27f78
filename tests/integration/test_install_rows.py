"""Rows of `/environment-integration` that are sent back as they were shown, or with one change."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from isthmus.config import Settings
from isthmus.db.tables import environment_integration
from tests.integration.serving import Server, serving

INSTALLS = "/environment-integration"
FIELD = "isthmus_callback_url"


async def _stored(server: Server, id: str) -> str | None:
    column = environment_integration.c.callback_url
    async with server.database.read() as conn:
        statement = select(column).where(environment_integration.c.id == id)
        stored: str | None = (await conn.execute(statement)).scalar_one()
    return stored


async def test_the_servers_own_callback_is_taken_as_none_of_the_install(settings: Settings) -> None:
    """Also where it is no address that an install could have of its own: a server in a network of its own."""
    home = "http://isthmus.lan:8000"
    async with serving(replace(settings, public_app_url=home)) as server:
        (shown,) = (await server.ok("GET", f"{INSTALLS}?integration.name=zendesk"))["result"]
        one = f"{INSTALLS}/{shown['id']}"
        assert shown[FIELD] == f"{home}/connect-account/callback"
        echo = {
            name: shown[name] for name in ("is_enabled", "is_active", "show_in_catalog", "override", FIELD)
        }
        assert (await server.ok("PATCH", one, json=echo))[FIELD] == shown[FIELD]
        assert await _stored(server, shown["id"]) is None
        await server.ok("DELETE", one)
        again = {"integration_id": "zendesk", **echo}
        created = await server.ok("POST", INSTALLS, json=again)
        assert created[FIELD] == shown[FIELD]
        assert await _stored(server, created["id"]) is None
        status, body = await server.call(
            "PATCH", f"{INSTALLS}/{created['id']}", json={FIELD: "http://elsewhere.lan/back"}
        )
        assert (status, body["details"]["failures"][0]["path"]) == (400, FIELD)


async def test_of_two_names_of_one_field_the_one_that_was_changed_counts(settings: Settings) -> None:
    async with serving(settings) as server:
        (row,) = (await server.ok("GET", f"{INSTALLS}?integration.name=zendesk"))["result"]
        one = f"{INSTALLS}/{row['id']}"
        for name in ("is_active", "is_enabled"):
            for changed in (False, True):
                row = await server.ok("PATCH", one, json={**row, name: changed})
                assert (row["is_active"], row["is_enabled"]) == (changed, changed), name
        await server.ok("DELETE", one)
        both = {"integration_id": "zendesk", "is_enabled": True, "is_active": False}
        assert (await server.ok("POST", INSTALLS, json=both))["is_enabled"] is False


async def test_a_sandbox_account_has_values_of_the_form_after_connecting(server: Server) -> None:
    """Both stored in its row, and of a form that the definition got later."""

    def make_form(*names: str) -> dict[str, object]:
        fields = [{"name": name, "format": "url"} for name in names]
        return {"post_connect_user_form": {"steps": [{"type": "form", "config": fields}]}}

    method = {"path": "/notes", "examples": {"response": '[{"id": 1}]'}}
    config = {
        "base_url": "{{context.desk}}",
        "credentials": {"format": "api_key", "config": {"fields": [{"name": "api_key"}]}},
        "actions": make_form("desk"),
        "resources": {"notes": {"list": method}},
    }
    row = await server.ok("POST", "/integration", json={"name": "quill", "config": config})
    await server.ok("POST", INSTALLS, json={"integration_id": row["id"]})
    account = await server.sandbox_of("quill")
    shown = await server.ok("GET", f"/integrated-account/{account}")
    assert shown["context"]["desk"] == "https://example.com"
    listed = f"/proxy/notes?integrated_account_id={account}"
    assert (await server.ok("GET", listed))["result"] == [{"id": 1}]
    changed = {"base_url": "{{context.board}}", "actions": make_form("board")}
    await server.ok("PATCH", f"/integration/{row['id']}", json={"version": row["version"], "config": changed})
    assert (await server.ok("GET", listed))["result"] == [{"id": 1}]
