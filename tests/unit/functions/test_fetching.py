"""The fetcher of functions: https, hosts that the operator lists, redirects, sizes, the guard's addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from tests.fakes.listening import running_app

from isthmus.config import Settings
from isthmus.errors import EgressDenied, SetupError, UpstreamInvalid, UpstreamUnreachable
from isthmus.expressions.library import Fetcher
from isthmus.expressions.operator_settings import GuardedFetch, make_services
from isthmus.http.client import HttpClient
from isthmus.http.guard import Guard
from isthmus.kit.clock import SystemClock

HTTPS_ONLY = "Functions reach other servers by https only; {} is not."
NOT_LISTED = "Functions may not reach {}; the operator lists the hosts that they may."


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), headers={"X-Method": request.method})

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": request.query["to"]})

    async def redirect_often(request: web.Request) -> web.Response:
        left = int(request.query["left"])
        to = f"/redirect-often?left={left - 1}" if left else "/echo"
        return web.Response(status=307, headers={"Location": to})

    app = web.Application()
    app.router.add_post("/echo", echo)
    app.router.add_post("/redirect", redirect)
    app.router.add_post("/redirect-often", redirect_often)
    async with running_app(app) as url:
        yield f"{url}/echo"


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient(Guard(["127.0.0.0/8"])) as client:
        yield client


def _fetcher(client: HttpClient, *function_hosts: str) -> Fetcher:
    """The fetcher of an operator who set `ISTHMUS_FUNCTION_HOSTS` to these."""
    services = make_services(Settings(function_hosts=function_hosts), client, SystemClock())
    assert services.fetch is not None
    return services.fetch


async def _post(fetch: Fetcher, url: str, max_bytes: int = 1_000) -> tuple[int, str, bytes]:
    status, headers, body = await fetch(
        "POST", url, headers={}, body=b"hello", seconds=5.0, max_bytes=max_bytes
    )
    return status, headers["x-method"], body


async def test_a_host_listed_with_http_is_reached_without_tls(client: HttpClient, url: str) -> None:
    assert await _post(_fetcher(client, "http://127.0.0.1"), url) == (200, "POST", b"hello")
    assert (await _post(_fetcher(client, "a.example", "http://127.0.0.1"), url))[0] == 200
    by_name = url.replace("127.0.0.1", "LOCALHOST")
    assert (await _post(_fetcher(client, "http://localhost"), by_name))[0] == 200


@pytest.mark.parametrize(
    "function_hosts", [("127.0.0.1",), ("127.0.0.1", "http://a.example"), ("http://localhost", "127.0.0.1")]
)
async def test_a_host_listed_without_http_is_refused_without_tls(
    client: HttpClient, url: str, function_hosts: tuple[str, ...]
) -> None:
    with pytest.raises(EgressDenied) as caught:
        await _post(_fetcher(client, *function_hosts), url)
    assert caught.value.message == HTTPS_ONLY.format("127.0.0.1")


@pytest.mark.parametrize("function_hosts", [("127.0.0.1",), ("http://127.0.0.1",)])
async def test_a_listed_host_is_reached_by_https_either_way(
    client: HttpClient, url: str, function_hosts: tuple[str, ...]
) -> None:
    """The server has no TLS, so that the connection fails; it is not refused."""
    with pytest.raises(UpstreamUnreachable):
        await _post(_fetcher(client, *function_hosts), url.replace("http://", "https://"))


@pytest.mark.parametrize(
    "function_hosts", [("localhost",), ("http://localhost",), ("7.0.0.1",), ("127.0.0",)]
)
async def test_a_host_that_is_not_listed_is_refused(
    client: HttpClient, url: str, function_hosts: tuple[str, ...]
) -> None:
    with pytest.raises(EgressDenied) as caught:
        await _post(_fetcher(client, *function_hosts), url.replace("http://", "https://"))
    assert caught.value.message == NOT_LISTED.format("127.0.0.1")
    with pytest.raises(EgressDenied) as caught:
        await _post(_fetcher(client, *function_hosts), url)
    assert caught.value.message == HTTPS_ONLY.format("127.0.0.1")


@pytest.mark.parametrize("scheme", ["ftp", "ws", "file"])
async def test_no_other_scheme_is_allowed(client: HttpClient, url: str, scheme: str) -> None:
    other = url.replace("http://", f"{scheme}://")
    with pytest.raises(EgressDenied) as caught:
        await _post(_fetcher(client, "127.0.0.1"), other)
    assert caught.value.message == HTTPS_ONLY.format("127.0.0.1")
    with pytest.raises(EgressDenied) as caught:
        await _post(_fetcher(client, "http://127.0.0.1"), other)
    assert caught.value.message == f"Only http and https addresses are called, and this one is {scheme}."


def test_no_listed_host_means_no_fetcher(client: HttpClient) -> None:
    assert make_services(Settings(), client, SystemClock()).fetch is None


@pytest.mark.parametrize("service", ["embeddings_url", "document_service_url"])
@pytest.mark.parametrize(
    ("function_hosts", "address", "missing"),
    [
        (("a.example",), "https://a.example/x", None),
        (("http://a.example",), "https://a.example/x", None),
        (("http://a.example",), "http://a.example:8080/x", None),
        (("a.example",), "http://a.example/x", "http://a.example"),
        (("b.example", "http://b.example"), "https://a.example/x", "a.example"),
        ((), "http://a.example/x", "http://a.example"),
    ],
)
def test_a_service_must_be_at_a_host_that_functions_may_reach(
    client: HttpClient, service: str, function_hosts: tuple[str, ...], address: str, missing: str | None
) -> None:
    settings = replace(Settings(function_hosts=function_hosts), **{service: address})  # type: ignore[arg-type]  # a text setting
    if missing is None:
        assert make_services(settings, client, SystemClock()).fetch is not None
        return
    with pytest.raises(SetupError) as caught:
        make_services(settings, client, SystemClock())
    assert caught.value.message == (
        f"ISTHMUS_{service.upper()} needs its host among ISTHMUS_FUNCTION_HOSTS: add {missing} there."
    )


async def test_without_a_list_any_host_is_reached_by_https_only(client: HttpClient, url: str) -> None:
    with pytest.raises(EgressDenied, match="https only"):
        await _post(GuardedFetch(client), url)
    with pytest.raises(UpstreamUnreachable):
        await _post(GuardedFetch(client), url.replace("http://", "https://"))


async def test_each_redirect_is_checked_as_the_first_address(client: HttpClient, url: str) -> None:
    redirect = url.replace("/echo", "/redirect?to=")
    fetch = _fetcher(client, "http://127.0.0.1", "localhost")
    assert (await _post(fetch, f"{redirect}/echo"))[0] == 200
    with pytest.raises(EgressDenied) as caught:
        await _post(fetch, f"{redirect}{url.replace('127.0.0.1', 'localhost')}")
    assert caught.value.message == HTTPS_ONLY.format("localhost")
    with pytest.raises(EgressDenied) as caught:
        await _post(fetch, f"{redirect}https://a.example/")
    assert caught.value.message == NOT_LISTED.format("a.example")


async def test_at_most_three_redirects_are_followed(client: HttpClient, url: str) -> None:
    fetch = _fetcher(client, "http://127.0.0.1")
    often = url.replace("/echo", "/redirect-often?left=")
    assert (await _post(fetch, f"{often}2"))[0] == 200
    with pytest.raises(UpstreamInvalid, match="redirected more than 3 times"):
        await _post(fetch, f"{often}3")


async def test_an_answer_has_at_most_max_bytes(client: HttpClient, url: str) -> None:
    fetch = _fetcher(client, "http://127.0.0.1")
    assert (await _post(fetch, url, max_bytes=5))[2] == b"hello"
    with pytest.raises(UpstreamInvalid, match="more than 4 bytes"):
        await _post(fetch, url, max_bytes=4)


async def test_private_addresses_stay_behind_the_guard(url: str) -> None:
    async with HttpClient(Guard()) as client:
        with pytest.raises(EgressDenied):
            await _post(_fetcher(client, "http://127.0.0.1"), url)
