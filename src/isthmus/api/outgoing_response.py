"""What goes back to the caller, and the one place that writes it to the ASGI server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from isthmus.errors import IsthmusError, envelope
from isthmus.http.messages import HttpStream

__all__ = ["Answer", "Message", "Receive", "Scope", "Send", "error_answer", "json_answer", "send_answer"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = "application/json"
_OWN = {"x-request-id": "x-upstream-request-id"}
"""Names that mean ours: the provider's own value goes out under another one."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` whole, or `stream` as it arrives (then `body` is unused). Header names are lower-case."""

    status: int
    content_type: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: HttpStream | None = None


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, JSON, _written(value), headers or {})


def _written(value: Any) -> bytes:
    """What orjson refuses, and JSON can say all the same: half of a surrogate pair, integers of any size."""
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:
        return json.dumps(value, default=_plain, separators=(",", ":")).encode("ascii")


def error_answer(error: IsthmusError, request_id: str) -> Answer:
    """The envelope of `errors.envelope`, with the id under which the operator finds the call in the log."""
    body = envelope(error)
    body["isthmus_request_id"] = request_id
    return json_answer(body, status=error.status, headers=error.headers)


async def send_answer(
    receive: Receive, send: Send, answer: Answer, request_id: str, *, is_head: bool = False
) -> None:
    """`receive`: of a request whose body was read or is not wanted. A stream is closed in any case.
    `is_head`: the same without its body."""
    headers = [
        (b"content-type", _raw(answer.content_type)),
        (b"x-request-id", _raw(request_id)),
    ]
    if answer.stream is None:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    for name, value in answer.headers.items():
        if _NAME.fullmatch(name):
            headers.append((_raw(_OWN.get(name, name)), _raw(value)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.stream is None:
        await send({"type": "http.response.body", "body": answer.body})
        return
    if is_head:
        await answer.stream.close()
        await send({"type": "http.response.body", "body": b""})
        return
    await _hand_on(receive, send, answer.stream)


async def _hand_on(receive: Receive, send: Send, stream: HttpStream) -> None:
    """Chunk by chunk, as fast as the caller takes them; when the caller goes away, the provider is let go."""
    pump = asyncio.ensure_future(_pump(send, stream))
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
        if pump.done():
            pump.result()
    finally:
        pump.cancel()
        gone.cancel()
        await asyncio.gather(pump, gone, return_exceptions=True)
        await stream.close()


async def _pump(send: Send, stream: HttpStream) -> None:
    async for chunk in stream:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _raw(text: str) -> bytes:
    """The bytes that a provider's header was read from: products put file names there in any encoding.

    A line break, which a mapping may make of the provider's data, would begin a header of its own.
    """
    return _CONTROL.sub(" ", text).encode("utf-8", "surrogateescape")


def _plain(value: object) -> object:
    """Bytes and dates have no JSON form: converting them is the author's choice."""
    raise TypeError(f"a {type(value).__name__} has no JSON form")
