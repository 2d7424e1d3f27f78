"""A provider that writes raw bytes: answers that are cut, of a wrong length or type, endless, or no HTTP.

It has the paths of the fake help desk, so the desk's definition leads to it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

__all__ = ["ANSWERS", "CUT_ANSWERS", "RECORDS", "CutAnswer", "HostileAnswer", "HostileProvider", "running"]

RECORDS: Final[list[dict[str, Any]]] = [  # a provider's records: free-form JSON
    {"number": 1, "subject": "Kettle", "text": "It does not whistle.", "state": "new", "labels": ["a", "b"]},
    {"number": 2, "subject": "Tea", "text": "It is cold.", "state": "solved", "labels": ["c"]},
]
"""What the provider has. Its list is all of them, its record the first."""

_LIST: Final = json.dumps({"items": RECORDS, "paging": {"after": None}}, separators=(",", ":")).encode()
_RECORD: Final = json.dumps(RECORDS[0], separators=(",", ":")).encode()
_JSON: Final = "application/json"


@dataclass(frozen=True)
class HostileAnswer:
    """`make`: given the honest JSON body, the bytes to write. `endless`: bytes to write after them again and
    again; else the connection is closed. `never_comes`: it stays open, so that only a time limit ends the
    call."""

    make: Callable[[bytes], bytes]
    endless: bytes = b""
    never_comes: bool = False


class HostileProvider:
    """A server that gives the same answer, `answer`, to every request. `url`: without a slash.
    `last_answer`: what it wrote last, as text."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer = ANSWERS["valid JSON"]
        self.last_answer = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the one request of a connection."""
        answer = self.answer
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].partition(b"?")[0].decode()
            written = answer.make(_find_body(path))
            self.last_answer = written.decode(errors="replace")
            writer.write(written)
            await writer.drain()
            while answer.endless:
                writer.write(answer.endless)
                await writer.drain()
            if answer.never_comes:
                await reader.read()  # until the caller hangs up
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running() -> AsyncIterator[HostileProvider]:
    """Runs the provider on a free port."""
    provider = HostileProvider("")
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.close()
        await server.wait_closed()


def _find_body(path: str) -> bytes:
    """Returns the honest body of a path, JSON."""
    return _LIST if path.endswith("/tickets") else _RECORD


def _answer(
    body: bytes, *headers: str, status: str = "200 OK", kind: str = _JSON, length: str | int | None = None
) -> bytes:
    """Returns an answer of this body. `headers`: whole lines. `length`: what it announces; None for its own
    length, "" for none. `kind`: its content type, "" for none."""
    lines = [f"HTTP/1.1 {status}", "Connection: close", *headers]
    if kind:
        lines.append(f"Content-Type: {kind}")
    if length != "":
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _chunked(chunks: bytes, kind: str = _JSON) -> bytes:
    """Returns an answer whose body is written in chunks, given as they go over the wire."""
    return _answer(chunks, "Transfer-Encoding: chunked", kind=kind, length="")


def _chunk(data: bytes, size: str | None = None) -> bytes:
    """Returns one chunk. `size`: what it announces, None for its own."""
    return (f"{len(data):x}" if size is None else size).encode() + b"\r\n" + data + b"\r\n"


def _gzipped(data: bytes, length: str | int | None = None) -> bytes:
    """Returns an answer of these bytes under the content encoding gzip."""
    return _answer(data, "Content-Encoding: gzip", length=length)


def _with_status(status: str) -> HostileAnswer:
    """Returns the honest answer under another status."""
    return HostileAnswer(lambda body: _answer(body, status=status))


def _of(body: bytes, kind: str = _JSON) -> HostileAnswer:
    """Returns an answer whose body is another one, sent whole."""
    return HostileAnswer(lambda _: _answer(body, kind=kind))


_LAST: Final = b"0\r\n\r\n"


@dataclass(frozen=True)
class CutAnswer:
    """An answer that ends too early. `encode`: given the honest JSON body, what goes over the wire behind the
    head. `frame`: given the first part of that, and the length of all of it, the bytes to write."""

    frame: Callable[[bytes, int], bytes]
    encode: Callable[[bytes], bytes] = bytes

    def cut_each(self, path: str, first: int, step: int) -> Iterator[HostileAnswer]:
        """Yields the answer to `path` cut after `first` bytes, and after each `step` more."""
        length = len(self.encode(_find_body(path)))
        for position in range(first, length, step):
            yield HostileAnswer(partial(self._cut, position))

    def _cut(self, position: int, body: bytes) -> bytes:
        """Returns the bytes to write for a body whose encoded form is cut at this position."""
        encoded = self.encode(body)
        return self.frame(encoded[:position], len(encoded))


def _chunk_twice(body: bytes) -> bytes:
    """Returns a body in two chunks."""
    return _chunk(body[:40]) + _chunk(body[40:]) + _LAST


CUT_ANSWERS: Final[dict[str, CutAnswer]] = {
    "JSON of announced length, cut": CutAnswer(lambda part, whole: _answer(part, length=whole)),
    "JSON of the length that came, cut": CutAnswer(lambda part, _: _answer(part)),
    "JSON until the connection closes, cut": CutAnswer(lambda part, _: _answer(part, length="")),
    "JSON in chunks, cut": CutAnswer(lambda part, _: _chunked(part), _chunk_twice),
    "JSON in chunks, all there, cut": CutAnswer(lambda part, _: _chunked(_chunk(part) + _LAST)),
    "gzip of announced length, cut": CutAnswer(lambda part, whole: _gzipped(part, whole), gzip.compress),
    "gzip of the length that came, cut": CutAnswer(lambda part, _: _gzipped(part), gzip.compress),
    "gzip until the connection closes, cut": CutAnswer(lambda part, _: _gzipped(part, ""), gzip.compress),
    "text of announced length, cut": CutAnswer(
        lambda part, whole: _answer(part, kind="text/plain", length=whole)
    ),
    "a file of announced length, cut": CutAnswer(
        lambda part, whole: _answer(part, kind="application/pdf", length=whole)
    ),
    "a file in chunks, cut": CutAnswer(lambda part, _: _chunked(part, "application/pdf"), _chunk_twice),
}
"""Answers that end too early, by name."""

ANSWERS: Final[dict[str, HostileAnswer]] = {
    "valid JSON": HostileAnswer(_answer),
    # Lengths.
    "more bytes than announced": HostileAnswer(lambda body: _answer(body, length=len(body) - 10)),
    "a length below zero": HostileAnswer(lambda body: _answer(body, length=-5)),
    "a length that is no number": HostileAnswer(lambda body: _answer(body, length="many")),
    "two lengths": HostileAnswer(lambda body: _answer(body, "Content-Length: 20")),
    "a length of 1 TB": HostileAnswer(lambda body: _answer(body, length=10**12)),
    "a length and chunks": HostileAnswer(
        lambda body: _answer(_chunk(body) + _LAST, "Transfer-Encoding: chunked", length=10)
    ),
    "a chunk without a size": HostileAnswer(lambda body: _chunked(_chunk(body, "zz") + _LAST)),
    "a chunk longer than its size": HostileAnswer(lambda body: _chunked(_chunk(body, "10") + _LAST)),
    "a chunk of 2^70 bytes": HostileAnswer(lambda body: _chunked(_chunk(body, "4" + "0" * 17))),
    "an end without its last line": HostileAnswer(lambda body: _chunked(_chunk(body) + b"0\r\n")),
    "chunks behind the last one": HostileAnswer(lambda body: _chunked(_LAST + _chunk(body) + _LAST)),
    "200 and an empty body": _of(b""),
    "200 and an empty body of no type": _of(b"", ""),
    "200 and an empty page of HTML": _of(b"", "text/html"),
    # Types.
    "HTML under a JSON type": _of(b"<html>back soon</html>"),
    "HTML under its own type": _of(b"<html>back soon</html>", "text/html"),
    "text of no type": _of(b"back soon", ""),
    "JSON under a text type": HostileAnswer(lambda body: _answer(body, kind="text/plain")),
    "JSON without a type": HostileAnswer(lambda body: _answer(body, kind="")),
    "two JSON values": HostileAnswer(lambda body: _answer(body + body)),
    "JSON with NaN": _of(b'{"items":[{"number":NaN}]}'),
    "JSON that is not UTF-8": _of(b'{"items":[{"subject":"\xff"}]}'),
    "JSON 5,000 levels deep": _of(b"[" * 5_000 + b"]" * 5_000),
    "XML that does not end": _of(b"<items><item>", "application/xml"),
    "null": _of(b"null"),
    "a string": _of(b'"back soon"'),
    "a number": _of(b"5"),
    "gzip that is none": HostileAnswer(_gzipped),
    "an encoding nobody asked for": HostileAnswer(lambda body: _answer(body, "Content-Encoding: br")),
    # Statuses.
    "status 000": _with_status("000 Nothing"),
    "status 099": _with_status("099 Less"),
    "status 100 and the end": _with_status("100 Continue"),
    "status 101": _with_status("101 Switching Protocols"),
    "status 204 with a body": _with_status("204 No Content"),
    "status 302 without a location": _with_status("302 Found"),
    "status 304": HostileAnswer(lambda _: _answer(b"", status="304 Not Modified", length="")),
    "status 399": _with_status("399 Odd"),
    "status 499": _with_status("499 Odd"),
    "status 599": _with_status("599 Odd"),
    "status 600": _with_status("600 More"),
    "status 999": _with_status("999 Denied"),
    "status 2000": _with_status("2000 OK"),
    "a status that is no number": _with_status("OK"),
    # No answer.
    "nothing": HostileAnswer(lambda _: b""),
    "half a head": HostileAnswer(lambda _: b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "a body without a head": HostileAnswer(lambda body: body),
    # Endless and circular.
    "endless JSON": HostileAnswer(lambda body: _answer(body[:-2], length=""), b" " * 65_536),
    "endless chunks": HostileAnswer(lambda body: _chunked(_chunk(body)), _chunk(b" " * 65_536)),
    "endless headers": HostileAnswer(lambda _: b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100),
    "one endless header": HostileAnswer(lambda _: b"HTTP/1.1 200 OK\r\nX-More: ", b"and more " * 1_000),
    "a head and silence": HostileAnswer(lambda body: _answer(b"", length=len(body)), never_comes=True),
    "half a body and silence": HostileAnswer(
        lambda body: _answer(body[:50], length=len(body)), never_comes=True
    ),
    "endless interim answers": HostileAnswer(
        lambda _: b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, never_comes=True
    ),
    "a redirect to itself": HostileAnswer(
        lambda body: _answer(
            b"", "Location: " + ("/v1/tickets" if body is _LIST else "/v1/tickets/1"), status="302 Found"
        )
    ),
    "a page that leads to itself": HostileAnswer(
        lambda body: _answer(body.replace(b'"after":null', b'"after":"again"'))
    ),
    "empty pages that lead to themselves": HostileAnswer(
        lambda body: _answer(b'{"items":[],"paging":{"after":"again"}}' if body is _LIST else body)
    ),
}
"""Answers by name."""
