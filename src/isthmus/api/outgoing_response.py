"""Responses of the API: how they are made of values and errors, and how they are sent to the ASGI server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from isthmus.errors import IsthmusError, to_error_envelope
from isthmus.http.messages import HttpStream

__all__ = [
    "Message",
    "OutgoingResponse",
    "Receive",
    "Scope",
    "Send",
    "make_error_response",
    "make_json_response",
    "send_response",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_JSON: Final = "application/json"
_RENAMED_HEADERS: Final = {"x-request-id": "x-upstream-request-id"}
"""A provider's headers whose names this server uses for values of its own, and the names that they are sent
under."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class OutgoingResponse:
    """A response to send. `stream`: a body to send on as it arrives; None if `body` is the whole body. Header
    names are lower-case. `is_provisional`: a repetition may get another one, whatever the status."""

    status: int
    content_type: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: HttpStream | None = None
    is_provisional: bool = False


def make_json_response(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> OutgoingResponse:
    """Makes a JSON response. Raises TypeError for a value without a JSON form, such as bytes or a date."""
    return OutgoingResponse(status, _JSON, _dump_json(value), headers or {})


def _dump_json(value: Any) -> bytes:
    """Writes a value as JSON. `json` writes what `orjson` refuses although JSON has it: lone surrogates and
    integers of any size. Raises TypeError."""
    try:
        return orjson.dumps(value, default=_refuse_value)
    except TypeError:
        return json.dumps(value, default=_refuse_value, separators=(",", ":")).encode("ascii")


def make_error_response(error: IsthmusError, request_id: str) -> OutgoingResponse:
    """Makes the error envelope, with the id under which the operator finds the request in the log."""
    body = to_error_envelope(error)
    body["isthmus_request_id"] = request_id
    return make_json_response(body, status=error.status, headers=error.headers)


async def send_response(
    receive: Receive, send: Send, response: OutgoingResponse, request_id: str, *, is_head: bool = False
) -> None:
    """Sends the response, and closes its stream in any case. `is_head`: send no body.

    `receive`: of a request whose body was read or is not needed.
    """
    headers = [
        (b"content-type", _encode_header(response.content_type)),
        (b"x-request-id", _encode_header(request_id)),
    ]
    if response.stream is None:
        headers.append((b"content-length", str(len(response.body)).encode()))
    for name, value in response.headers.items():
        if _HEADER_NAME.fullmatch(name):
            headers.append((_encode_header(_RENAMED_HEADERS.get(name, name)), _encode_header(value)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if response.stream is None:
        await send({"type": "http.response.body", "body": response.body})
        return
    if is_head:
        await response.stream.close()
        await send({"type": "http.response.body", "body": b""})
        return
    await _send_stream(receive, send, response.stream)


async def _send_stream(receive: Receive, send: Send, stream: HttpStream) -> None:
    """Sends each chunk as fast as the caller takes it. When the caller hangs up, the provider's stream is
    closed."""
    sending = asyncio.ensure_future(_send_chunks(send, stream))
    disconnect = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        await asyncio.wait((sending, disconnect), return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        sending.cancel()
        disconnect.cancel()
        await asyncio.gather(sending, disconnect, return_exceptions=True)
        await stream.close()


async def _send_chunks(send: Send, stream: HttpStream) -> None:
    """Sends the chunks of the stream, and the end of the body."""
    async for chunk in stream:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _wait_for_disconnect(receive: Receive) -> None:
    """Returns once the caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _encode_header(text: str) -> bytes:
    """Encodes a header's name or value; text of a provider to the bytes that it was read from: file names
    come in any encoding.

    Control characters become spaces, because a mapping may take the value from the provider's data, and a
    line break in it would begin a header of its own.
    """
    return _CONTROL_CHARACTERS.sub(" ", text).encode("utf-8", "surrogateescape")


def _refuse_value(value: object) -> object:
    """Raises TypeError: bytes and dates have no JSON form, and the author of the mapping chooses how they are
    converted."""
    raise TypeError(f"a {type(value).__name__} has no JSON form")
