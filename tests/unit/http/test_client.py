from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from tests.unit.http.conftest import Raw, Serve

from isthmus.errors import BadRequest, EgressDenied, UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable
from isthmus.http import Guard, HttpClient, HttpLimits, HttpRequest


async def test_a_request_is_sent_as_it_stands_and_its_answer_read(client: HttpClient, serve: Serve) -> None:
    seen: list[tuple[str, str, str, bytes, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.read()
        seen.append(
            (request.method, request.raw_path, request.headers["X-A"], body, request.headers.get("Cookie"))
        )
        return web.Response(status=201, text="done", headers={"X-B": "c", "Set-Cookie": "s=1"})

    base = await serve(handler)
    request = HttpRequest("PUT", f"{base}/a%2Fb?x=%5B1%5D&y=a,b", {"X-A": "1"}, b"data")
    for _ in range(2):
        response = await client.send(request)
    assert (response.status, response.body, response.headers["x-b"]) == (201, b"done", "c")
    assert response.url == request.url
    assert seen == [("PUT", "/a%2Fb?x=%5B1%5D&y=a,b", "1", b"data", None)] * 2


async def test_the_end_of_a_message_is_the_clients_own_to_say(client: HttpClient, raw: Raw) -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    base = await raw(answer)
    said = {
        "content-length": "500",
        "Transfer-Encoding": "chunked",
        "Connection": "x",
        "Expect": "100-continue",
        "Keep-Alive": "timeout=500",
        "Proxy-Connection": "keep-alive",
        "TE": "trailers",
        "Trailer": "X-T",
        "Upgrade": "h2c",
    }
    await client.send(HttpRequest("POST", base, {"X-A": "1", **said}, b"data"))
    names = dict(line.lower().split(b": ", 1) for line in heads[0].strip().split(b"\r\n")[1:])
    assert names[b"content-length"] == b"4"
    assert names[b"x-a"] == b"1"
    assert not names.keys() & {name.lower().encode() for name in said} - {b"content-length"}


async def test_a_header_whose_name_is_none_is_refused(client: HttpClient) -> None:
    with pytest.raises(BadRequest, match="is no name"):
        await client.send(HttpRequest("GET", "http://127.0.0.1:9", {"Transfer-Encoding ": "chunked"}))


async def test_repeated_headers_are_joined(client: HttpClient, raw: Raw) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nLink: <a>\r\nLink: <b>\r\nlink: <c>\r\n"
            b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        )

    assert (await client.send(HttpRequest("GET", await raw(answer)))).headers["link"] == "<a>, <b>, <c>"


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(b"hello")),
        ("gzip", gzip.compress(b"he") + gzip.compress(b"llo")),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello", wbits=-15)),
        ("identity", b"hello"),
    ],
    ids=["gzip", "gzip of two members", "zlib", "bare deflate", "identity"],
)
async def test_an_encoded_answer_is_decoded(
    client: HttpClient, serve: Serve, encoding: str, data: bytes
) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "gzip, deflate"
        return web.Response(body=data, headers={"Content-Encoding": encoding})

    response = await client.send(HttpRequest("GET", await serve(handler)))
    assert response.body == b"hello"
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize(
    ("encoding", "data", "message"),
    [
        ("gzip", gzip.compress(b"\0" * 50_000_000), "larger than 1000000 bytes"),
        ("deflate", zlib.compress(b"\0" * 50_000_000), "larger than 1000000 bytes"),
        ("gzip", b"not gzip at all", "not valid gzip data"),
        ("gzip", gzip.compress(b"hello" * 1000)[:-12], "ended before its end"),
        ("br", b"hello", "not asked for"),
        ("identity", b"\0" * 1_000_001, "larger than 1000000 bytes"),
    ],
    ids=["gzip bomb", "deflate bomb", "not gzip", "cut gzip", "brotli", "large"],
)
async def test_an_answer_that_cannot_be_used_is_refused(
    client: HttpClient, serve: Serve, encoding: str, data: bytes, message: str
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=data, headers={"Content-Encoding": encoding})

    with pytest.raises(UpstreamInvalid, match=message):
        await client.send(HttpRequest("GET", await serve(handler)))


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_an_answer_may_be_as_large_as_the_limit(
    client: HttpClient, serve: Serve, is_chunked: bool
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if not is_chunked:
            response.content_length = 1_000_000
        await response.prepare(request)
        await response.write(b"x" * 1_000_000)
        return response

    response = await client.send(HttpRequest("GET", await serve(handler)))
    assert len(response.body) == 1_000_000


async def test_an_answer_to_head_is_described_and_not_decoded(client: HttpClient, raw: Raw) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000001\r\n"
            b"Connection: close\r\n\r\n"
        )

    response = await client.send(HttpRequest("HEAD", await raw(answer)))
    assert (response.status, response.body, response.headers["content-length"]) == (200, b"", "1000001")


