"""Sends requests and reads their answers, within limits. Nothing else opens HTTP connections."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from isthmus.errors import (
    BadRequest,
    IsthmusError,
    NoFreeConnection,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from isthmus.http.connection_shares import ConnectionLimits, ConnectionShares, ConnectionSlot
from isthmus.http.decoding import ACCEPTED, Decoder, make_decoder
from isthmus.http.guard import Guard
from isthmus.http.messages import HttpRequest, HttpResponse
from isthmus.http.redirects import is_redirect, make_redirected_request
from isthmus.http.resolver import OwnThreadsResolver

__all__ = ["HttpClient", "HttpLimits"]

_USER_AGENT: Final = "Isthmus"
_DENIED: Final = "address refused by the egress guard"
_MAX_CHUNK: Final = 256 * 1024
_MIN_FINAL_STATUS: Final = 200
_MAX_STATUS: Final = 599
_CONNECTION_HEADERS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of the message's end and of its connection, which callers may not set. Connections are shared: a
wrong length would make the body of one account a part of another one's request."""
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of an HTTP client. `response_bytes`: of a body after decoding; a streamed one is not limited.
    `connect_seconds`: for TCP and TLS of one connection, and before that for one to be free. `header_bytes`:
    of one header line; `header_lines`: their number. `connections`: in use at the same time;
    `host_connections`: those to one host, so that a slow provider leaves connections for the others;
    `account_connections`: those of one account to one host. `name_seconds`: how long the addresses of a name
    are cached, 0 for not at all; `name_threads`: names looked up at the same time.
    """

    response_bytes: int = 10 * 1024 * 1024
    connect_seconds: float = 10.0
    header_bytes: int = 16 * 1024
    header_lines: int = 256
    connections: int = 1_000
    host_connections: int = 200
    account_connections: int = 50
    keep_alive_seconds: float = 30.0
    name_seconds: int = 10
    name_threads: int = 32


class HttpClient:
    """One connection pool. It belongs to the event loop that it first sends in; `close()` it there.
    `resolver`: None for the system's, which is closed with the client; a given one is not closed.

    It keeps no cookies, uses no proxy or netrc of the environment, and retries nothing but an idempotent
    request whose kept-alive connection turns out to be closed.
    """

    def __init__(
        self, guard: Guard, limits: HttpLimits | None = None, *, resolver: AbstractResolver | None = None
    ) -> None:
        self._guard = guard
        self._resolver = resolver
        self._own_resolver: OwnThreadsResolver | None = None
        self._limits = limits = limits or HttpLimits()
        self._shares = ConnectionShares(
            ConnectionLimits(limits.connections, limits.host_connections, limits.account_connections)
        )
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the pool's connections, and the resolver if it is the client's own."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        resolver, self._own_resolver = self._own_resolver, None
        if resolver is not None:
            await resolver.close()

    async def send(self, request: HttpRequest, account_id: str = "") -> HttpResponse:
        """Sends a request, follows redirects, and returns the answer, whatever its status. `account_id`: of
        the account whose share of the connections it uses; requests without an account have one together.

        Raises NoFreeConnection, UpstreamUnreachable (name, connection, TLS, reset), UpstreamTimeout,
        UpstreamInvalid (not HTTP, too large, broken encoding, too many redirects), EgressDenied, and
        BadRequest for a header that cannot be sent. No message contains more of the URL than its host.
        """
        try:
            return await self._send_following_redirects(request, account_id)
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"{_parse_host(request.url)} did not answer within {request.timeout_seconds:g} seconds."
            ) from error

    async def _send_following_redirects(self, request: HttpRequest, account_id: str) -> HttpResponse:
        """Sends a request and those that redirects ask for. Returns the last answer. Raises UpstreamInvalid
        after too many redirects, TimeoutError after the request's time; waiting for a free connection is not
        part of it."""
        seconds = 0.0
        for hop in range(request.max_redirects + 1):
            slot = None
            try:
                url = self._parse_target(request.url)
                slot = self._shares.take((url.raw_host or "", url.port), account_id)
                if slot is None:
                    slot = await self._wait_for_slot(url, account_id, is_redirected=hop > 0)
                started = time.perf_counter()
                async with asyncio.timeout(request.timeout_seconds - seconds):
                    response, headers = await self._send_once(request, url)
                    if not (request.max_redirects and is_redirect(response.status, headers)):
                        return await self._read_response(
                            request, response, headers, slot, started=started - seconds
                        )
            except BaseException as error:
                if slot is not None:
                    slot.release()
                if hop and isinstance(error, UpstreamError):  # what was redirected has reached the provider
                    error.is_possibly_delivered = True
                raise
            response.close()
            slot.release()
            seconds += time.perf_counter() - started
            request = make_redirected_request(request, response.status, headers["location"])
        raise UpstreamInvalid(
            f"{_parse_host(request.url)} redirected more than {request.max_redirects} times."
        )

    async def _wait_for_slot(self, url: URL, account_id: str, *, is_redirected: bool) -> ConnectionSlot:
        """Waits until the account may use another connection to the host of `url`, and returns its slot.
        Raises NoFreeConnection. `is_redirected`: a request was sent, and its answer led here."""
        host = (url.raw_host or "", url.port)
        seconds = self._limits.connect_seconds
        try:
            return await self._shares.wait(host, account_id, seconds)
        except TimeoutError as error:
            what = "the redirect to it was not followed" if is_redirected else "the request was not sent"
            shortage = self._shares.describe_shortage(host, account_id)
            raise NoFreeConnection(
                f"No connection to {host[0]} was free within {seconds:g} seconds, so {what}: {shortage}.",
                is_possibly_delivered=is_redirected,
            ) from error

    def _parse_target(self, address: str) -> URL:
        """Parses the URL of a request. Raises UpstreamUnreachable for one that nothing can be sent to,
        EgressDenied for one that the guard refuses."""
        try:
            url = URL(address, encoded=True)
            host, scheme = url.raw_host or "", url.scheme
            url.port  # noqa: B018  # raises ValueError for one that is no number
        except ValueError as error:
            raise UpstreamUnreachable("The provider's address is not a valid URL.") from error
        self._guard.check_target(scheme, host)
        if url.raw_user is not None or not host or _is_too_long_for_dns(host):
            raise UpstreamUnreachable(f"The provider's address ({host or 'no host'}) is not a plain URL.")
        return url

    async def _send_once(
        self, request: HttpRequest, url: URL
    ) -> tuple[aiohttp.ClientResponse, dict[str, str]]:
        """Sends one request to `url`, its parsed URL. Returns the answer with its body unread, and its
        headers by lower-case name. Raises what `send` raises."""
        host = url.raw_host or ""
        session = self._session or self._open_session()
        try:
            response = await session.request(
                request.method,
                url,
                headers={**_drop_connection_headers(request.headers, host), **_make_length_header(request)},
                data=_check_body_length(request),
                allow_redirects=False,
            )
        except aiohttp.ClientConnectorDNSError as error:
            raise UpstreamUnreachable(f"The name {host} cannot be resolved.") from error
        except aiohttp.ClientConnectorError as error:
            if _DENIED in str(error.os_error):
                raise self._guard.make_denied_error(host) from error
            raise UpstreamUnreachable(
                f"{host} cannot be connected to: {_describe_connection_error(error)}."
            ) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise UpstreamUnreachable(
                f"{host} did not accept a connection within {self._limits.connect_seconds:g} seconds."
            ) from error
        except aiohttp.InvalidURL as error:
            raise UpstreamUnreachable(f"The provider's address ({host}) is not a valid URL.") from error
        except aiohttp.ClientConnectionError as error:
            if isinstance(error, TimeoutError):
                raise
            closed = UpstreamUnreachable(
                f"{host} closed the connection without an answer.", is_possibly_delivered=True
            )
            raise _find_body_error(error) or closed from error
        except aiohttp.ClientError as error:
            raise UpstreamInvalid(f"{host} did not answer with valid HTTP within the limits.") from error
        except ValueError as error:
            raise BadRequest(f"The request to {host} has a header that cannot be sent: {error}") from error
        if not _MIN_FINAL_STATUS <= response.status <= _MAX_STATUS:
            response.close()
            raise UpstreamInvalid(
                f"{host} answered with status {response.status:03}, which is no status of an HTTP answer "
                f"({_MIN_FINAL_STATUS} to {_MAX_STATUS})."
            )
        return response, _read_headers(response)

    async def _read_response(
        self,
        request: HttpRequest,
        response: aiohttp.ClientResponse,
        headers: dict[str, str],
        slot: ConnectionSlot,
        *,
        started: float,
    ) -> HttpResponse:
        """Reads the body of an answer, or makes a stream of it where the request asks for one. `slot`: of its
        connection, free again when the body is read. `started`: by `time.perf_counter`."""
        body, stream = b"", None
        try:
            encoding = headers.pop("content-encoding", None)
            decoder = make_decoder(encoding) if encoding and request.method != "HEAD" else None
            if request.stream is not None and request.stream(response.status, headers):
                stream = _Stream(response, decoder, slot, request.timeout_seconds)
            else:
                body = await self._read_body(response, headers, decoder)
                slot.release()
        except BaseException:
            response.close()
            raise
        if decoder is not None:
            headers.pop("content-length", None)
        return HttpResponse(
            status=response.status,
            headers=headers,
            body=body,
            url=str(response.url),
            seconds=time.perf_counter() - started,
            stream=stream,
        )

    async def _read_body(
        self, response: aiohttp.ClientResponse, headers: Mapping[str, str], decoder: Decoder | None
    ) -> bytes:
        """Reads and decodes the body. Raises UpstreamInvalid where it is too large or breaks off."""
        room = self._limits.response_bytes
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > room and response.method != "HEAD":
            raise self._make_too_large_error(response)
        try:
            if decoder is None and length.isdigit():
                return await response.read()
            parts: list[bytes] = []
            async for chunk in response.content.iter_any():
                data = chunk if decoder is None else decoder.feed(chunk, room)
                room -= len(data)
                if room < 0:
                    raise self._make_too_large_error(response)
                parts.append(data)
        except aiohttp.ClientError as error:
            if isinstance(error, TimeoutError):
                raise
            raise _make_broken_off_error(response) from error
        if decoder is not None:
            decoder.finish()
        return b"".join(parts)

    def _make_too_large_error(self, response: aiohttp.ClientResponse) -> UpstreamInvalid:
        """Returns the error for a body larger than the limit."""
        return UpstreamInvalid(
            f"The answer of {response.url.raw_host} is larger than {self._limits.response_bytes} bytes. "
            "Ask for fewer records a page, or for a single file by a method that streams it."
        )

    def _open_session(self) -> aiohttp.ClientSession:
        """Opens the session of the pool, at the first request."""
        limits = self._limits
        if self._resolver is None:
            self._own_resolver = OwnThreadsResolver(limits.name_threads)
        connector = aiohttp.TCPConnector(
            limit=0,  # `ConnectionShares` limits them
            keepalive_timeout=limits.keep_alive_seconds,
            use_dns_cache=bool(limits.name_seconds),
            ttl_dns_cache=limits.name_seconds,
            resolver=self._resolver or self._own_resolver,
            socket_factory=self._make_guarded_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _USER_AGENT, "Accept-Encoding": ACCEPTED},
            skip_auto_headers=("Content-Type",),
            auto_decompress=False,
            trust_env=False,
            # The whole exchange is bounded in `send`, and each piece of a stream in `_Stream`.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_seconds),
            max_line_size=limits.header_bytes,
            max_field_size=limits.header_bytes,
            max_headers=limits.header_lines,
        )
        return self._session

    def _make_guarded_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Makes a socket for exactly the address that the guard permits: no second look-up comes between.
        Raises PermissionError for an address that it refuses."""
        family, kind, protocol, _, address = info
        if not self._guard.is_permitted(address[0]):
            raise PermissionError(_DENIED)
        return socket.socket(family, kind, protocol)


