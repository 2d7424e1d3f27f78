"""Bounds slow and large requests, which uvicorn does not limit: the HTTP protocol that the server runs."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any, ClassVar, Final

from httptools import HttpParserInvalidURLError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from isthmus.api.outgoing_response import make_error_response
from isthmus.errors import BadRequest, UpstreamError
from isthmus.kit.ids import new_id

__all__ = ["BoundedHttpProtocol"]

_TIMEOUT_RESPONSE: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_INVALID_URL: Final = (
    "the URL of the request has a character that URLs do not have: they are ASCII without spaces (RFC 3986). "
    "Percent-encode it, as curl --data-urlencode with -G does; or check that no placeholder (…) was left in."
)


class BoundedHttpProtocol(HttpToolsProtocol):
    """Closes a connection whose request head is larger than `HEAD_BYTES`, or not complete `HEAD_SECONDS`
    after its start, or whose body arrives slower than `BODY_BYTES` in `BODY_SECONDS`. Such requests need no
    token.

    A head or body that arrives in one piece, as nearly all do, starts no timer.
    """

    HEAD_BYTES: ClassVar[int] = 64 * 1024
    HEAD_SECONDS: ClassVar[float] = 30.0
    BODY_BYTES: ClassVar[int] = 1024
    BODY_SECONDS: ClassVar[float] = 30.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger.addFilter(_shorten_stream_error)  # the same logger has it once, however often
        # uvicorn turns it on where its logger has a handler; addresses may hold secrets.
        self.access_log = False
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._in_body = False
        self._body_bytes = 0
        self._was_paused = False
        self._body_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begins the time for the first request's head."""
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the timers."""
        self._cancel_head_timer()
        self._cancel_body_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses the data; refuses a head that is too large, and starts the timer of a head or body that is
        not complete."""
        super().data_received(data)
        if self._in_body and self._body_timer is None:
            self._start_body_timer()
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.HEAD_BYTES:
            self._cancel_head_timer()
            self.send_400_response("The head of the request is too large.")
        elif self._head_timer is None:
            self._start_head_timer()

    def send_400_response(self, msg: str) -> None:
        """Answers a malformed request with the error envelope. Called while its exception is being
        handled."""
        is_url = isinstance(sys.exc_info()[1], HttpParserInvalidURLError)
        request_id = new_id()
        response = make_error_response(BadRequest(_INVALID_URL if is_url else msg), request_id)
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {response.content_type}\r\n"
            f"x-request-id: {request_id}\r\ncontent-length: {len(response.body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + response.body)
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begins to count the bytes of a head."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Passes a header on, and drops a trailer."""
        if self._in_head:  # otherwise a trailer: nothing reads them or limits their number
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Ends the time for the head, and begins to count the bytes of the body."""
        self._in_head = False
        self._cancel_head_timer()
        super().on_headers_complete()
        self._in_body = True
        self._body_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Counts the bytes of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Ends the time for the body."""
        self._in_body = False
        self._cancel_body_timer()
        super().on_message_complete()

    def _start_body_timer(self) -> None:
        """Begins the next span of `BODY_SECONDS`."""
        self._was_paused = self._is_paused
        self._body_timer = self.loop.call_later(self.BODY_SECONDS, self._check_body_rate)

    def _check_body_rate(self) -> None:
        """Begins the next span if enough of the body arrived, or the server itself delayed it; otherwise
        closes the connection, with a response unless one has begun."""
        if self._was_paused or self._is_paused or self._body_bytes >= self.BODY_BYTES:
            self._body_bytes = 0
            self._start_body_timer()
            return
        self._body_timer = None
        if self.cycle.response_started:
            self.transport.abort()
            return
        self.transport.write(_TIMEOUT_RESPONSE)
        self.transport.close()

    @property
    def _is_paused(self) -> bool:
        """True if this server delays the body: it has paused reading, or has not sent 100 Continue yet."""
        return self.flow.read_paused or self.cycle.waiting_for_100_continue

    def _cancel_body_timer(self) -> None:
        """Stops the timer of the body."""
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _start_head_timer(self) -> None:
        """Begins the `HEAD_SECONDS` of a head."""
        self._head_timer = self.loop.call_later(self.HEAD_SECONDS, self._close_slow_connection)

    def _cancel_head_timer(self) -> None:
        """Stops the timer of the head."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_slow_connection(self) -> None:
        """Closes the connection, unless an earlier request on it is still being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._start_head_timer()  # a partial request behind one that is still being answered
            return
        self._head_timer = None
        self.transport.abort()


def _shorten_stream_error(record: logging.LogRecord) -> bool:
    """Makes a warning of one line of the error by which a streamed answer ended early, which is a fault of
    the provider. Returns True: every record is logged."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, UpstreamError):
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        record.msg, record.args, record.exc_info = "a streamed answer is cut: %s", (error.message,), None
    return True