async def test_a_huge_answer_of_unknown_length_is_cut_off(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"x" * 10_000)
        return response

    with pytest.raises(UpstreamInvalid, match="larger than"):
        await client.send(HttpRequest("GET", await serve(handler)))


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(300)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    ],
    ids=["another protocol", "status", "long header", "many headers", "cut body", "bad chunk"],
)
async def test_an_answer_that_is_not_http_within_limits_is_invalid(
    client: HttpClient, raw: Raw, answer: bytes
) -> None:
    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    with pytest.raises(UpstreamInvalid):
        await client.send(HttpRequest("GET", await raw(write)))


@pytest.mark.parametrize("status", ["000", "099", "101", "600", "999"])
async def test_a_status_outside_200_to_599_is_invalid(client: HttpClient, raw: Raw, status: str) -> None:
    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} Odd\r\nContent-Length: 2\r\n\r\n{{}}".encode())

    with pytest.raises(UpstreamInvalid, match=f"status {status}, which is no status of an HTTP answer"):
        await client.send(HttpRequest("GET", await raw(write)))


async def test_a_server_that_hangs_up_is_unreachable(client: HttpClient, raw: Raw) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    with pytest.raises(UpstreamUnreachable, match="closed the connection"):
        await client.send(HttpRequest("POST", await raw(hang_up), body=b"x"))


async def test_a_port_nobody_listens_on_is_unreachable(client: HttpClient, raw: Raw) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(UpstreamUnreachable, match="cannot be connected to"):
        await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/?key=secret"))


class Names(AbstractResolver):
    """The addresses of names, one after the other; none for a name that does not exist."""

    def __init__(self, **addresses: list[str]) -> None:
        self._addresses = {name.replace("_", "."): list(listed) for name, listed in addresses.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if not self._addresses.get(host):
            raise OSError(None, "no such name")
        address = self._addresses[host].pop(0)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


async def test_a_name_that_does_not_exist_is_unreachable() -> None:
    async with HttpClient(Guard(), resolver=Names()) as http:
        with pytest.raises(UpstreamUnreachable, match=r"api\.test cannot be resolved"):
            await http.send(HttpRequest("GET", "http://api.test/"))


async def test_a_name_that_moves_to_a_private_address_is_denied(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="here", headers={"Connection": "close"})

    port = (await serve(handler)).rpartition(":")[2]
    names = Names(api_test=["127.0.0.1", "10.0.0.1"])
    async with HttpClient(Guard(["127.0.0.0/8"]), HttpLimits(name_seconds=0), resolver=names) as http:
        request = HttpRequest("GET", f"http://api.test:{port}/")
        assert (await http.send(request)).body == b"here"
        with pytest.raises(EgressDenied, match=r"api\.test is, or resolves to"):
            await http.send(request)


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///x",
        "nonsense",
        "http://a b/",
        "http://user:pw@127.0.0.1/",
        f"http://{'a' * 64}.test/",
        f"http://{'a.' * 130}test/",
    ],
)
async def test_an_address_that_is_no_plain_url_is_refused(client: HttpClient, url: str) -> None:
    with pytest.raises((UpstreamUnreachable, EgressDenied)):
        await client.send(HttpRequest("GET", url))


LONGEST_LABEL = "a" * 63
LONGEST_NAME = ".".join([LONGEST_LABEL] * 3 + ["a" * 61])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"{LONGEST_LABEL}.test", "cannot be resolved"),
        (f"{LONGEST_LABEL}a.test", "is not a plain URL"),
        (LONGEST_NAME, "cannot be resolved"),
        (f"{LONGEST_NAME}a", "is not a plain URL"),
    ],
)
async def test_a_name_is_looked_up_unless_it_is_longer_than_the_dns_allows(name: str, reason: str) -> None:
    async with HttpClient(Guard(), resolver=Names()) as http:
        with pytest.raises(UpstreamUnreachable, match=reason):
            await http.send(HttpRequest("GET", f"http://{name}/"))


async def test_a_url_with_a_user_name_is_no_plain_url(client: HttpClient) -> None:
    with pytest.raises(UpstreamUnreachable, match="is not a plain URL"):
        await client.send(HttpRequest("GET", "http://user:pw@127.0.0.1:9/"))


