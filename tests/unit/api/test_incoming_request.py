"""Bodies at the limits, and what is taken for JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from isthmus.api import incoming_request
from isthmus.api.idempotency import read_idempotency_key
from isthmus.api.incoming_request import IncomingRequest, add_json_content_type, parse_json_body
from isthmus.engine.calls import NO_BODY
from isthmus.errors import BadRequest, PayloadTooLarge


def request(
    chunks: Sequence[bytes] = (),
    *,
    headers: dict[str, str] | None = None,
    verb: str = "POST",
    query: bytes = b"",
    limit: int = 8,
    path: bytes = b"/custom/x",
) -> IncomingRequest:
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    scope = {
        "method": verb,
        "query_string": query,
        "raw_path": path,
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
    }
    return IncomingRequest(scope, receive, ("custom", "x"), "request-1", limit)


@pytest.mark.parametrize("chunks", [[b"12345678"], [b"1234", b"5678"], [b"12345678", b""]])
async def test_a_body_may_be_as_large_as_the_limit(chunks: list[bytes]) -> None:
    declared = {"content-length": "8"}
    assert await request(chunks, headers=declared).read_body() == b"12345678"
    assert await request(chunks).read_body() == b"12345678"


@pytest.mark.parametrize("chunks", [[b"123456789"], [b"12345678", b"9"], [b"12345678", b"", b"9"]])
async def test_a_body_of_one_byte_more_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(PayloadTooLarge, match="larger than 8 bytes"):
        await request(chunks).read_body()
    with pytest.raises(PayloadTooLarge):
        await request([], headers={"content-length": "9"}).read_body()


async def test_a_body_that_ends_before_it_is_whole_is_refused() -> None:
    with pytest.raises(BadRequest, match="ended before its body did"):
        await request([]).read_body()


async def test_a_body_is_read_once_and_given_again() -> None:
    once = request([b"1234"])
    assert await once.read_body() == await once.read_body() == b"1234"
    assert once.get_body_to_forward() == b"1234"


async def test_an_empty_body_that_was_read_is_none_to_forward() -> None:
    empty = request([b""], headers={"content-length": "0"})
    assert await empty.read_body() == b""
    assert empty.get_body_to_forward() is None


@pytest.mark.parametrize(
    ("headers", "is_stream"),
    [
        ({}, False),
        ({"content-length": "0"}, False),
        ({"content-length": "4"}, True),
        ({"transfer-encoding": "chunked"}, True),
        ({"content-length": "four"}, False),
    ],
)
async def test_a_body_is_forwarded_where_one_was_announced(headers: dict[str, str], is_stream: bool) -> None:
    body = request([b"1234"], headers=headers).get_body_to_forward()
    assert (body is not None) == is_stream
    if body is not None:
        assert not isinstance(body, bytes)
        assert [chunk async for chunk in body] == [b"1234"]


async def test_a_forwarded_body_is_held_to_the_limit_too() -> None:
    body = request([b"12345678", b"9"], headers={"transfer-encoding": "chunked"}).get_body_to_forward()
    assert body is not None
    assert not isinstance(body, bytes)
    with pytest.raises(PayloadTooLarge):
        [chunk async for chunk in body]


def test_json_may_be_as_large_as_its_own_limit_and_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming_request, "MAX_JSON_BYTES", 8)
    assert parse_json_body(b'"123456"', "application/json") == "123456"
    with pytest.raises(PayloadTooLarge, match="at most 8 bytes"):
        parse_json_body(b'"1234567"', "application/json")


@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.x+json", "text/plain", ""])
def test_json_is_read_under_every_name_that_clients_send_it_by(content_type: str) -> None:
    assert parse_json_body(b"[1]", content_type) == [1]
    assert parse_json_body(b" ", content_type) is NO_BODY
    with pytest.raises(BadRequest, match="is not JSON"):
        parse_json_body(b"[1", content_type)


@pytest.mark.parametrize(
    ("can_pass_through", "message"),
    [
        (True, "text/csv cannot be mapped.*truto_body_passthrough"),
        (False, "text/csv cannot be read. Send JSON with Content-Type: application/json.$"),
    ],
)
def test_another_type_is_refused_with_what_to_send(can_pass_through: bool, message: str) -> None:
    assert parse_json_body(b"", "text/csv") is NO_BODY
    with pytest.raises(BadRequest, match=message):
        parse_json_body(b"a,b", "text/csv", can_pass_through=can_pass_through)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (None, b"application/json"),
        (b"", b"application/json"),
        (b"Text/Plain; charset=utf-8", b"application/json"),
        (b"application/json", b"application/json"),
        (b"text/csv", b"text/csv"),
    ],
)
def test_a_platform_request_is_json_where_it_does_not_say_otherwise(sent: bytes | None, kept: bytes) -> None:
    headers = [(b"accept", b"*/*")] + ([] if sent is None else [(b"content-type", sent)])
    assert add_json_content_type(headers) == [(b"accept", b"*/*"), (b"content-type", kept)]


def test_a_custom_query_goes_on_without_the_parameters_of_this_server() -> None:
    query = b"a=1&integrated_account_id=x&truto_a=1&isthmus_explain=true&%74ruto_b=2&b=truto_c&&c"
    assert request(query=query).custom_query == b"a=1&b=truto_c&&c"


def test_the_path_of_a_custom_call_is_kept_as_it_was_sent() -> None:
    assert request(path=b"//custom/a%2Fb//c/").rest_of_path == "a%2Fb//c/"


@pytest.mark.parametrize(
    ("key", "verb", "found"),
    [
        ("k" * 255, "POST", "k" * 255),
        ("k", "PATCH", "k"),
        ("k", "PUT", "k"),
        ("k", "DELETE", "k"),
        ("k", "GET", None),
        ("k" * 256, "GET", None),
        ("", "POST", None),
        (None, "POST", None),
    ],
)
def test_a_key_counts_for_calls_that_change_something(key: str | None, verb: str, found: str | None) -> None:
    headers = {} if key is None else {"idempotency-key": key}
    assert read_idempotency_key(request(headers=headers, verb=verb)) == found


def test_a_key_of_one_character_more_is_refused() -> None:
    with pytest.raises(BadRequest, match="255 characters at most"):
        read_idempotency_key(request(headers={"idempotency-key": "k" * 256}))


async def test_work_ends_with_a_caller_that_hangs_up_and_not_before() -> None:
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {"method": "GET", "query_string": b"", "headers": []}
    incoming = IncomingRequest(scope, receive, (), "request-1", 8)
    assert await incoming.run_until_disconnect(asyncio.sleep(0.15, "done")) == "done"
    asyncio.get_running_loop().call_later(0.15, gone.set)
    with pytest.raises(BadRequest, match="hung up"):
        await incoming.run_until_disconnect(asyncio.sleep(30))


async def test_work_that_is_cancelled_for_another_reason_is_cancelled() -> None:
    incoming = request([])
    task = asyncio.ensure_future(incoming.run_until_disconnect(asyncio.sleep(30)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
