"""The fetch port of functions: https, listed hosts, bounded answers, the guard's addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from isthmus.errors import EgressDenied, UpstreamInvalid
from isthmus.expressions.operator_settings import GuardedFetch
from isthmus.http.client import HttpClient
from isthmus.http.guard import Guard


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), headers={"X-Method": request.method})

    async def elsewhere(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": request.query["to"]})

    app = web.Application()
    app.router.add_post("/echo", echo)
    app.router.add_post("/redirect", elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/echo"
    await runner.cleanup()


async def _post(fetch: GuardedFetch, url: str, max_bytes: int = 1_000) -> tuple[int, str, bytes]:
    status, headers, body = await fetch(
        "POST", url, headers={}, body=b"hello", seconds=5.0, max_bytes=max_bytes
    )
    return status, headers["x-method"], body


async def test_a_listed_plain_host_answers(url: str) -> None:
    async with HttpClient(Guard(["127.0.0.0/8"])) as client:
        fetch = GuardedFetch(client, plain_hosts=frozenset({"127.0.0.1"}))
        assert await _post(fetch, url) == (200, "POST", b"hello")
        with pytest.raises(UpstreamInvalid):
            await _post(fetch, url, max_bytes=4)


async def test_what_is_not_listed_is_refused(url: str) -> None:
    async with HttpClient(Guard(["127.0.0.0/8"])) as client:
        with pytest.raises(EgressDenied, match="https only"):
            await _post(GuardedFetch(client), url)
        only = GuardedFetch(client, hosts=frozenset({"a.example"}), plain_hosts=frozenset({"127.0.0.1"}))
        with pytest.raises(EgressDenied, match="may not reach"):
            await _post(only, url)


async def test_each_redirect_is_judged_anew(url: str) -> None:
    async with HttpClient(Guard(["127.0.0.0/8"])) as client:
        fetch = GuardedFetch(client, plain_hosts=frozenset({"127.0.0.1"}))
        redirect = url.replace("/echo", "/redirect?to=")
        assert (await _post(fetch, f"{redirect}/echo"))[0] == 200
        with pytest.raises(EgressDenied, match="https only"):
            await _post(fetch, f"{redirect}http://localhost:1/")


async def test_private_addresses_stay_behind_the_guard(url: str) -> None:
    async with HttpClient(Guard()) as client:
        with pytest.raises(EgressDenied):
            await _post(GuardedFetch(client, plain_hosts=frozenset({"127.0.0.1"})), url)
