"""What goes back to the caller, and the one place that writes it to the ASGI server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from isthmus.errors import IsthmusError, envelope

__all__ = ["Answer", "Receive", "Scope", "Send", "error_answer", "json_answer", "send_answer"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = "application/json"
_OWN = {"x-request-id": "x-upstream-request-id"}
"""Names that mean ours: the provider's own value goes out under another one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` whole, or `stream` as it arrives (then `body` is unused). Header names are lower-case."""

    status: int
    content_type: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, JSON, orjson.dumps(value, default=_plain), headers or {})


def error_answer(error: IsthmusError, request_id: str) -> Answer:
    """The envelope of `errors.envelope`, with the id under which the operator finds the call in the log."""
    body = envelope(error)
    body["isthmus_request_id"] = request_id
    return json_answer(body, status=error.status, headers=error.headers)


async def send_answer(send: Send, answer: Answer, request_id: str) -> None:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"x-request-id", request_id.encode("latin-1")),
    ]
    if answer.stream is None:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    for name, value in answer.headers.items():
        shown = _OWN.get(name, name)
        headers.append((shown.encode("latin-1"), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.stream is None:
        await send({"type": "http.response.body", "body": answer.body})
        return
    async for chunk in answer.stream:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _plain(value: object) -> object:
    """Bytes and dates have no JSON form: converting them is the author's choice."""
    raise TypeError(f"a {type(value).__name__} has no JSON form")
