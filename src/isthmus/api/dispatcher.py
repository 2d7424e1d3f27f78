"""The ASGI application of the server: gives each request its id and hands it to what serves its first path
segment.

The raw path is split before it is decoded, so that an id may hold `%2F`; repeated slashes count as one.
Data-plane calls go to their handler (questions about the unified API to the platform application, see
`_find_meta_segments`), connect pages to the pages' application, everything else to the platform application.
HEAD is GET without the body (RFC 9110 §9.3.2), except below `/custom`, which forwards the verb, and for
pages.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes
from uuid import uuid4

from isthmus.api import cross_origin
from isthmus.api.incoming_request import IncomingRequest, add_json_content_type
from isthmus.api.outgoing_response import (
    Message,
    OutgoingResponse,
    Receive,
    Scope,
    Send,
    make_error_response,
    send_response,
)
from isthmus.db.answer_limit import ANSWER_LIMIT, CALLER_WAITS
from isthmus.db.outages import ANSWERED_503, OutageReporter, find_outage
from isthmus.engine.evaluation import EVALUATION_SETTINGS, EvaluationSettings
from isthmus.errors import BadRequest, IsthmusError

__all__ = ["Dispatcher", "Handler", "make_exception_response", "split_path"]

log = logging.getLogger("isthmus.api")

Handler = Callable[[IncomingRequest], Awaitable[OutgoingResponse]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_NUL_IN_ADDRESS: Final = BadRequest(
    "the address holds a NUL character (%00), which no id, name or value has. Leave it out."
)
"""Databases refuse a text with NUL, which would be answered as an internal error."""

_KEEPS_HEAD: Final = "custom"
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def split_path(raw_path: bytes) -> tuple[str, ...]:
    """Splits a path into its decoded segments: `/proxy/a%2Fb/` -> ("proxy", "a/b"). Empty segments do not
    count."""
    return tuple(
        unquote_to_bytes(segment).decode("utf-8", "replace")
        for segment in raw_path.strip(b"/").split(b"/")
        if segment
    )


def make_exception_response(
    error: BaseException, request_id: str, outages: OutageReporter
) -> OutgoingResponse:
    """Makes the error response for any exception. An outage of the database is reported to `outages`, and
    answered 503. Any other that is no IsthmusError is logged with its trace, and answered 500 without
    details."""
    outage = find_outage(error)
    if outage is not None:
        outages.report(ANSWERED_503, outage)
        error = outage
    if not isinstance(error, IsthmusError):
        log.error("request %s failed", request_id, exc_info=error)
        error = IsthmusError("Isthmus failed to serve this request. The server's log has the cause.")
    return make_error_response(error, request_id)


class Dispatcher:
    """Dispatches requests to what serves their first path segment.

    `handlers`: of the data plane, by first path segment. `pages`: the ASGI application of pages, by first
    path segment. `platform`: the ASGI application of everything else. `state`: what the pages' and the
    platform application find on `request.state`. `max_body_bytes`: the longest body, of handlers too.
    `evaluations`: how expressions are evaluated inside each request. `outages`: told of requests that an
    outage of the database made fail.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        platform: Asgi,
        *,
        state: Mapping[str, Any],
        max_body_bytes: int,
        evaluations: EvaluationSettings,
        outages: OutageReporter,
        pages: Mapping[str, Asgi] | None = None,
    ) -> None:
        self._handlers = handlers
        self._pages = pages or {}
        self._platform = platform
        self._state = {**state, "outages": outages}
        self._outages = outages
        self._max_body_bytes = max_body_bytes
        self._evaluations = evaluations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (ASGI)."""
        # To delete an environment or an install takes a statement that deletes all that belongs to it.
        seconds = None if scope.get("method") == "DELETE" else CALLER_WAITS
        token, limit = EVALUATION_SETTINGS.set(self._evaluations), ANSWER_LIMIT.set(seconds)
        try:
            await self._dispatch(scope, receive, send)
        finally:
            EVALUATION_SETTINGS.reset(token)
            ANSWER_LIMIT.reset(limit)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one HTTP request; hands anything else, such as the lifespan, to the platform application."""
        if scope["type"] != "http":
            await self._platform(scope, receive, send)
            return
        request_id = _choose_request_id(scope)
        segments = split_path(scope.get("raw_path") or scope["path"].encode())
        is_head = scope["method"] == "HEAD"
        meta_segments = _find_meta_segments("GET" if is_head else scope["method"], segments)
        segments = meta_segments or segments
        first = segments[0] if segments else ""
        is_head = is_head and first not in self._pages and first != _KEEPS_HEAD
        if is_head:
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        request = IncomingRequest(scope, receive, segments, request_id, self._max_body_bytes)
        if b"%00" in scope["query_string"] or any("\0" in segment for segment in segments):
            await send_response(receive, send, make_error_response(_NUL_IN_ADDRESS, request_id), request_id)
            return
        if "origin" in request.headers and cross_origin.is_open_to_pages(segments):
            send = cross_origin.with_cors_headers(send)
            preflight = cross_origin.make_preflight_response(request.verb, request.headers)
            if preflight is not None:
                await send_response(receive, send, preflight, request_id)
                return
        handler = self._handlers.get(first) if meta_segments is None else None
        if handler is None:
            await self._serve_application(scope, receive, send, request)
            return
        try:
            response = await handler(request)
        except Exception as error:  # this is where every failure becomes a response
            response = make_exception_response(error, request_id, self._outages)
        await send_response(receive, send, response, request_id, is_head=is_head)

    async def _serve_application(
        self, scope: Scope, receive: Receive, send: Send, request: IncomingRequest
    ) -> None:
        """Hands the request to the pages or the platform application, with its body read already: the
        applications would read it without a limit, and before they check the token."""
        # A slash inside a segment stays encoded, so that an id with a slash matches no route below it.
        path = "/" + "/".join(segment.replace("/", "%2F") for segment in request.segments)
        request_id = request.request_id
        scope = {
            **scope,
            "path": path,
            "raw_path": path.encode(),
            "headers": add_json_content_type(scope["headers"]),
            "isthmus.request_id": request_id,
            "state": dict(self._state),
        }
        is_complete = False

        async def send_with_id(message: Mapping[str, object]) -> None:
            """Sends a message; adds the request id to the start, and notes the end."""
            nonlocal is_complete
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]  # type: ignore[misc]  # ASGI messages are untyped
                message = {**message, "headers": headers}
            elif not message.get("more_body"):
                is_complete = True
            await send(dict(message))

        try:
            body = await request.read_body()
        except IsthmusError as error:
            await send_response(receive, send, make_error_response(error, request_id), request_id)
            return
        application = (
            self._pages.get(request.segments[0], self._platform) if request.segments else self._platform
        )
        try:
            await application(scope, _replay_body(body, receive), send_with_id)
        except Exception:
            # Starlette raises again what it has answered and logged; the server would close the connection.
            if not is_complete:
                raise


