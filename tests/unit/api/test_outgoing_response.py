"""Answers on their way to the ASGI server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from isthmus.api.outgoing_response import (
    OutgoingResponse,
    make_error_response,
    make_json_response,
    send_response,
)
from isthmus.errors import RemoteError

ID = "request-1"


class Upstream:
    """A provider's answer that waits for `more` before each chunk but the first."""

    def __init__(self, chunks: int) -> None:
        self.more = asyncio.Event()
        self.closed = False
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for index in range(self._chunks):
            if index:
                await self.more.wait()
            yield f"chunk {index}".encode()

    async def close(self) -> None:
        self.closed = True


class Broken(Upstream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"chunk 0"
        raise ConnectionResetError


class Caller:
    """The server's end of one request. `leave()` hangs up; `sent` is what was sent until then."""

    def __init__(self) -> None:
        self.get_sent_fields: list[dict[str, Any]] = []
        self.got_some = asyncio.Event()
        self._gone = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.get_sent_fields.append(dict(message))
        if message.get("body"):
            self.got_some.set()

    def leave(self) -> None:
        self._gone.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.get_sent_fields)


def streamed(stream: Upstream) -> OutgoingResponse:
    return OutgoingResponse(200, "application/pdf", stream=stream)


async def test_a_stream_is_handed_on_to_its_end_and_closed() -> None:
    caller, upstream = Caller(), Upstream(2)
    upstream.more.set()
    await send_response(caller.receive, caller.send, streamed(upstream), ID)
    assert caller.body == b"chunk 0chunk 1"
    assert not caller.get_sent_fields[-1].get("more_body")
    assert upstream.closed


async def test_the_provider_is_let_go_when_the_caller_hangs_up() -> None:
    caller, upstream = Caller(), Upstream(2)
    sending = asyncio.create_task(send_response(caller.receive, caller.send, streamed(upstream), ID))
    await caller.got_some.wait()
    caller.leave()
    await asyncio.wait_for(sending, 5)
    assert upstream.closed
    assert caller.body == b"chunk 0"


async def test_a_stream_that_breaks_is_closed_and_not_ended_as_if_it_were_whole() -> None:
    caller, upstream = Caller(), Broken(1)
    with pytest.raises(ConnectionResetError):
        await send_response(caller.receive, caller.send, streamed(upstream), ID)
    assert upstream.closed
    assert caller.get_sent_fields[-1]["more_body"]


async def test_header_values_outside_latin_1_are_sent_as_their_bytes_were() -> None:
    caller = Caller()
    names = {"content-disposition": 'attachment; filename="\u62a5\u544a.pdf"', "x-raw": "caf\udce9"}
    await send_response(caller.receive, caller.send, OutgoingResponse(200, "text/plain", b"x", names), ID)
    headers = dict(caller.get_sent_fields[0]["headers"])
    assert headers[b"content-disposition"] == 'attachment; filename="\u62a5\u544a.pdf"'.encode()
    assert headers[b"x-raw"] == b"caf\xe9"


async def test_a_header_that_a_mapping_made_cannot_begin_another_one() -> None:
    caller = Caller()
    made = {"x-note": "a\r\nset-cookie: b=1", "not a name": "1"}
    await send_response(caller.receive, caller.send, OutgoingResponse(200, "text/plain", b"x", made), ID)
    headers = dict(caller.get_sent_fields[0]["headers"])
    assert headers[b"x-note"] == b"a  set-cookie: b=1"
    assert b"not a name" not in headers


async def test_an_error_is_answered_whatever_text_a_provider_put_into_it() -> None:
    answer = make_error_response(RemoteError("no", status=400, raw_response={"said": "half \ud83d"}), ID)
    assert b'"said":"half \\ud83d"' in answer.body
    assert json.loads(answer.body)["statusCode"] == 400


async def test_whole_numbers_of_any_size_are_written() -> None:
    assert make_json_response({"id": 10**30}).body == b'{"id":%d}' % 10**30
