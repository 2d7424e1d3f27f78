"""Cross-origin access (CORS) for pages that call the API with an integrated account token.

Pages of any origin may call these routes and read the responses, because no cookie counts there (Fetch
standard, section 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from isthmus.api.outgoing_response import Message, OutgoingResponse, Send
from isthmus.kit.call_warnings import WARNING_HEADER

__all__ = ["is_open_to_pages", "make_preflight_response", "with_cors_headers"]

_PLANES: Final = frozenset({"unified", "proxy", "custom"})
_OWN_ACCOUNT: Final = ("integrated-account", "me")
_ALLOWED_HEADERS: Final = "authorization, content-type, idempotency-key, x-request-id"
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9_, -]{1,1024}")
_EXPOSED_HEADERS: Final = (
    "retry-after, x-request-id, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, "
    f"idempotency-replayed, {WARNING_HEADER}"
)
_MAX_AGE_SECONDS: Final = "7200"
_ANY_ORIGIN: Final = "*"


def is_open_to_pages(segments: tuple[str, ...]) -> bool:
    """True for a path that accepts integrated account tokens, which live in browsers."""
    return segments == _OWN_ACCOUNT or not _PLANES.isdisjoint(segments[:1])


def make_preflight_response(verb: str, headers: Mapping[str, str]) -> OutgoingResponse | None:
    """Returns the response to a preflight request; None for any other request, also one with the verb
    OPTIONS."""
    if verb != "OPTIONS" or "access-control-request-method" not in headers:
        return None
    requested = headers.get("access-control-request-headers", "")
    is_valid = _HEADER_NAMES.fullmatch(requested) is not None
    allowed = f"{_ALLOWED_HEADERS}, {requested}" if is_valid else _ALLOWED_HEADERS
    return OutgoingResponse(
        200,
        "text/plain",
        headers={
            "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
            "access-control-allow-headers": allowed,
            "access-control-max-age": _MAX_AGE_SECONDS,
        },
    )


def with_cors_headers(send: Send) -> Send:
    """Wraps an ASGI `send` so that it adds the headers with which a page may read the response, also that of
    an error."""

    async def send_with_headers(message: Message) -> None:
        """Sends a message; adds the headers to the start of the response."""
        if message["type"] == "http.response.start":
            more = [
                (b"access-control-allow-origin", _ANY_ORIGIN.encode()),
                (b"access-control-expose-headers", _EXPOSED_HEADERS.encode()),
            ]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return send_with_headers
