"""The messages of HTTP: one request and one response, both immutable values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from isthmus.kit.call_warnings import CallWarning

__all__ = ["HttpRequest", "HttpResponse", "HttpStream"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request. `url`: absolute and already encoded; it is sent as it is.

    `headers`: names as they are to be sent. `body`: bytes, an async iterator of bytes, or None for no body.
    `timeout_seconds` bounds the whole exchange; for a streamed body, its head and each wait for a chunk.
    `credential_headers`: lower-case names that are dropped when a redirect leaves the origin
    (`Authorization` and `Cookie` always are). `stream`: given the status and the response's headers, whether
    to hand its body over as it arrives instead of reading it; None means never. `body_length`: of a streamed
    body, where it is known; it is held to that, since many providers take no body of unknown length.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] | None = None
    timeout_seconds: float = 60.0
    max_redirects: int = 5
    credential_headers: frozenset[str] = frozenset()
    stream: Callable[[int, Mapping[str, str]], bool] | None = None
    body_length: int | None = None

    @property
    def can_repeat(self) -> bool:
        """True if the request can be sent twice: a streamed body is consumed by the first time."""
        return self.body is None or isinstance(self.body, bytes)


class HttpStream(Protocol):
    """A response body that has not been read. Iterate it once to its end, or `close()` it; iterating raises
    UpstreamTimeout or UpstreamInvalid where it breaks off."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def close(self) -> None:
        """Releases the connection; the body is not read any further."""
        ...


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response. `headers`: lower-case names; repeated ones joined by ", ". `url`: where redirects ended.
    `body`: decoded (gzip, deflate), without a trace of that in `headers`; b"" where `stream` is not None.
    `seconds`: until the body was read, for a stream until its head. `warnings`: what the answer leaves out of
    what was asked, where it was made here and no provider sent it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    seconds: float = 0.0
    stream: HttpStream | None = None
    warnings: tuple[CallWarning, ...] = ()
