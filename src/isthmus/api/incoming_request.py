"""An HTTP request as the data plane sees it: path segments decoded, header names lower-case, body size
limited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any, Final, TypeVar
from urllib.parse import unquote_to_bytes

import orjson

from isthmus.api.outgoing_response import Receive, Scope
from isthmus.engine.calls import NO_BODY
from isthmus.engine.queries import Query, parse_query
from isthmus.errors import BadRequest, PayloadTooLarge, failure

__all__ = ["MAX_JSON_BYTES", "IncomingRequest", "add_json_content_type", "parse_json_body"]

T = TypeVar("T")

_OWN_PARAMETERS: Final = (b"integrated_account_id", b"truto_", b"isthmus_")
_NOT_FORWARDED: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

MAX_JSON_BYTES: Final = 10 * 1024 * 1024
_PASSTHROUGH_HINT: Final = "truto_body_passthrough=true to forward the bytes as they are"

_WATCH_AFTER_SECONDS: Final = 0.1
"""Most calls are over by then, so that they only pay for a timer."""


class IncomingRequest:
    """One HTTP request. `segments`: the path, split on `/` and then percent-decoded, so that a segment may
    hold a slash."""

    __slots__ = (
        "_body",
        "_max_body_bytes",
        "_query",
        "_receive",
        "_scope",
        "headers",
        "query_string",
        "request_id",
        "segments",
        "verb",
    )

    def __init__(
        self, scope: Scope, receive: Receive, segments: tuple[str, ...], request_id: str, max_body_bytes: int
    ) -> None:
        self._receive = receive
        self._max_body_bytes = max_body_bytes
        self._scope = scope
        self._body: bytes | None = None
        self._query: Query | None = None
        self.verb: str = scope["method"]
        self.segments = segments
        self.query_string: bytes = scope["query_string"]
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.request_id = request_id

    @property
    def query(self) -> Query:
        """The parsed query string. Raises BadRequest where it has too many parameters or levels."""
        if self._query is None:
            self._query = parse_query(self.query_string)
        return self._query

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower-case; "" where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def forwardable_headers(self) -> dict[str, str]:
        """The headers that a definition may send to the provider: all but the caller's token and cookies for
        this server, because the author of a definition need not be the caller."""
        return {name: value for name, value in self.headers.items() if name not in _NOT_FORWARDED}

    @property
    def rest_of_path(self) -> str:
        """The path behind the first segment, as it was sent: percent-encoding and trailing slash are kept."""
        raw: bytes = self._scope.get("raw_path") or self._scope["path"].encode()
        return raw.lstrip(b"/").partition(b"/")[2].decode("latin-1")

    @property
    def custom_query(self) -> bytes:
        """The query string of a custom call without the parameters for this server; the rest is unchanged."""
        kept = [
            part
            for part in self.query_string.split(b"&")
            if not unquote_to_bytes(part.partition(b"=")[0]).startswith(_OWN_PARAMETERS)
        ]
        return b"&".join(kept)

    @property
    def content_length(self) -> int | None:
        """The declared length of the body in bytes; None where it was not declared."""
        declared = self.headers.get("content-length", "")
        return int(declared) if declared.isdigit() else None

    async def read_body(self) -> bytes:
        """Reads the whole body; can be called repeatedly. Raises PayloadTooLarge at the server's limit,
        before reading on, and BadRequest if the caller hangs up first."""
        if self._body is None:
            self._body = b"".join([chunk async for chunk in self._read_chunks()])
        return self._body

    def get_body_to_forward(self) -> bytes | AsyncIterator[bytes] | None:
        """Returns the body to send on, once: a stream, or bytes if it was read before; None if the request
        has no body. Iterating raises what `read_body` raises."""
        if self._body is not None:
            return self._body or None
        if self.content_length == 0:
            return None
        if self.content_length is None and "transfer-encoding" not in self.headers:
            return None
        return self._read_chunks()

    async def run_until_disconnect(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Awaits the coroutine and returns its result. Cancels it once the caller hangs up, and raises
        BadRequest.

        For requests whose body was read or is not needed, and for work that may stop anywhere: a write that
        is cancelled may have been done.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        watcher: asyncio.Task[None] | None = None
        is_gone = False

        async def watch() -> None:
            """Cancels the task once the caller hangs up."""
            nonlocal is_gone
            await self._wait_for_disconnect()
            is_gone = True
            task.cancel()

        def start_watching() -> None:
            """Starts the watcher, if the call is not over by then."""
            nonlocal watcher
            watcher = asyncio.ensure_future(watch())

        timer = loop.call_later(_WATCH_AFTER_SECONDS, start_watching)
        try:
            return await coroutine
        except asyncio.CancelledError:
            if not is_gone or task.uncancel() > 0:
                raise
            raise BadRequest("the caller hung up, and the call was ended") from None
        finally:
            timer.cancel()
            if watcher is not None:
                watcher.cancel()

    async def _wait_for_disconnect(self) -> None:
        """Returns once the caller hangs up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _read_chunks(self) -> AsyncIterator[bytes]:
        """Yields the chunks of the body as they arrive. Raises PayloadTooLarge, and BadRequest if the caller
        hangs up."""
        if (self.content_length or 0) > self._max_body_bytes:
            raise self._make_too_large_error()
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("the request ended before its body did")
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body_bytes:
                raise self._make_too_large_error()
            if chunk:
                yield chunk
            if not message.get("more_body", False):
                return

    def _make_too_large_error(self) -> PayloadTooLarge:
        """Returns the error for a body above the server's limit."""
        return PayloadTooLarge(
            f"the body is larger than {self._max_body_bytes} bytes. Send less at once, or raise "
            "ISTHMUS_MAX_REQUEST_BYTES."
        )


def add_json_content_type(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Returns the headers with the content type `application/json` if it is missing, empty or `text/plain`:
    clients send JSON under all of them."""
    kept = [pair for pair in headers if pair[0] != b"content-type" or not _is_plain(pair[1])]
    if not any(name == b"content-type" for name, _ in kept):
        kept.append((b"content-type", b"application/json"))
    return kept


def _is_plain(content_type: bytes) -> bool:
    """Returns True for an empty content type and for `text/plain`."""
    return content_type.partition(b";")[0].strip().lower() in (b"text/plain", b"")


def parse_json_body(raw: bytes, content_type: str, *, can_pass_through: bool = True) -> Any:
    """Parses a JSON body. Returns NO_BODY for an empty one, whatever its type, because clients send a JSON
    content type on GET and DELETE too. `text/plain` counts as JSON.

    `content_type`: without parameters, lower-case. `can_pass_through`: whether the route can forward the
    bytes instead, for the error message. Raises BadRequest for other types and for malformed JSON,
    PayloadTooLarge above MAX_JSON_BYTES.
    """
    instead = f", or add {_PASSTHROUGH_HINT}" if can_pass_through else ""
    if not raw.strip():
        return NO_BODY
    if content_type and not content_type.endswith("json") and content_type != "text/plain":
        raise BadRequest(
            f"a body of type {content_type} cannot be {'mapped' if can_pass_through else 'read'}. Send JSON "
            f"with Content-Type: application/json{instead}.",
            failures=[failure("content-type", "must be application/json", "unsupported_media_type")],
        )
    if len(raw) > MAX_JSON_BYTES:
        raise PayloadTooLarge(
            f"a JSON body is at most {MAX_JSON_BYTES} bytes: as objects it takes thirty times the memory. "
            f"Send less at once{instead}."
        )
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            failures=[failure("body", error.msg, "malformed_json")],
        ) from None