async def test_a_server_that_never_answers_times_out(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(UpstreamTimeout, match=r"did not answer within 0\.05 seconds"):
        await client.send(HttpRequest("GET", await serve(handler), timeout_seconds=0.05))


async def test_a_server_that_stops_midway_times_out(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await asyncio.Event().wait()
        raise AssertionError

    base = await serve(handler)
    with pytest.raises(UpstreamTimeout):
        await client.send(HttpRequest("GET", base, timeout_seconds=0.05))
    response = await client.send(HttpRequest("GET", base, timeout_seconds=0.05, stream=lambda *_: True))
    assert response.stream is not None
    with pytest.raises(UpstreamTimeout, match="stopped sending"):
        async for _ in response.stream:
            pass


async def test_a_header_with_a_line_break_is_never_sent(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        raise AssertionError("was sent")

    with pytest.raises(BadRequest, match="header that cannot be sent"):
        await client.send(HttpRequest("GET", await serve(handler), {"X": "a\r\nY: b"}))


async def test_a_name_that_resolves_to_loopback_is_denied_when_connecting(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        raise AssertionError("was reached")

    port = (await serve(handler)).rpartition(":")[2]
    async with HttpClient(Guard()) as guarded:
        for host in ("localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "2130706433"):
            with pytest.raises(EgressDenied):
                await guarded.send(HttpRequest("GET", f"http://{host}:{port}/"))


async def test_a_body_is_streamed_where_the_request_says_so(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/pdf", "Content-Encoding": "gzip"})
        await response.prepare(request)
        data = gzip.compress(b"z" * 3_000_000)
        for start in range(0, len(data), 500):
            await response.write(data[start : start + 500])
        return response

    request = HttpRequest(
        "GET",
        await serve(handler),
        stream=lambda status, headers: headers["content-type"] == "application/pdf",
    )
    response = await client.send(request)
    assert response.body == b""
    assert response.stream is not None
    total = 0
    async for chunk in response.stream:
        total += len(chunk)
    assert total == 3_000_000


async def test_a_stream_can_be_closed_unread(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 5_000_000)

    response = await client.send(HttpRequest("GET", await serve(handler), stream=lambda *_: True))
    assert response.stream is not None
    await response.stream.close()


async def test_a_body_that_is_an_iterator_is_sent_as_it_comes(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def parts() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    response = await client.send(HttpRequest("POST", await serve(handler), body=parts()))
    assert response.body == b"one two"


async def _yield_parts() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


async def test_a_streamed_body_of_declared_length_is_sent_with_it(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert (request.headers["Content-Length"], "Transfer-Encoding" in request.headers) == ("7", False)
        return web.Response(body=await request.read())

    request = HttpRequest("POST", await serve(handler), body=_yield_parts(), body_length=7)
    assert (await client.send(request)).body == b"one two"


@pytest.mark.parametrize("length", [6, 8])
async def test_a_streamed_body_of_another_length_than_declared_is_the_callers_mistake(
    client: HttpClient, serve: Serve, length: int
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    with pytest.raises(BadRequest, match=f"not of the length that was declared for it, {length} bytes"):
        await client.send(HttpRequest("POST", await serve(handler), body=_yield_parts(), body_length=length))


async def test_a_stream_whose_answer_breaks_off_says_so(client: HttpClient, raw: Raw) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    response = await client.send(HttpRequest("GET", await raw(answer), stream=lambda *_: True))
    assert response.stream is not None
    with pytest.raises(UpstreamInvalid, match="broke off before its end"):
        async for _ in response.stream:
            pass


async def test_an_answer_that_is_not_to_be_streamed_is_read(client: HttpClient, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=404, text="none")

    response = await client.send(
        HttpRequest("GET", await serve(handler), stream=lambda status, headers: status == 200)
    )
    assert (response.body, response.stream) == (b"none", None)


async def test_connections_are_kept_alive(client: HttpClient, serve: Serve) -> None:
    peers = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.json_response({})

    base = await serve(handler)
    for _ in range(5):
        await client.send(HttpRequest("GET", base))
    assert len(peers) == 1


async def test_a_name_is_looked_up_while_the_threads_of_the_loop_are_busy(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="here")

    port = (await serve(handler)).rpartition(":")[2]
    done = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, done.wait)
    try:
        async with HttpClient(Guard(["127.0.0.0/8", "::1/128"])) as http:
            request = HttpRequest("GET", f"http://localhost:{port}/", timeout_seconds=5)
            assert (await http.send(request)).body == b"here"
            looking = [each for each in threading.enumerate() if each.name.startswith("isthmus-names")]
            assert looking
    finally:
        done.set()
        await busy
    for thread in looking:
        thread.join(5)
    assert not any(thread.is_alive() for thread in looking)


async def test_a_slow_provider_leaves_connections_to_the_others(serve: Serve) -> None:
    slow: list[web.Request] = []
    two, end = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        slow.append(request)
        if len(slow) == 2:
            two.set()
        await end.wait()
        return web.Response()

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="here")

    slow_base, base = await serve(hang), await serve(handler)
    limits = HttpLimits(connections=3, host_connections=2)
    async with HttpClient(Guard(["127.0.0.0/8"]), limits) as http:
        waiting = [asyncio.create_task(http.send(HttpRequest("GET", slow_base))) for _ in range(3)]
        await two.wait()
        assert (await http.send(HttpRequest("GET", base, timeout_seconds=5))).body == b"here"
        assert len(slow) == 2
        end.set()
        await asyncio.gather(*waiting)
