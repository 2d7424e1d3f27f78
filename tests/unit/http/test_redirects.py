from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from tests.unit.http.conftest import Serve

from isthmus.errors import EgressDenied, UpstreamInvalid
from isthmus.http import HttpClient, HttpRequest
from isthmus.http.redirects import make_redirected_request

SECRETS = {"Authorization": "Bearer t", "Cookie": "a=b", "X-Key": "k", "X-Plain": "p"}


def _echo(request: web.Request, body: bytes) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "body": body.decode(),
            "headers": {k.lower(): v for k, v in request.headers.items()},
        }
    )


async def _redirecting(serve: Serve, status: int, target: str | None = None) -> str:
    async def handler(request: web.Request) -> web.Response:
        body = await request.read()
        if request.path == "/from":
            return web.Response(status=status, headers={"Location": target or "/to"})
        return _echo(request, body)

    return await serve(handler)


@pytest.mark.parametrize(
    ("status", "sent", "arrives", "body"),
    [
        (301, "POST", "GET", ""),
        (302, "POST", "GET", ""),
        (303, "POST", "GET", ""),
        (303, "PUT", "GET", ""),
        (303, "GET", "GET", ""),
        (307, "POST", "POST", "data"),
        (308, "POST", "POST", "data"),
        (301, "PUT", "PUT", "data"),
        (302, "PATCH", "PATCH", "data"),
    ],
)
async def test_method_and_body_follow_the_standard(
    client: HttpClient, serve: Serve, status: int, sent: str, arrives: str, body: str
) -> None:
    base = await _redirecting(serve, status)
    headers = {**SECRETS, "Content-Type": "text/plain"}
    response = await client.send(
        HttpRequest(sent, f"{base}/from", headers, b"data", credential_headers=frozenset({"x-key"}))
    )
    answer = json.loads(response.body)
    assert (answer["method"], answer["body"]) == (arrives, body)
    assert answer["headers"]["authorization"] == "Bearer t"
    assert answer["headers"]["x-key"] == "k"
    assert ("content-type" in answer["headers"]) == bool(body)
    assert response.url == f"{base}/to"


async def test_head_stays_head(client: HttpClient, serve: Serve) -> None:
    methods = []

    async def handler(request: web.Request) -> web.Response:
        methods.append(request.method)
        return web.Response(status=303 if request.path == "/from" else 200, headers={"Location": "/to"})

    await client.send(HttpRequest("HEAD", f"{await serve(handler)}/from"))
    assert methods == ["HEAD", "HEAD"]


async def test_a_redirected_upload_without_its_body_has_no_length(client: HttpClient, serve: Serve) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"data"

    base = await _redirecting(serve, 303)
    response = await client.send(HttpRequest("POST", f"{base}/from", body=parts(), body_length=4))
    answer = json.loads(response.body)
    assert (answer["method"], answer["body"]) == ("GET", "")
    assert "content-length" not in answer["headers"]


@pytest.mark.parametrize(
    ("target", "is_same"),
    [
        ("https://api.test/b", True),
        ("https://api.test:443/b", True),
        ("http://api.test:443/b", False),
        ("https://www.api.test/b", False),
        ("https://api.test:444/b", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(target: str, is_same: bool) -> None:
    headers = {"Authorization": "a", "Cookie": "b", "Proxy-Authorization": "c", "X-Plain": "d"}
    request = make_redirected_request(HttpRequest("GET", "https://api.test/a", headers), 302, target)
    assert request.headers == (headers if is_same else {"X-Plain": "d"})


async def test_credentials_do_not_leave_the_origin_and_do_not_come_back(
    client: HttpClient, serve: Serve
) -> None:
    async def home(request: web.Request) -> web.Response:
        if request.path == "/from":
            return web.Response(status=302, headers={"Location": f"{away}/bounce"})
        return _echo(request, b"")

    async def abroad(request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        assert "Cookie" not in request.headers
        assert "X-Key" not in request.headers
        return web.Response(status=302, headers={"Location": f"{base}/home"})

    base, away = await serve(home), await serve(abroad)
    response = await client.send(
        HttpRequest("GET", f"{base}/from", SECRETS, credential_headers=frozenset({"x-key"}))
    )
    headers = json.loads(response.body)["headers"]
    assert headers["x-plain"] == "p"
    assert {"authorization", "cookie", "x-key"}.isdisjoint(headers)


async def test_the_sixth_redirect_is_one_too_many(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        left = int(request.path[1:])
        return (
            web.Response(status=302, headers={"Location": f"/{left - 1}"})
            if left
            else web.Response(text="end")
        )

    base = await serve(handler)
    assert (await client.send(HttpRequest("GET", f"{base}/5"))).body == b"end"
    with pytest.raises(UpstreamInvalid, match="more than 5 times"):
        await client.send(HttpRequest("GET", f"{base}/6"))


async def test_a_redirect_without_a_target_or_not_to_be_followed_is_the_answer(
    client: HttpClient, serve: Serve
) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/nowhere":
            return web.Response(status=302)
        return web.Response(status=304 if request.path == "/none" else 302, headers={"Location": "/x"})

    base = await serve(handler)
    assert (await client.send(HttpRequest("GET", f"{base}/nowhere"))).status == 302
    assert (await client.send(HttpRequest("GET", f"{base}/none"))).status == 304
    assert (await client.send(HttpRequest("GET", base, max_redirects=0))).status == 302


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("http://10.0.0.1/", EgressDenied),
        ("http://169.254.169.254/latest/meta-data", EgressDenied),
        ("http://[fd00::1]/", EgressDenied),
        ("file:///etc/passwd", (EgressDenied, UpstreamInvalid)),
        ("ftp://files.test/", EgressDenied),
        ("http://[broken", UpstreamInvalid),
    ],
)
async def test_a_redirect_is_guarded_like_any_address(
    client: HttpClient, serve: Serve, target: str, error: type[Exception]
) -> None:
    base = await _redirecting(serve, 302, target)
    with pytest.raises(error):
        await client.send(HttpRequest("GET", f"{base}/from", SECRETS))


async def test_an_upload_is_not_sent_twice(client: HttpClient, serve: Serve) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"x"

    base = await _redirecting(serve, 307)
    with pytest.raises(UpstreamInvalid, match="cannot be sent a second time"):
        await client.send(HttpRequest("POST", f"{base}/from", body=parts()))


async def test_credentials_written_into_a_target_are_not_sent(client: HttpClient, serve: Serve) -> None:
    async def home(request: web.Request) -> web.Response:
        if request.path == "/from":
            port = request.host.rpartition(":")[2]
            return web.Response(status=302, headers={"Location": f"http://u:p@127.0.0.1:{port}/to"})
        return _echo(request, b"")

    base = await serve(home)
    response = await client.send(HttpRequest("GET", f"{base}/from"))
    assert b"authorization" not in response.body
