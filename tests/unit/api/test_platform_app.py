"""What the platform application says of requests that it cannot read, or has no route for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from fastapi import APIRouter
from pydantic import Field

from isthmus.api.dispatcher import Dispatcher
from isthmus.api.platform_app import build_platform
from isthmus.api.resources.base_models import Body
from isthmus.db.outages import OutageReporter
from isthmus.engine.evaluation import EvaluationSettings

router = APIRouter(prefix="/thing")


class ThingIn(Body):
    name: str = Field(min_length=1, max_length=3)
    config: dict[str, Any] | None = None
    ids: list[str] = Field([], min_length=1, max_length=2)


@router.get("")
async def list_things() -> dict[str, Any]:
    return {}


@router.post("")
async def create_thing(body: ThingIn) -> dict[str, Any]:
    return body.get_sent_fields()


@router.patch("/{id}")
async def update_thing(id: str) -> dict[str, Any]:
    return {"id": id}


@router.get("/a/b", include_in_schema=False)
async def get_undocumented_thing() -> dict[str, Any]:
    return {}


async def request(
    verb: str, path: str, body: bytes = b"", *, content_type: str | None = "application/json"
) -> tuple[int, Any, dict[bytes, bytes]]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    address, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": verb,
        "path": address,
        "raw_path": address.encode(),
        "query_string": query.encode(),
        "headers": [] if content_type is None else [(b"content-type", content_type.encode())],
    }
    front = Dispatcher(
        {},
        build_platform([router]),
        state={},
        max_body_bytes=2**20,
        evaluations=EvaluationSettings(),
        outages=OutageReporter(),
    )
    await front(scope, receive, send)
    whole = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], orjson.loads(whole), dict(sent[0]["headers"])


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "text/plain;charset=UTF-8",
        "TEXT/PLAIN",
        "",
        None,
    ],
)
async def test_json_is_read_whatever_the_client_calls_it(content_type: str | None) -> None:
    status, body, _ = await request("POST", "/thing", b'{"name": "a"}', content_type=content_type)
    assert (status, body) == (200, {"name": "a"})


async def test_a_form_is_refused_with_what_to_send_instead() -> None:
    form = "application/x-www-form-urlencoded"
    status, body, _ = await request("POST", "/thing", b'{"name": "a"}', content_type=form)
    assert (status, body["details"]["failures"][0]["code"]) == (400, "unsupported_media_type")
    assert "Content-Type: application/json" in body["message"]


async def test_malformed_json_is_located() -> None:
    status, body, _ = await request("POST", "/thing", b'{"name": "a",\n "config" 1}')
    assert status == 400
    assert "line 2, column 11" in body["message"]
    assert body["details"]["failures"][0]["path"] == "body"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"\xff",
        b"[1]",
        b"null",
        b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000"}',
        b'{"name": "a", "config": {"b": ["\\u0000"]}}',
        b'{"name": "a", "config": {"\\udc00": 1}}',
        b'{"name": "a", "config": {"b": NaN}}',
        b'{"name": "a", "config": {"b": 1e999}}',
    ],
)
async def test_a_body_that_is_no_storable_object_is_a_bad_request(body: bytes) -> None:
    status, answer, _ = await request("POST", "/thing", body)
    assert (status, answer["statusCode"], answer["error"]) == (400, 400, "Bad Request")
    assert answer["details"]["failures"]
    assert answer["isthmus_request_id"]


@pytest.mark.parametrize("path", ["/thing/%00", "/thing?name=a%00"])
async def test_no_address_holds_nul(path: str) -> None:
    status, body, _ = await request("PATCH" if "/thing/" in path else "GET", path)
    assert (status, body["error"]) == (400, "Bad Request")


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [("PUT", "/thing", "GET, HEAD, POST"), ("GET", "/thing/a", "PATCH"), ("POST", "/thing/a/b", "GET")],
)
async def test_a_verb_that_is_not_served_is_told_every_one_that_is(
    verb: str, path: str, allowed: str
) -> None:
    status, body, headers = await request(verb, path)
    assert (status, headers[b"allow"].decode()) == (405, allowed)
    assert f"Allowed: {allowed}." in body["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"name": "abcd"}', ("name", "must have at most 3 characters")),
        (b'{"name": ""}', ("name", "must not be empty")),
        (b'{"name": "a", "ids": ["1", "2", "3"]}', ("ids", "must have at most 2 items, and has 3")),
        (b'{"name": "a", "ids": []}', ("ids", "must not be empty")),
    ],
)
async def test_a_length_that_is_wrong_is_told_in_json_s_words(body: bytes, said: tuple[str, str]) -> None:
    status, answer, _ = await request("POST", "/thing", body)
    (found,) = answer["details"]["failures"]
    assert (status, found["path"], found["message"]) == (400, *said)
    assert answer["message"] == f"{said[0]}: {said[1]}"


async def test_of_several_failures_the_first_is_told_and_how_many_follow() -> None:
    status, answer, _ = await request("POST", "/thing", b'{"name": "", "ids": []}')
    assert (status, answer["message"]) == (
        400,
        "name: must not be empty (and 1 more, see details.failures)",
    )
    assert [each["path"] for each in answer["details"]["failures"]] == ["name", "ids"]
