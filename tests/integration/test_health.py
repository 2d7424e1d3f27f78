"""What load balancers and newcomers ask first, and HEAD wherever GET is."""

from __future__ import annotations

import pytest

from tests.integration.serving import Server


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("verb", ["GET", "HEAD"])
async def test_a_load_balancer_asks_without_a_token(server: Server, path: str, verb: str) -> None:
    status, _ = await server.call(verb, path, token="")
    assert status == 200


async def test_a_browser_is_led_to_the_api_reference(server: Server) -> None:
    status, page = await server.call("GET", "/", token="")
    assert status == 200
    assert "swagger-ui" in page
    async with server.session.get(f"{server.url}/docs") as response:
        assert response.headers["content-security-policy"] == "frame-ancestors 'none'"


@pytest.mark.parametrize("name", ["swagger-ui-bundle.js", "swagger-ui.css"])
async def test_the_reference_page_brings_its_own_assets(server: Server, name: str) -> None:
    status, text = await server.call("GET", f"/docs/{name}", token="")
    assert status == 200
    assert len(text) > 10_000


async def test_every_answer_has_a_request_id(server: Server) -> None:
    for path in ("/healthz", "/nowhere", "/proxy/x"):
        async with server.session.get(server.url + path, headers={"x-request-id": "mine-1"}) as response:
            assert response.headers["x-request-id"] == "mine-1"
            if response.status >= 400:
                assert (await response.json())["isthmus_request_id"] == "mine-1"


async def test_head_is_answered_as_get_is_without_the_body(server: Server) -> None:
    """RFC 9110 §9.3.2: on platform routes, data-plane reads and errors alike."""
    account = await server.sandbox_of("hubspot", "crm")
    named = f"integrated_account_id={account}"
    headers = {"authorization": f"Bearer {server.token}"}
    for path in (
        "/integration?limit=1",
        f"/integrated-account/{account}",
        f"/unified/crm/contacts?{named}",
        f"/unified/crm/contacts/meta/list?{named}",
        f"/proxy/contacts?{named}",
        "/openapi.json",
        "/schemas",
        "/ping",
        "/nowhere",
        "/integration/nope",
        "/link-token",
    ):
        async with server.session.get(server.url + path, headers=headers) as got:
            whole = await got.read()
        async with server.session.head(server.url + path, headers=headers) as answer:
            assert (answer.status, await answer.read()) == (got.status, b""), path
            assert answer.headers["content-type"] == got.headers["content-type"]
            told = answer.headers.get("content-length")
            assert told is None or path != "/ping" or int(told) == len(whole)
        if got.status == 405:
            assert got.headers["allow"] == "POST"


async def test_a_refused_verb_is_told_that_head_is_served_where_get_is(server: Server) -> None:
    for path, allowed in (
        ("/ping", {"GET", "HEAD"}),
        ("/proxy/tickets", {"GET", "HEAD", "POST", "PATCH", "DELETE"}),
    ):
        headers = {"authorization": f"Bearer {server.token}"}
        async with server.session.put(server.url + path, headers=headers) as answer:
            assert answer.status == 405
            assert set(answer.headers["allow"].split(", ")) == allowed
