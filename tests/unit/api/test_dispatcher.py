"""The front door, with a platform application behind it that keeps no limits of its own."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest
from fastapi import APIRouter

from isthmus.api.dispatcher import Dispatcher
from isthmus.api.incoming_request import IncomingRequest
from isthmus.api.outgoing_response import OutgoingResponse
from isthmus.api.platform_app import build_platform
from isthmus.db.outages import OutageReporter
from isthmus.engine.evaluation import EvaluationSettings

router = APIRouter()


@router.post("/echo")
async def echo(body: dict[str, Any]) -> dict[str, Any]:
    return body


@router.post("/broken")
async def broken(body: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError(f"a fault of ours, {len(body)}")


async def request(path: str, *chunks: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any, int]:
    """Status, body, and how many of the chunks were taken."""
    front = Dispatcher(
        {},
        build_platform([router]),
        state={},
        max_body_bytes=64,
        evaluations=EvaluationSettings(),
        outages=OutageReporter(),
    )
    waiting, sent = list(chunks), []
    names = {"content-type": "application/json", **(headers or {})}

    async def receive() -> dict[str, Any]:
        chunk = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
    }
    await front(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], orjson.loads(body), len(chunks) - len(waiting)


async def test_the_platform_reads_a_body_that_came_in_pieces() -> None:
    assert await request("/echo", b'{"a":', b" 1}") == (200, {"a": 1}, 2)


async def test_a_body_for_the_platform_is_not_read_past_the_limit() -> None:
    status, body, taken = await request("/echo", *[b" " * 40] * 100)
    assert (status, body["error"], taken) == (413, "Payload Too Large", 2)


async def test_a_body_for_the_platform_that_says_it_is_too_large_is_not_read_at_all() -> None:
    status, _, taken = await request("/echo", b"{}", headers={"content-length": "65"})
    assert (status, taken) == (413, 0)


async def test_a_fault_of_the_platform_is_answered_and_keeps_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "isthmus.api"):
        status, body, _ = await request("/broken", b"{}")
    assert (status, body["error"]) == (500, "Internal Server Error")
    assert "fault of ours" not in str(body)
    assert [record.name for record in caplog.records] == ["isthmus.api"]


async def test_a_body_for_the_platform_may_be_as_large_as_the_limit() -> None:
    body = b'{"a": "' + b"x" * (64 - 9) + b'"}'
    assert len(body) == 64
    for headers in ({}, {"content-length": "64"}):
        status, _, _ = await request("/echo", body, headers=headers)
        assert status == 200
    status, _, _ = await request("/echo", body + b" ")
    assert status == 413


class Handled:
    """A dispatcher in front of one handler and of the pages, and what reached them. `sent`: its messages."""

    def __init__(self) -> None:
        self.requests: list[IncomingRequest] = []
        self.pages: list[Any] = []
        self.get_sent_fields: list[Any] = []
        names = ("unified", "proxy", "custom")
        self.dispatcher = Dispatcher(
            dict.fromkeys(names, self.handle),
            build_platform([router]),
            state={},
            max_body_bytes=64,
            evaluations=EvaluationSettings(),
            outages=OutageReporter(),
            pages={"connect-account": self.page},
        )

    async def handle(self, incoming: IncomingRequest) -> OutgoingResponse:
        self.requests.append(incoming)
        return OutgoingResponse(200, "text/plain", b"body")

    async def page(self, scope: Any, receive: Any, send: Any) -> None:
        self.pages.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})

    async def call(self, verb: str, path: str, query: bytes = b"", **headers: str) -> int:
        self.get_sent_fields = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            self.get_sent_fields.append(message)

        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": verb,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": pairs,
        }
        await self.dispatcher(scope, receive, send)
        status: int = self.get_sent_fields[0]["status"]
        return status

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.get_sent_fields[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.get_sent_fields)


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [("a" * 64, True), ("a.B_c-1", True), ("a" * 65, False), ("a b", False), ("", False), ("é", False)],
)
async def test_a_request_keeps_its_id_where_it_is_short_and_plain(sent: str, is_kept: bool) -> None:
    handled = Handled()
    await handled.call("GET", "/proxy/x", x_request_id=sent)
    (incoming,) = handled.requests
    assert (incoming.request_id == sent) == is_kept
    assert handled.headers[b"x-request-id"].decode() == incoming.request_id


@pytest.mark.parametrize(
    ("path", "verb", "body"),
    [("/proxy/x", "GET", b""), ("/custom/x", "HEAD", b"body"), ("/connect-account", "HEAD", b"page")],
)
async def test_head_is_get_without_a_body_but_where_the_verb_itself_is_wanted(
    path: str, verb: str, body: bytes
) -> None:
    handled = Handled()
    assert await handled.call("HEAD", path) == 200
    reached = [each.verb for each in handled.requests] + [each["method"] for each in handled.pages]
    assert reached == [verb]
    assert handled.body == body


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/proxy/a%00", b"", 400),
        ("/team/a%00b", b"", 400),
        ("/proxy/a", b"b=%00", 400),
        ("/proxy/a%2500", b"b=%2500", 200),
    ],
)
async def test_an_address_with_a_nul_is_refused_before_it_is_served(
    path: str, query: bytes, status: int
) -> None:
    handled = Handled()
    assert await handled.call("GET", path, query) == status
    assert len(handled.requests) == (status == 200)


META = ["/unified/meta/crm/desk", "/unified/crm/contacts/meta/list", "/unified/crm/contacts/desk/meta/list"]


@pytest.mark.parametrize("path", [*META, *(f"/custom{path}" for path in META)])
async def test_a_question_about_the_unified_api_is_no_call(path: str) -> None:
    handled = Handled()
    assert await handled.call("GET", path) == 404  # of the platform application, which has no such route here
    assert handled.requests == []


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "/custom/unified/crm/contacts/meta/list"),
        ("GET", "/unified/crm/meta"),
        ("GET", "/unified/crm/contacts/list/meta"),
        ("GET", "/proxy/meta/crm/desk"),
        ("GET", "/custom/proxy/meta/crm/desk"),
    ],
)
async def test_any_other_path_is_a_call(verb: str, path: str) -> None:
    handled = Handled()
    assert await handled.call(verb, path) == 200
    assert len(handled.requests) == 1


@pytest.mark.parametrize(
    ("path", "is_open"), [("/proxy/x", True), ("/integrated-account/me", True), ("/connect-account", False)]
)
async def test_a_page_is_answered_with_what_lets_it_read(path: str, is_open: bool) -> None:
    handled = Handled()
    await handled.call("GET", path, origin="https://a.test")
    assert (b"access-control-allow-origin" in handled.headers) == is_open
    await handled.call("GET", path)
    assert b"access-control-allow-origin" not in handled.headers
    reached = len(handled.requests)
    await handled.call("OPTIONS", path, origin="https://a.test", access_control_request_method="POST")
    assert (handled.headers.get(b"access-control-allow-methods") is not None) == is_open
    assert len(handled.requests) == reached