def _find_meta_segments(verb: str, segments: tuple[str, ...]) -> tuple[str, ...] | None:
    """Returns the path under which the platform application answers a question about the unified API
    (`/unified/meta/a/b`, `/unified/a/b/meta/c`, `/unified/a/b/c/meta/d`, with any verb); None for every other
    path. `meta` is reserved: no model or resource has that name.

    GET `/custom/unified/…` of these shapes is the same question, because some clients can only ask it there.
    """
    if segments[:2] == ("custom", "unified") and verb == "GET":
        segments = segments[1:]
    if segments[:1] != ("unified",):
        return None
    is_meta = (
        (len(segments) == 4 and segments[1] == "meta")
        or (len(segments) == 5 and segments[3] == "meta")
        or (len(segments) == 6 and segments[4] == "meta")
    )
    return segments if is_meta else None


def _without_body(send: Send) -> Send:
    """Wraps an ASGI `send` so that it drops the bodies of messages, for the response to a HEAD request."""

    async def send_head(message: Message) -> None:
        """Sends a message, without its body."""
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


def _replay_body(body: bytes, receive: Receive) -> Receive:
    """Returns an ASGI `receive` that gives a body that was read already, and after it what `receive`
    gives."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        """Returns the body first, then what `receive` gives."""
        return messages.pop() if messages else await receive()

    return next_message


def _choose_request_id(scope: Scope) -> str:
    """Returns the caller's own `X-Request-Id` if it has at most 64 plain characters, otherwise a new id."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(text):
                return text
    return str(uuid4())
