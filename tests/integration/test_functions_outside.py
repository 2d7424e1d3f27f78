"""Functions of a mapping that ask other servers: off until configured, and only through the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from isthmus.config import Settings
from isthmus.errors import SetupError
from isthmus.kit.secret import Secret
from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.fakes.listening import running_app
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import serving

EMBED = '{"id": "1", "vector": $generateEmbeddingsCohere({"texts": [response.subject]}, "key")[0].embeddings}'
PARSE = '{"id": "1", "text": $parseDocument(response.subject, "text/plain")}'


@dataclass
class Provider:
    """Answers every POST with `answer`, and keeps what it was asked."""

    url: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    redirect: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers["authorization"], await request.text()))
        if self.redirect:
            return web.Response(status=307, headers={"location": self.redirect})
        return web.json_response(self.answer)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    app = web.Application()
    app.router.add_post("/{path:.*}", provider.handle)
    async with running_app(app) as provider.url:
        yield provider


@asynccontextmanager
async def listing(settings: Settings, mapping: str) -> AsyncIterator[tuple[int, Any]]:
    """What a list of one ticket answers where the account maps it in this way."""
    async with (
        serving(settings) as server,
        running(Larkdesk(records=Records(tickets=1), limit=RequestLimit(None))) as desk,
    ):
        account = await connect(server, await install(server), desk.url)
        override = {MODEL: {"tickets": {"list": {"response_mapping": mapping}}}}
        await server.ok("PATCH", f"/integrated-account/{account}", json={"unified_model_override": override})
        path = f"/unified/{MODEL}/tickets?integrated_account_id={account}&truto_ignore_remote_data=true"
        yield await server.call("GET", path)


def configured(settings: Settings, provider: Provider, **values: Any) -> Settings:
    given = {"function_hosts": ("http://127.0.0.1",), "embeddings_url": f"{provider.url}/v2/embed"}
    return replace(settings, **(given | values))


@pytest.mark.parametrize(("mapping", "name"), [(EMBED, "generateEmbeddingsCohere"), (PARSE, "parseDocument")])
async def test_functions_that_reach_outside_are_off(
    settings: Settings, provider: Provider, mapping: str, name: str
) -> None:
    async with listing(settings, mapping) as (status, body):
        assert (status, body["message"].count(f"(ISTHMUS_NOT_CONFIGURED): {name} is not configured")) == (
            500,
            1,
        )
    assert provider.asked == []


async def test_a_mapping_asks_the_server_that_the_operator_configured(
    settings: Settings, provider: Provider
) -> None:
    provider.answer = {"embeddings": [[0.5, 1]]}
    async with listing(configured(settings, provider), EMBED) as (status, body):
        assert (status, body["result"]) == (200, [{"id": "1", "vector": [[0.5, 1]]}])
    [(path, authorization, text)] = provider.asked
    assert (path, authorization) == ("/v2/embed", "Bearer key")
    assert '"texts":["' in text


async def test_documents_are_read_by_the_service_that_the_operator_configured(
    settings: Settings, provider: Provider
) -> None:
    provider.answer = {"content": "read"}
    given = configured(
        settings,
        provider,
        parse_document="remote",
        document_service_url=provider.url,
        document_service_key=Secret("its-key"),
    )
    async with listing(given, PARSE) as (status, body):
        assert (status, body["result"]) == (200, [{"id": "1", "text": "read"}])
    assert provider.asked[0][:2] == ("/parse", "Bearer its-key")


async def test_the_guard_refuses_a_private_address_although_its_host_is_listed(
    settings: Settings, provider: Provider
) -> None:
    given = configured(
        settings,
        provider,
        function_hosts=("http://10.255.255.1",),
        embeddings_url="http://10.255.255.1/v2/embed",
    )
    async with listing(given, EMBED) as (status, body):
        assert (status, body["message"].count("(ISTHMUS_REFUSED): generateEmbeddingsCohere: ")) == (500, 1)
    assert provider.asked == []


async def test_a_redirect_to_a_host_that_is_not_listed_is_refused(
    settings: Settings, provider: Provider
) -> None:
    provider.redirect = provider.url.replace("127.0.0.1", "localhost") + "/v2/embed"
    async with listing(configured(settings, provider), EMBED) as (status, body):
        assert status == 500
        assert "localhost" in body["message"]
    assert len(provider.asked) == 1


async def test_limits_of_expressions_are_settings(settings: Settings) -> None:
    given = replace(settings, expression_limits={"items": 3.0})
    async with listing(given, '{"id": "1", "n": [1..4]}') as (status, body):
        assert status == 500
        assert "items = 3" in body["message"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"expression_limits": {"sekonds": 1.0}}, "sekonds"),
        ({"expression_limits": {"items": 1.5}}, "items must be a whole number"),
        ({"embeddings_url": "https://api.example.com/v2/embed"}, "add api.example.com"),
        (
            {"embeddings_url": "http://api.example.com", "function_hosts": ("api.example.com",)},
            "add http://api.example.com",
        ),
    ],
)
async def test_settings_that_cannot_work_stop_the_start(
    settings: Settings, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(SetupError, match=message):
        async with serving(replace(settings, **values)):
            pass
