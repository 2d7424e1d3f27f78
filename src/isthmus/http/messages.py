"""What goes over a wire: one request, one response, both immutable values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["HttpRequest", "HttpResponse", "HttpStream"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`url` is absolute and already encoded; it is sent as it stands.

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
        """Whether there is a body to send a second time: a streamed one is gone after the first."""
        return self.body is None or isinstance(self.body, bytes)


class HttpStream(Protocol):
    """A response body that has not been read. Iterate it once to its end, or `close()` it; iterating raises
    UpstreamTimeout or UpstreamInvalid where it breaks off."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """`headers`: lower-case names; repeated ones joined by ", ". `url`: where redirects ended. `body` is
    decoded (gzip, deflate), and `headers` tell nothing of that encoding; it is b"" where `stream` is not
    None. `seconds`: until the body was read, or until its head for a stream."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    seconds: float = 0.0
    stream: HttpStream | None = None
