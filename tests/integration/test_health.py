"""What load balancers and newcomers ask first."""

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
