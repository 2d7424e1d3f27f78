"""A request as a data-plane door sees it: path segments decoded, headers lower-case, body bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import orjson

from isthmus.api.outgoing_response import Receive, Scope
from isthmus.engine.calls import NO_BODY
from isthmus.errors import BadRequest, PayloadTooLarge, failure

__all__ = ["Incoming", "headers_for_json", "parse_json_body"]


_OUR_PARAMETERS: Final = (b"integrated_account_id", b"truto_", b"isthmus_")
_FOR_THIS_SERVER: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

_MOST_JSON_BYTES = 10 * 1024 * 1024
_PASSING: Final = "truto_body_passthrough=true to forward the bytes as they are"


class Incoming:
    """One HTTP request. `segments`: the path, split on `/` and then percent-decoded (`api.md` §1.1)."""

    __slots__ = (
        "_max_body_bytes",
        "_receive",
        "_scope",
        "_whole",
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
        self._whole: bytes | None = None
        self.verb: str = scope["method"]
        self.segments = segments
        self.query_string: bytes = scope["query_string"]
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.request_id = request_id

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower-case; "" where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def forwardable_headers(self) -> dict[str, str]:
        """What a definition may send on: not the caller's token for this server, and no cookie of it. The
        author of a definition need not be the caller."""
        return {name: value for name, value in self.headers.items() if name not in _FOR_THIS_SERVER}

    @property
    def rest_of_path(self) -> str:
        """What stands behind the first segment, as it was sent, percent-encoding and trailing slash kept."""
        raw: bytes = self._scope.get("raw_path") or self._scope["path"].encode()
        return raw.lstrip(b"/").partition(b"/")[2].decode("latin-1")

    @property
    def custom_query(self) -> bytes:
        """The query of a custom call, less what is for this server. Nothing else is taken out of it."""
        kept = [
            part
            for part in self.query_string.split(b"&")
            if not unquote_to_bytes(part.partition(b"=")[0]).startswith(_OUR_PARAMETERS)
        ]
        return b"&".join(kept)

    @property
    def content_length(self) -> int | None:
        """Of the body; None where it was not declared."""
        declared = self.headers.get("content-length", "")
        return int(declared) if declared.isdigit() else None

    async def read_body(self) -> bytes:
        """The whole body, as often as it is asked for. Raises PayloadTooLarge past the server's limit, before
        reading on."""
        if self._whole is None:
            self._whole = b"".join([chunk async for chunk in self._chunks()])
        return self._whole

    def body_to_forward(self) -> bytes | AsyncIterator[bytes] | None:
        """The body for somebody else to read, once: as it arrives, or whole where it was read before. None
        where the request has none. Iterating raises what `read_body` does."""
        if self._whole is not None:
            return self._whole or None
        if self.content_length == 0:
            return None
        if self.content_length is None and "transfer-encoding" not in self.headers:
            return None
        return self._chunks()

    async def until_gone(self) -> None:
        """Returns when the caller has hung up; for a request whose body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _chunks(self) -> AsyncIterator[bytes]:
        if (self.content_length or 0) > self._max_body_bytes:
            raise self._too_large()
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("the request ended before its body did")
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body_bytes:
                raise self._too_large()
            if chunk:
                yield chunk
            if not message.get("more_body", False):
                return

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"the body is larger than {self._max_body_bytes} bytes. Send less at once, or raise "
            "ISTHMUS_MAX_REQUEST_BYTES."
        )


def headers_for_json(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a request whose body is JSON whether it says so, says `text/plain` (`api.md` Q2), or
    says nothing."""
    kept = [pair for pair in headers if pair[0] != b"content-type" or not _is_plain(pair[1])]
    if not any(name == b"content-type" for name, _ in kept):
        kept.append((b"content-type", b"application/json"))
    return kept


def _is_plain(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() in (b"text/plain", b"")


def parse_json_body(raw: bytes, content_type: str, *, can_pass: bool = True) -> Any:
    """The JSON value of a body; NO_BODY for an empty one, whatever its type (clients send a JSON content type
    on GET and DELETE too). `text/plain` that is JSON counts as JSON (`api.md` §1.2, Q2); other types are
    refused, since nothing but JSON could be mapped. `can_pass`: the route can forward bytes as they are."""
    instead = f", or add {_PASSING}" if can_pass else ""
    if not raw.strip():
        return NO_BODY
    if content_type and not content_type.endswith("json") and content_type != "text/plain":
        raise BadRequest(
            f"a body of type {content_type} cannot be {'mapped' if can_pass else 'read'}. Send JSON with "
            f"Content-Type: application/json{instead}.",
            failures=[failure("content-type", "must be application/json", "unsupported_media_type")],
        )
    if len(raw) > _MOST_JSON_BYTES:
        raise PayloadTooLarge(
            f"a JSON body is at most {_MOST_JSON_BYTES} bytes: as objects it takes thirty times the memory. "
            f"Send less at once{instead}."
        )
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            failures=[failure("body", error.msg, "malformed_json")],
        ) from None
