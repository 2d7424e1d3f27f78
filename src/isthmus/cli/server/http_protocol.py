"""Connections of the HTTP server, with bounds that uvicorn leaves to a proxy in front of it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, ClassVar, Final

from httptools import HttpParserInvalidURLError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from isthmus.api.outgoing_response import error_response
from isthmus.errors import BadRequest
from isthmus.kit.ids import new_id

__all__ = ["BoundedHttp"]

_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_NO_URL: Final = (
    "the URL of the request has a character that URLs do not have: they are ASCII without spaces (RFC 3986). "
    "Percent-encode it, as curl --data-urlencode with -G does; or check that no placeholder (…) was left in."
)


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose request does not get past its head: that is larger than `HEAD_BYTES`, or not
    whole `HEAD_SECONDS` after its start; or whose body comes slower than `BODY_BYTES` in `BODY_SECONDS`.
    Anybody
    can send one, without a token.

    A head or a body that arrives in one piece, as nearly all do, costs no timer.
    """

    HEAD_BYTES: ClassVar[int] = 64 * 1024
    HEAD_SECONDS: ClassVar[float] = 30.0
    BODY_BYTES: ClassVar[int] = 1024
    BODY_SECONDS: ClassVar[float] = 30.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # uvicorn turns it on where its logger has a handler, whoever put it there; addresses hold secrets.
        self.access_log = False
        self._in_head = True
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._in_body = False
        self._body_bytes = 0
        self._was_held_back = False
        self._period: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._drop_deadline()
        self._drop_period()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_body and self._period is None:
            self._begin_period()
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.HEAD_BYTES:
            self._drop_deadline()
            self.send_400_response("The head of the request is too large.")
        elif self._deadline is None:
            self._set_deadline()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP request is answered as any other error. Called while its cause is handled."""
        is_url = isinstance(sys.exc_info()[1], HttpParserInvalidURLError)
        request_id = new_id()
        answer = error_response(BadRequest(_NO_URL if is_url else msg), request_id)
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {answer.content_type}\r\n"
            f"x-request-id: {request_id}\r\ncontent-length: {len(answer.body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + answer.body)
        self.transport.close()

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else a trailer: nobody reads them, and nothing bounds how many there are
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._drop_deadline()
        super().on_headers_complete()
        self._in_body = True
        self._body_bytes = 0

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._drop_period()
        super().on_message_complete()

    def _begin_period(self) -> None:
        self._was_held_back = self._is_held_back
        self._period = self.loop.call_later(self.BODY_SECONDS, self._end_period)

    def _end_period(self) -> None:
        if self._was_held_back or self._is_held_back or self._body_bytes >= self.BODY_BYTES:
            self._body_bytes = 0
            self._begin_period()
            return
        self._period = None
        if self.cycle.response_started:
            self.transport.abort()
            return
        self.transport.write(_TOO_SLOW)
        self.transport.close()

    @property
    def _is_held_back(self) -> bool:
        """Whether it is this server that lets the body wait: it has not read what came, or not asked yet."""
        return self.flow.read_paused or self.cycle.waiting_for_100_continue

    def _drop_period(self) -> None:
        if self._period is not None:
            self._period.cancel()
            self._period = None

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(self.HEAD_SECONDS, self._close)

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._set_deadline()  # half a request behind one that is still being answered
            return
        self._deadline = None
        self.transport.abort()
