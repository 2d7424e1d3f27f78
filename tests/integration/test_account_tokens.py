"""Integrated account tokens: what a browser may do with one, and everything else that it may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from isthmus.config import Settings
from tests.fakes.clock import VirtualClock
from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.integration.environments import foreign_token
from tests.integration.larkdesk import MODEL, connect, definition, install
from tests.integration.serving import Server, serving

PAGE = {"origin": "https://shop.example"}


@pytest.fixture
async def desk() -> AsyncIterator[Larkdesk]:
    async with running(Larkdesk(records=Records(tickets=3), limit=RequestLimit(None))) as fake:
        yield fake


async def token_of(server: Server, account: str) -> str:
    made = await server.ok("POST", "/integrated-account/token", json={"integrated_account_id": account})
    assert made["token"] == made["integrated_account_token"]
    token: str = made["token"]
    return token


async def test_a_token_calls_its_account_without_naming_it(server: Server, desk: Larkdesk) -> None:
    account = await connect(server, await install(server), desk.url)
    token = await token_of(server, account)
    listed = await server.ok("GET", f"/unified/{MODEL}/tickets", token=token)
    assert [each["id"] for each in listed["result"]] == ["1", "2", "3"]
    named = await server.ok("GET", f"/proxy/tickets/1?integrated_account_id={account}", token=token)
    assert named["number"] == 1
    created = await server.ok("POST", "/proxy/tickets", token=token, json={"subject": "Lamp"})
    assert created["subject"] == "Lamp"
    raw = await server.ok("GET", "/custom/v1/tickets/1", token=token)
    assert raw["result"]["number"] == 1
    assert await server.ok("GET", "/ping", token=token) == {"status": "ok"}


async def test_a_token_calls_no_other_account(server: Server, desk: Larkdesk) -> None:
    install_id = await install(server)
    token = await token_of(server, await connect(server, install_id, desk.url))
    other = await connect(server, install_id, desk.url)
    for path in (f"/unified/{MODEL}/tickets", "/proxy/tickets", "/custom/tickets"):
        for query in (
            f"integrated_account_id={other}",
            "integrated_account_id[]=x",
            "integrated_account_id=x",
        ):
            status, body = await server.call("GET", f"{path}?{query}", token=token)
            assert (status, "calls no other" in body["message"]) == (403, True), body
    assert not desk.visits


async def test_a_token_opens_no_other_route(server: Server) -> None:
    """Every operation of the document, but those of its own account."""
    account = await server.sandbox_of("zendesk")
    token = await token_of(server, account)
    document = await server.ok("GET", "/openapi.json")
    refused = 0
    for template, operations in document["paths"].items():
        is_own = template.startswith(("/proxy/", "/custom/")) or template == "/integrated-account/me"
        is_unified = template.startswith("/unified/") and not template.startswith("/unified/meta/")
        path = template.replace("{id}", account)
        for verb, operation in operations.items():
            if is_own or is_unified or not operation.get("security"):
                continue
            status, body = await server.call(verb.upper(), path, token=token, json={})
            assert status == 403, (verb, template, status, body)
            assert "account token" in body["message"], (verb, template, body)
            refused += 1
    assert refused > 50


async def test_a_token_ends_after_a_quarter_of_an_hour_and_with_its_account(settings: Settings) -> None:
    clock = VirtualClock()
    async with serving(settings, clock=clock) as server:
        account = await server.sandbox_of("zendesk")
        token = await token_of(server, account)
        await server.ok("GET", "/integrated-account/me", token=token)
        await clock.advance(15 * 60)
        status, body = await server.call("GET", "/integrated-account/me", token=token)
        assert (status, "expired" in body["message"]) == (401, True)
        token = await token_of(server, account)
        await server.ok("DELETE", f"/integrated-account/{account}")
        for path in ("/integrated-account/me", "/proxy/tickets"):
            assert (await server.call("GET", path, token=token))[0] == 404
        assert (await server.call("PATCH", "/integrated-account/me", token=token, json={"context": {}}))[
            0
        ] == 404


async def test_no_token_is_made_for_an_account_of_another_environment(server: Server) -> None:
    account = await server.sandbox_of("zendesk")
    body = {"integrated_account_id": account}
    token = await foreign_token(server, None)
    status, _ = await server.call("POST", "/integrated-account/token", token=token, json=body)
    assert status == 404


async def test_an_api_token_has_no_account_of_its_own(server: Server) -> None:
    for verb in ("GET", "PATCH"):
        status, body = await server.call(verb, "/integrated-account/me", json={"context": {}})
        assert (status, "no one account" in body["message"]) == (403, True)
        assert (await server.call(verb, "/integrated-account/me", json={}, token=""))[0] == 401


async def oauth_account(server: Server) -> dict[str, Any]:
    made = definition()
    made["config"]["credentials"]["oauth2"] = {
        "config": {"auth": {"tokenHost": "https://larkdesk.example"}, "scope": ["files"]}
    }
    integration = await server.ok("POST", "/integration", json=made)
    row = await server.ok(
        "POST",
        "/environment-integration",
        json={
            "integration_id": integration["id"],
            "override": {"environment_variables": {"region": "north"}},
        },
    )
    account: dict[str, Any] = await server.ok(
        "POST",
        "/integrated-account",
        json={
            "tenant_id": "acme",
            "environment_integration_id": row["id"],
            "authentication_method": "oauth2",
            "context": {
                "oauth": {
                    "token": {"access_token": "a-1", "refresh_token": "r-1", "id_token": "i-1"},
                    "scope": ["files"],
                },
                "client_secret": "hush",
                "folder": "12",
            },
        },
    )
    return account


async def test_the_own_account_shows_its_access_token_and_no_other_secret(server: Server) -> None:
    account = await oauth_account(server)
    own = await server.ok("GET", "/integrated-account/me", token=await token_of(server, account["id"]))
    assert own["context"] == {
        "oauth": {"token": {"access_token": "a-1"}, "scope": ["files"]},
        "folder": "12",
        "environment_variables": {"region": "north"},
    }
    assert own | {"context": None} == account | {"context": None}


async def test_a_picker_sends_back_all_it_was_shown_with_its_selection(server: Server) -> None:
    account = await oauth_account(server)
    token = await token_of(server, account["id"])
    shown = (await server.ok("GET", "/integrated-account/me", token=token))["context"]
    # Meanwhile the token was renewed: what the page still has must not come back.
    renewed = {"context": {"oauth": {"token": {"access_token": "a-2"}}}}
    await server.ok("PATCH", f"/integrated-account/{account['id']}", json=renewed)
    items = [{"id": "f1"}, {"id": "f2"}]
    sent = {**shown, "drive_items": {"truto_obj_store": True, "data": items}}
    changed = await server.ok("PATCH", "/integrated-account/me", token=token, json={"context": sent})
    assert changed["context"] == {
        "oauth": {"token": {"access_token": "a-2"}, "scope": ["files"]},
        "folder": "12",
        "drive_items": items,
        "environment_variables": {"region": "north"},
    }
    assert changed["object_store_context_fields"] == ["drive_items"]
    unchanged = await server.ok(
        "PATCH", "/integrated-account/me", token=token, json={"context": changed["context"]}
    )
    assert unchanged["updated_at"] == changed["updated_at"]


@pytest.mark.parametrize("context", [{"folder": "13"}, {"subdomain": "evil"}, {"folder": None}, {"a": {}}])
async def test_a_page_changes_no_part_of_the_address_of_credentials(
    server: Server, context: dict[str, Any]
) -> None:
    account = await oauth_account(server)
    token = await token_of(server, account["id"])
    status, answer = await server.call(
        "PATCH", "/integrated-account/me", token=token, json={"context": {**context, "drive_items": [1]}}
    )
    (name,) = context
    assert (status, answer["details"]["failures"][0]["path"]) == (400, f"context.{name}")
    assert "which may change drive_items. Use an API token" in answer["message"]
    assert await server.ok("GET", f"/integrated-account/{account['id']}") == account


async def test_a_page_changes_what_is_kept_in_the_object_store(server: Server) -> None:
    account = await oauth_account(server)
    kept = {"context": {"report": {"truto_obj_store": True, "data": {"a": 1}}}}
    await server.ok("PATCH", f"/integrated-account/{account['id']}", json=kept)
    token = await token_of(server, account["id"])
    changed = await server.ok(
        "PATCH", "/integrated-account/me", token=token, json={"context": {"report": {"a": 2}}}
    )
    assert changed["context"]["report"] == {"a": 2}


@pytest.mark.parametrize(
    "context",
    [
        {"client_secret": "mine"},
        {"api_key": None},
        {"oauth": {"token": {"refresh_token": "mine"}}},
        {"oauth": {"token": None}},
        {"oauth": None},
        {"oauth": "mine"},
    ],
)
async def test_no_credential_is_changed_from_a_browser(server: Server, context: dict[str, Any]) -> None:
    account = await oauth_account(server)
    token = await token_of(server, account["id"])
    body = {"context": {"folder": "13", **context}}
    status, answer = await server.call("PATCH", "/integrated-account/me", token=token, json=body)
    assert (status, answer["details"]["failures"][0]["code"]) == (400, "read_only")
    assert await server.ok("GET", f"/integrated-account/{account['id']}") == account


@pytest.mark.parametrize(
    "body", [{}, {"context": {}, "tenant_id": "x"}, {"status": "active"}, {"context": None}]
)
async def test_nothing_but_the_context_is_changed_from_a_browser(
    server: Server, body: dict[str, Any]
) -> None:
    token = await token_of(server, await server.sandbox_of("zendesk"))
    status, answer = await server.call("PATCH", "/integrated-account/me", token=token, json=body)
    assert (status, bool(answer["details"]["failures"])) == (400, True)


async def test_a_page_of_any_origin_may_ask_for_the_own_account_and_its_data(server: Server) -> None:
    token = await token_of(server, await server.sandbox_of("zendesk", "ticketing"))
    asks = {
        **PAGE,
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization,content-type,x-mine",
    }
    for path in (
        "/integrated-account/me",
        "//integrated-account/me/",
        "/unified/ticketing/tickets",
        "/custom/x",
    ):
        async with server.session.options(server.url + path, headers=asks) as answer:
            assert (answer.status, await answer.text()) == (200, "")
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "PATCH" in answer.headers["access-control-allow-methods"]
            allowed = {each.strip() for each in answer.headers["access-control-allow-headers"].split(",")}
            assert {"authorization", "content-type", "x-mine"} <= allowed
            assert "access-control-allow-credentials" not in answer.headers
    bearer = {**PAGE, "authorization": f"Bearer {token}"}
    for headers, status in ((bearer, 200), (PAGE, 401)):
        for path in ("/integrated-account/me", "/unified/ticketing/tickets"):
            async with server.session.get(server.url + path, headers=headers) as answer:
                assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, "*")
                assert "retry-after" in answer.headers["access-control-expose-headers"]


async def test_a_page_may_not_ask_for_anything_else(server: Server) -> None:
    asks = {**PAGE, "access-control-request-method": "GET"}
    for path in ("/integrated-account", "/integration", "/me", "/integrated-account/token", "/ping", "/"):
        async with server.session.options(server.url + path, headers=asks) as answer:
            assert "access-control-allow-origin" not in answer.headers, path
        async with server.session.get(server.url + path, headers=PAGE) as answer:
            assert "access-control-allow-origin" not in answer.headers, path
