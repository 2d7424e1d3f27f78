"""A real uvicorn on loopback, and clients that do not get to the end of their request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

import pytest
from uvicorn.server import ServerState

from isthmus.cli.server.http_protocol import BoundedHttpProtocol
from isthmus.cli.server.serve import _make_uvicorn_config
from isthmus.errors import UpstreamInvalid

Connect = Callable[[type[BoundedHttpProtocol]], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Hasty(BoundedHttpProtocol):
    HEAD_SECONDS = 0.02
    BODY_SECONDS = 0.05


Periods = asyncio.Queue[None]


class Watched(BoundedHttpProtocol):
    """Tells of each period in which a body was waited for."""

    BODY_SECONDS = 0.05
    periods: ClassVar[Periods]

    def _check_body_rate(self) -> None:
        super()._check_body_rate()
        self.periods.put_nowait(None)


@pytest.fixture
def periods() -> Periods:
    Watched.periods = asyncio.Queue()
    return Watched.periods


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with how many headers it was given, once it has read the body: `/later` after two periods,
    `/refused` not at all, `/cut` a part of it."""
    for _ in range(2 if scope["path"] == "/later" else 0):
        await Watched.periods.get()
    while scope["path"] != "/refused" and (await receive()).get("more_body"):
        pass
    if scope["path"] == "/cut":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise UpstreamInvalid("The answer of a.test broke off before its end.")
    body = str(len(scope["headers"])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    config = _make_uvicorn_config(app)
    config.load()
    state = ServerState()
    opened: list[asyncio.Server | asyncio.StreamWriter] = []

    async def open_connection(
        protocol: type[BoundedHttpProtocol],
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        server = await asyncio.get_running_loop().create_server(
            lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        opened.extend((server, writer))
        return reader, writer

    yield open_connection
    for each in opened:
        each.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head.split(b"\r\n")[0] + b" " + await reader.readexactly(1)


async def test_requests_are_served_one_after_another_on_one_connection(connect: Connect) -> None:
    reader, writer = await connect(BoundedHttpProtocol)
    for piece in (REQUEST + b"\r\n", REQUEST, b"A: b\r\n\r\n", REQUEST + b"A: b\r\n\r\n" + REQUEST + b"\r\n"):
        writer.write(piece)
        await writer.drain()
    answers = [await answer(reader) for _ in range(4)]
    assert answers == [b"HTTP/1.1 200 OK " + count for count in (b"1", b"2", b"2", b"1")]


async def test_a_head_that_does_not_end_is_refused(connect: Connect) -> None:
    reader, writer = await connect(BoundedHttpProtocol)
    writer.write(REQUEST + b"A: " + b"b" * BoundedHttpProtocol.HEAD_BYTES)
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 400")


class Narrow(BoundedHttpProtocol):
    HEAD_BYTES = 100
    BODY_BYTES = 4
    BODY_SECONDS = 0.2


async def test_a_head_may_be_as_long_as_the_limit_and_no_longer(connect: Connect) -> None:
    start = REQUEST + b"A: "
    whole = start + b"b" * (Narrow.HEAD_BYTES - len(start))
    reader, writer = await connect(Narrow)
    writer.write(whole)
    await asyncio.sleep(0.05)
    writer.write(b"\r\n\r\n")
    assert await asyncio.wait_for(answer(reader), 5) == b"HTTP/1.1 200 OK 2"
    reader, writer = await connect(Narrow)
    writer.write(whole + b"b")
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(("sent", "status"), [(4, b"HTTP/1.1 200"), (3, b"HTTP/1.1 408")])
async def test_a_body_that_is_just_fast_enough_is_waited_for(
    connect: Connect, sent: int, status: bytes
) -> None:
    reader, writer = await connect(Narrow)
    writer.write(REQUEST + b"Content-Length: 8\r\n\r\n")
    await asyncio.sleep(0.05)
    writer.write(b"x" * sent)
    await asyncio.sleep(0.25)
    if sent == Narrow.BODY_BYTES:
        writer.write(b"x" * (8 - sent))
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(status)


@pytest.mark.parametrize(
    ("request_line", "told"),
    [
        ("GET /contacts?integrated_account_id=… HTTP/1.1", "Percent-encode"),
        ("GET /kontakte/ü HTTP/1.1", "Percent-encode"),
        ("GET / HTTP/one", "Invalid HTTP request"),
    ],
)
async def test_what_is_no_request_is_told_as_any_other_error(
    connect: Connect, request_line: str, told: str
) -> None:
    reader, writer = await connect(BoundedHttpProtocol)
    writer.write(request_line.encode() + b"\r\nHost: x\r\n\r\n")
    head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/json\r\n" in head
    error = json.loads(body)
    assert (error["statusCode"], error["error"]) == (400, "Bad Request")
    assert told in error["message"]
    assert f"x-request-id: {error['isthmus_request_id']}\r\n".encode() in head


@pytest.mark.parametrize("start", [b"", b"GET / HT", REQUEST], ids=["nothing", "a line", "a header"])
async def test_a_head_that_does_not_come_is_not_waited_for(connect: Connect, start: bytes) -> None:
    reader, writer = await connect(Hasty)
    writer.write(start)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await asyncio.wait_for(reader.readexactly(1), 5)


async def test_trailers_are_dropped(connect: Connect) -> None:
    reader, writer = await connect(BoundedHttpProtocol)
    writer.write(
        REQUEST.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n0\r\nT: 1\r\nU: 2\r\n\r\n"
    )
    assert await answer(reader) == b"HTTP/1.1 200 OK 2"


POST = REQUEST.replace(b"GET", b"POST")


@pytest.mark.parametrize(
    "start",
    [
        b"Content-Length: 5000\r\n\r\n",
        b"Content-Length: 5000\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc",
    ],
    ids=["nothing", "a little", "a chunk"],
)
async def test_a_body_that_does_not_come_is_not_waited_for(connect: Connect, start: bytes) -> None:
    reader, writer = await connect(Hasty)
    writer.write(POST + start)
    answered = await asyncio.wait_for(reader.read(), 5)
    assert answered.startswith(b"HTTP/1.1 408")


async def test_a_body_that_comes_steadily_is_waited_for(connect: Connect, periods: Periods) -> None:
    reader, writer = await connect(Watched)
    writer.write(POST + f"Content-Length: {1024 * 8}\r\n\r\n".encode() + b"x" * 1024)
    for _ in range(7):
        await asyncio.wait_for(periods.get(), 5)
        writer.write(b"x" * 1024)
    assert await answer(reader) == b"HTTP/1.1 200 OK 2"


@pytest.mark.parametrize(
    ("header", "size"), [(b"", 500_000), (b"Expect: 100-continue\r\n", 10)], ids=["not read", "not asked for"]
)
async def test_a_body_that_the_server_lets_wait_is_no_fault_of_the_client(
    connect: Connect, periods: Periods, header: bytes, size: int
) -> None:
    reader, writer = await connect(Watched)
    length = f"Content-Length: {size}\r\n\r\n".encode()
    writer.write(POST.replace(b"/", b"/later", 1) + header + length)
    if header:
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 100")
    writer.write(b"x" * size)
    assert (await asyncio.wait_for(answer(reader), 5)).startswith(b"HTTP/1.1 200 OK")


async def test_a_refused_body_does_not_hold_the_connection(connect: Connect) -> None:
    reader, writer = await connect(Hasty)
    writer.write(POST.replace(b"/", b"/refused", 1) + b"Content-Length: 5000\r\n\r\nabc")
    assert (await asyncio.wait_for(answer(reader), 5)).startswith(b"HTTP/1.1 200 OK")
    writer.write(b"x")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await asyncio.wait_for(reader.readexactly(1), 5)


async def test_a_stream_that_the_provider_broke_off_is_a_warning_of_one_line(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await connect(BoundedHttpProtocol)
    writer.write(REQUEST.replace(b"/ ", b"/cut ", 1) + b"\r\n")
    assert b"part" in await reader.read()
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.getMessage() == "a streamed answer is cut: The answer of a.test broke off before its end."