class _Stream:
    """The body of a response, read in pieces as it arrives."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        decoder: Decoder | None,
        slot: ConnectionSlot,
        seconds: float,
    ) -> None:
        self._response = response
        self._decoder = decoder
        self._slot = slot
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        decoder = self._decoder
        try:
            while chunk := await self._read_chunk():
                if decoder is None:
                    yield chunk
                    continue
                # One piece of a compressed body may unpack a thousandfold: hand it on in bounded pieces.
                for start in range(0, len(chunk), _MAX_CHUNK // 64):
                    yield decoder.feed(chunk[start : start + _MAX_CHUNK // 64], 16 * 1024 * 1024)
            if decoder is not None:
                decoder.finish()
        except TimeoutError as error:
            raise UpstreamTimeout(f"{self._response.url.raw_host} stopped sending its answer.") from error
        except aiohttp.ClientError as error:
            raise _make_broken_off_error(self._response) from error
        finally:
            await self.close()

    async def _read_chunk(self) -> bytes:
        """Returns the next bytes as they arrive; b"" at the end. Raises TimeoutError."""
        async with asyncio.timeout(self._seconds):
            return await self._response.content.readany()

    async def close(self) -> None:
        """Returns the connection to the pool where the body was read to its end, else closes it."""
        self._response.close()
        self._slot.release()


def _drop_connection_headers(headers: Mapping[str, str], host: str) -> Mapping[str, str]:
    """Returns the headers without those of the connection. Raises BadRequest for a name that is not valid."""
    for name in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise BadRequest(f"The request to {host} has a header that cannot be sent: {name!r} is no name.")
    if _CONNECTION_HEADERS.isdisjoint(map(str.lower, headers)):
        return headers
    return {name: value for name, value in headers.items() if name.lower() not in _CONNECTION_HEADERS}


def _make_length_header(request: HttpRequest) -> dict[str, str]:
    """Returns the `Content-Length` header of a streamed body whose length is known; else no header."""
    if request.body_length is None or isinstance(request.body, (bytes, type(None))):
        return {}
    return {"Content-Length": str(request.body_length)}


def _check_body_length(request: HttpRequest) -> bytes | AsyncIterator[bytes] | None:
    """Returns the body to send, None for none; a streamed one of declared length raises BadRequest while it
    is sent, where it is not of that length."""
    body, length = request.body, request.body_length
    if length is None or body is None or isinstance(body, bytes):
        return body
    return _yield_exactly(body, length)


async def _yield_exactly(body: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    """Yields the chunks of a body. Raises BadRequest where they are not of this length together, before the
    provider could take what follows for another request."""
    bytes_left = length
    async for chunk in body:
        bytes_left -= len(chunk)
        if bytes_left < 0:
            break
        yield chunk
    if bytes_left:
        raise BadRequest(f"The body is not of the length that was declared for it, {length} bytes.")


def _find_body_error(error: BaseException) -> IsthmusError | None:
    """Returns the error that a streamed body raised, which is no failure of the provider; None for none."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, IsthmusError):
        cause = cause.__cause__ or cause.__context__
    return cause


def _make_broken_off_error(response: aiohttp.ClientResponse) -> UpstreamInvalid:
    """Returns the error for a body that ended too early."""
    return UpstreamInvalid(f"The answer of {response.url.raw_host} broke off before its end.")


def _describe_connection_error(error: aiohttp.ClientConnectorError) -> str:
    """Returns the reason why a connection failed, in words that follow a colon."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its TLS certificate is not valid"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "TLS failed"
    return (error.os_error.strerror or "connection failed").lower()


def _read_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Returns the headers by lower-case name, repeated ones joined by ", "."""
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return headers


def _is_too_long_for_dns(host: str) -> bool:
    """Returns True if a name is longer than the DNS allows (RFC 1035 §2.3.4); resolvers fail on it in various
    ways."""
    return len(host) > 253 or max(map(len, host.split("."))) > 63


def _parse_host(url: str) -> str:
    """Returns the host of a URL that a request was sent to, for messages."""
    return str(URL(url, encoded=True).raw_host)
