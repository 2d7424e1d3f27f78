"""The front door: one ASGI application before all routes.

It gives each request its id, splits the raw path (so that an id may hold `%2F`), collapses repeated slashes
(`api.md` §1.1, Q1), hands data-plane calls to their door by the first segment, people to their pages, and
everything else to the platform application. HEAD is GET without the body (RFC 9110 §9.3.2), but for what
`/custom` hands on and for pages. Every error leaves through `answer_error`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes
from uuid import uuid4

from isthmus.api import cross_origin
from isthmus.api.incoming_request import Incoming, headers_for_json
from isthmus.api.meta_paths import meta_segments
from isthmus.api.outgoing_response import Answer, Message, Receive, Scope, Send, error_answer, send_answer
from isthmus.engine.scopes import EVALUATIONS, Evaluations
from isthmus.errors import BadRequest, IsthmusError

__all__ = ["Door", "Front", "answer_error", "split_path"]

log = logging.getLogger("isthmus.api")

Door = Callable[[Incoming], Awaitable[Answer]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_NUL = BadRequest("the address holds a NUL character (%00), which no id, name or value has. Leave it out.")
"""Databases refuse such a text, and would do so as a fault of ours."""

_AS_SENT = "custom"
"""Whose calls go on with the verb they came with."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def split_path(raw_path: bytes) -> tuple[str, ...]:
    """`/proxy/a%2Fb/` -> ("proxy", "a/b"). Leading repeated slashes and a trailing one do not count."""
    return tuple(
        unquote_to_bytes(segment).decode("utf-8", "replace")
        for segment in raw_path.strip(b"/").split(b"/")
        if segment
    )


def answer_error(error: BaseException, request_id: str) -> Answer:
    """The answer for any exception; one that nobody raised on purpose is logged with its trace."""
    if not isinstance(error, IsthmusError):
        log.error("request %s failed", request_id, exc_info=error)
        error = IsthmusError("Isthmus failed to serve this request. The server's log has the cause.")
    return error_answer(error, request_id)


class Front:
    """`doors`: first path segment -> data-plane handler. `pages`: first path segment -> the ASGI application
    of its pages. `platform`: that for the rest. `state`: what its requests find on `request.state`.
    `evaluations`: how expressions are evaluated inside each request."""

    def __init__(
        self,
        doors: Mapping[str, Door],
        platform: Asgi,
        *,
        state: Mapping[str, Any],
        max_body_bytes: int,
        evaluations: Evaluations,
        pages: Mapping[str, Asgi] | None = None,
    ) -> None:
        self._doors = doors
        self._pages = pages or {}
        self._platform = platform
        self._state = state
        self._max_body_bytes = max_body_bytes
        self._evaluations = evaluations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = EVALUATIONS.set(self._evaluations)
        try:
            await self._dispatch(scope, receive, send)
        finally:
            EVALUATIONS.reset(token)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._platform(scope, receive, send)
            return
        request_id = _request_id(scope)
        segments = split_path(scope.get("raw_path") or scope["path"].encode())
        is_head = scope["method"] == "HEAD"
        meta = meta_segments("GET" if is_head else scope["method"], segments)
        segments = meta or segments
        first = segments[0] if segments else ""
        is_head = is_head and first not in self._pages and first != _AS_SENT
        if is_head:
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        incoming = Incoming(scope, receive, segments, request_id, self._max_body_bytes)
        if b"%00" in scope["query_string"] or any("\0" in segment for segment in segments):
            await send_answer(receive, send, error_answer(_NUL, request_id), request_id)
            return
        if cross_origin.is_open(segments, incoming.headers):
            send = cross_origin.open_to_all(send)
            allowed = cross_origin.preflight(incoming.verb, incoming.headers)
            if allowed is not None:
                await send_answer(receive, send, allowed, request_id)
                return
        door = self._doors.get(first) if meta is None else None
        if door is None:
            await self._serve_platform(scope, receive, send, incoming)
            return
        try:
            answer = await door(incoming)
        except Exception as error:  # the front door is where every failure becomes an answer
            answer = answer_error(error, request_id)
        await send_answer(receive, send, answer, request_id, is_head=is_head)

    async def _serve_platform(self, scope: Scope, receive: Receive, send: Send, incoming: Incoming) -> None:
        """The body is read here, within the server's limit: the platform application reads without one, and
        before it looks at the token."""
        # A slash inside a segment stays one of an id, which leads to no route below it.
        path = "/" + "/".join(segment.replace("/", "%2F") for segment in incoming.segments)
        request_id = incoming.request_id
        scope = {
            **scope,
            "path": path,
            "raw_path": path.encode(),
            "headers": headers_for_json(scope["headers"]),
            "isthmus.request_id": request_id,
            "state": dict(self._state),
        }
        is_whole = False

        async def send_with_id(message: Mapping[str, object]) -> None:
            nonlocal is_whole
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]  # type: ignore[misc]  # ASGI messages are untyped
                message = {**message, "headers": headers}
            elif not message.get("more_body"):
                is_whole = True
            await send(dict(message))

        try:
            body = await incoming.read_body()
        except IsthmusError as error:
            await send_answer(receive, send, answer_error(error, request_id), request_id)
            return
        application = (
            self._pages.get(incoming.segments[0], self._platform) if incoming.segments else self._platform
        )
        try:
            await application(scope, _replayed(body, receive), send_with_id)
        except Exception:
            # Starlette raises again what it has answered and we have logged; the server would hang up on it.
            if not is_whole:
                raise


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What a body that was read already is read from again."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def _request_id(scope: Scope) -> str:
    """The caller's own X-Request-Id where it is short and plain, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(text):
                return text
    return str(uuid4())
