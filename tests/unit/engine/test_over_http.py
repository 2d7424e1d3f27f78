"""The engine over the real client, against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from tests.fakes.listening import listening

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import IntegrationConfig, load_integration
from isthmus.definitions.actions import Action
from isthmus.engine import proxy
from isthmus.engine.authorization.flows import authorize
from isthmus.engine.calls import ListResult, StreamResult, ValueResult
from isthmus.engine.custom import CustomCall, call_custom
from isthmus.engine.queries import parse_query
from isthmus.engine.steps import run_action
from isthmus.engine.upstream import AccountFacts, OutgoingRequest
from isthmus.errors import EgressDenied, RemoteError, UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable
from isthmus.expressions.host import Blob
from isthmus.http import Guard, HttpClient, HttpLimits
from isthmus.http.messages import HttpRequest, HttpResponse


class DirectUpstream:
    """The port over HTTP, with nothing kept."""

    def __init__(self, http: HttpClient) -> None:
        self.context = {"api_key": "k", "deep": {"x": 1}}
        self.account = AccountFacts("a", "t", "e", authentication_method="api_key")
        self._http = http

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        try:
            next(authorize(request, self.context))
        except StopIteration as done:
            ready: HttpRequest = done.value
        return await self._http.send(ready)

    async def update_context(self, patch: object) -> None:
        raise AssertionError("no test writes")


async def _provider(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Authorization") != "Bearer k":
        return web.json_response({"message": "who are you"}, status=401)
    path = request.path.removeprefix("/v1")
    if path == "/pages":
        number = int(request.query.get("page", "1"))
        last = number == 3
        headers = {} if last else {"Link": f'</v1/pages?page={number + 1}>; rel="next"'}
        return web.json_response([{"n": number}], headers=headers)
    if path == "/echo":
        return web.json_response({"query": request.query_string, "body": await request.json()})
    if path == "/file":
        return web.Response(
            body=b"%PDF", content_type="application/pdf", headers={"Content-Disposition": "inline"}
        )
    if path == "/archive":
        return web.Response(body=b"x" * int(request.query["bytes"]), content_type="application/zip")
    if path == "/refused":
        return web.Response(text="no", status=400)
    if path == "/moved":
        return web.Response(status=307, headers={"Location": "/v1/echo"})
    if path == "/huge":
        return web.Response(body=b"x" * 200_000, content_type="application/json")
    if path == "/private":
        return web.Response(status=302, headers={"Location": "http://10.1.1.1/"})
    if path == "/slow":
        await asyncio.Event().wait()
    if path == "/gone" and request.transport is not None:
        request.transport.close()
    return web.json_response({"message": "no such path"}, status=404)


@pytest.fixture
async def base() -> AsyncIterator[str]:
    async with listening(_provider) as url:
        yield f"{url}/v1"


@pytest.fixture
async def upstream() -> AsyncIterator[DirectUpstream]:
    async with HttpClient(Guard(["127.0.0.0/8"]), HttpLimits(response_bytes=100_000)) as http:
        yield DirectUpstream(http)


def _config(base: str) -> IntegrationConfig:
    paths = ("file", "huge", "private", "gone", "nothing")
    methods = {name: {"get": {"path": f"/{name}"}} for name in paths}
    return load_integration(
        {
            "base_url": base,
            "resources": {
                **methods,
                "slow": {"get": {"path": "/slow", "timeout_seconds": 0.05}},
                "pages": {"list": {"path": "/pages", "pagination": {"format": "link_header"}}},
                "echo": {"create": {"path": "/echo", "method": "post"}},
                "moved": {"create": {"path": "/moved", "method": "post"}},
            },
        }
    )


async def test_a_list_is_walked_to_its_end(base: str, upstream: DirectUpstream) -> None:
    seen: list[object] = []
    cursor = ""
    while True:
        page = await proxy.call_method(
            upstream, _config(base), "pages", parse_call("list", query=parse_query(f"next_cursor={cursor}"))
        )
        assert isinstance(page, ListResult)
        seen.extend(page.records)
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert seen == [{"n": 1}, {"n": 2}, {"n": 3}]


@pytest.mark.parametrize("resource", ["echo", "moved"])
async def test_query_and_body_arrive_also_through_a_redirect(
    base: str, upstream: DirectUpstream, resource: str
) -> None:
    call = parse_call("create", query=parse_query("a[b]=c d"), body={"x": [1]})
    result = await proxy.call_method(upstream, _config(base), resource, call)
    assert isinstance(result, ValueResult)
    assert json.loads(json.dumps(result.body))["body"] == {"x": [1]}


async def test_a_file_is_streamed_with_its_type(base: str, upstream: DirectUpstream) -> None:
    result = await proxy.call_method(upstream, _config(base), "file", parse_call("get"))
    assert isinstance(result, StreamResult)
    assert result.headers["content-type"] == "application/pdf"
    assert result.headers["content-disposition"] == "inline"
    assert b"".join([chunk async for chunk in result.stream]) == b"%PDF"


async def test_a_custom_call_streams_what_is_no_json_unless_it_is_an_error(
    base: str, upstream: DirectUpstream
) -> None:
    file = CustomCall(verb="GET", path="file", parameters=parse_call("custom"))
    assert isinstance(await call_custom(upstream, _config(base), file), StreamResult)
    with pytest.raises(RemoteError) as caught:
        await call_custom(upstream, _config(base), replace(file, path="refused"))
    assert (caught.value.status, caught.value.raw_response) == (400, "no")


def _step(bytes: int) -> Action:
    request = {"path": "/archive", "query": {"bytes": str(bytes)}}
    return Action.model_validate({"steps": [{"type": "request", "config": request}]})


async def test_a_step_takes_bytes_within_the_limit_of_any_answer(base: str, upstream: DirectUpstream) -> None:
    config = _config(base)
    result = await run_action(upstream, config, "fetch", _step(100_000))
    assert isinstance(result, Blob)
    assert (len(result.data), result.type) == (100_000, "application/zip")
    with pytest.raises(UpstreamInvalid, match="100000 bytes"):
        await run_action(upstream, config, "fetch", _step(100_001))


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        ("huge", UpstreamInvalid),
        ("private", EgressDenied),
        ("slow", UpstreamTimeout),
        ("gone", UpstreamUnreachable),
        ("nothing", RemoteError),
    ],
)
async def test_what_goes_wrong_on_the_way_has_its_own_error(
    base: str, upstream: DirectUpstream, resource: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await proxy.call_method(upstream, _config(base), resource, parse_call("get"))


async def test_a_private_address_is_refused(base: str) -> None:
    async with HttpClient(Guard()) as http:
        with pytest.raises(EgressDenied):
            await proxy.call_method(DirectUpstream(http), _config(base), "nothing", parse_call("get"))


async def test_refused_credentials_are_the_providers_answer(base: str, upstream: DirectUpstream) -> None:
    upstream.context = {"api_key": "wrong", "deep": {}}
    with pytest.raises(RemoteError, match="who are you") as caught:
        await proxy.call_method(upstream, _config(base), "nothing", parse_call("get"))
    assert caught.value.status == 401
