"""What goes over a wire: one request, one response, both immutable values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

__all__ = ["HttpRequest", "HttpResponse", "HttpStream"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`url` is absolute and already encoded; it is sent as it stands.

    `headers`: names as they are to be sent. `body`: bytes, an async iterator of bytes, or None for no body.
    `timeout_seconds` bounds the whole exchange. `credential_headers`: lower-case names that are dropped when
    a redirect leaves the origin (`Authorization` and `Cookie` always are). `stream`: hand the body over as it
    arrives instead of reading it.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] | None = None
    timeout_seconds: float = 60.0
    max_redirects: int = 5
    credential_headers: frozenset[str] = frozenset()
    stream: bool = False


class HttpStream:
    """A response body that has not been read; iterate it once, or `close()` it."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """`headers`: lower-case names; repeated ones joined by ", ". `url`: where redirects ended.

    `body` is b"" where `stream` was asked for; then `stream` is not None.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    seconds: float = 0.0
    stream: HttpStream | None = None
