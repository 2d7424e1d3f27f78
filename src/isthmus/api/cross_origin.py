"""What a page of any origin may call: the routes of an integrated account token, which lives in a browser.

No cookie ever counts there, so every origin may read the answers (`connect.md` §1.2; Fetch standard §3.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from isthmus.api.outgoing_response import Answer, Message, Send

__all__ = ["is_open", "open_to_all", "preflight"]

_PLANES: Final = frozenset({"unified", "proxy", "custom"})
_OWN_ACCOUNT: Final = ("integrated-account", "me")
_ALLOWED: Final = "authorization, content-type, idempotency-key, x-request-id"
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9_, -]{1,1024}")
_READABLE: Final = (
    "retry-after, x-request-id, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, "
    "idempotency-replayed"
)
_SECONDS_KEPT: Final = "7200"
_ANY: Final = "*"


def is_open(segments: tuple[str, ...], headers: Mapping[str, str]) -> bool:
    """Whether a browser asks from a page, and for a route that answers it."""
    return "origin" in headers and (segments == _OWN_ACCOUNT or not _PLANES.isdisjoint(segments[:1]))


def preflight(verb: str, headers: Mapping[str, str]) -> Answer | None:
    """The answer to a browser's question before the call; None for a call, also one by OPTIONS."""
    if verb != "OPTIONS" or "access-control-request-method" not in headers:
        return None
    asked = headers.get("access-control-request-headers", "")
    allowed = f"{_ALLOWED}, {asked}" if _HEADER_NAMES.fullmatch(asked) else _ALLOWED
    return Answer(
        200,
        "text/plain",
        headers={
            "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
            "access-control-allow-headers": allowed,
            "access-control-max-age": _SECONDS_KEPT,
        },
    )


def open_to_all(send: Send) -> Send:
    """`send`, with the headers that let the page read the answer, errors too."""

    async def send_open(message: Message) -> None:
        if message["type"] == "http.response.start":
            more = [
                (b"access-control-allow-origin", _ANY.encode()),
                (b"access-control-expose-headers", _READABLE.encode()),
            ]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return send_open
