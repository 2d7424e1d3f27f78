"""Connections are shared out among hosts and accounts, and waiting for one is told apart from waiting for a
provider."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.unit.http.conftest import Serve

from isthmus.errors import NoFreeConnection, UpstreamTimeout
from isthmus.http import Guard, HttpClient, HttpLimits, HttpRequest
from isthmus.http.connection_shares import ConnectionLimits, ConnectionShares, ConnectionSlot

HOST, OTHER = ("api.example.com", 443), ("other.example.com", 443)


class SlowProvider:
    """Answers only what it is told to; `paths` are those of the requests that arrived, in order."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.arrived = asyncio.Condition()
        self.go_on = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        async with self.arrived:
            self.paths.append(request.path)
            self.arrived.notify_all()
        if request.path == "/elsewhere":
            return web.Response(status=307, headers={"location": "/there"})
        await self.go_on.wait()
        return web.Response(text=request.path)

    async def wait_for(self, number: int) -> None:
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.paths) >= number)


@asynccontextmanager
async def slow(serve: Serve, **limits: float) -> AsyncIterator[tuple[SlowProvider, str, HttpClient]]:
    """A provider that answers nothing until the block ends, its address, and a client."""
    provider = SlowProvider()
    base = await serve(provider.answer)
    async with HttpClient(Guard(["127.0.0.0/8"]), HttpLimits(**limits)) as http:  # type: ignore[arg-type]  # numbers
        try:
            yield provider, base, http
        finally:
            provider.go_on.set()


def waiting(shares: ConnectionShares, host: tuple[str, int], share: str) -> asyncio.Task[ConnectionSlot]:
    return asyncio.create_task(shares.wait(host, share, 60))


def make_shares(total: int = 100, per_host: int = 100, per_share: int = 100) -> ConnectionShares:
    return ConnectionShares(ConnectionLimits(total, per_host, per_share))


async def test_an_account_with_slow_answers_leaves_connections_to_the_others(serve: Serve) -> None:
    async with slow(serve, host_connections=3, account_connections=2) as (provider, base, http):
        busy = [asyncio.create_task(http.send(HttpRequest("GET", f"{base}/busy"), "busy")) for _ in range(4)]
        await provider.wait_for(2)
        other = asyncio.create_task(http.send(HttpRequest("GET", f"{base}/other"), "other"))
        await asyncio.wait_for(provider.wait_for(3), 5)
        assert provider.paths == ["/busy", "/busy", "/other"]
        provider.go_on.set()
        await asyncio.gather(*busy, other)
        assert len(provider.paths) == 5


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"account_connections": 1}, "all 1 connections to it that one account may have are in use"),
        ({"host_connections": 1}, "all 1 connections to it are in use"),
        ({"connections": 1}, "all 1 connections of this process are in use"),
    ],
    ids=["account", "host", "process"],
)
async def test_a_request_that_gets_no_connection_says_that_it_was_not_sent(
    serve: Serve, limits: dict[str, float], reason: str
) -> None:
    async with slow(serve, connect_seconds=0.5, **limits) as (provider, base, http):
        first = asyncio.create_task(http.send(HttpRequest("GET", f"{base}/first"), "one"))
        await provider.wait_for(1)
        with pytest.raises(NoFreeConnection) as refused:
            await http.send(HttpRequest("POST", f"{base}/second"), "one")
        provider.go_on.set()
        await first
    error = refused.value
    assert error.message == (
        f"No connection to 127.0.0.1 was free within 0.5 seconds, so the request was not sent: {reason}."
    )
    assert (error.status, error.headers, error.is_possibly_delivered) == (503, {"retry-after": "5"}, False)
    assert provider.paths == ["/first"]


async def test_waiting_for_a_connection_is_not_the_time_of_the_provider(serve: Serve) -> None:
    async with slow(serve, account_connections=1) as (provider, base, http):
        first = asyncio.create_task(http.send(HttpRequest("GET", f"{base}/first"), "one"))
        await provider.wait_for(1)
        second = asyncio.create_task(http.send(HttpRequest("GET", base, timeout_seconds=0.2), "one"))
        done, _ = await asyncio.wait({second}, timeout=0.4)  # twice the time that its provider has
        assert not done
        provider.go_on.set()
        await first
        assert (await second).seconds < 0.2


async def test_a_redirect_that_gets_no_connection_is_not_called_unsent(serve: Serve) -> None:
    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"location": f"{base}/there"})

    async with slow(serve, host_connections=1, connect_seconds=0.5) as (provider, base, http):
        first = asyncio.create_task(http.send(HttpRequest("GET", f"{base}/first"), "one"))
        await provider.wait_for(1)
        with pytest.raises(NoFreeConnection, match="so the redirect to it was not followed") as refused:
            await http.send(HttpRequest("POST", await serve(redirect)), "other")
        assert refused.value.is_possibly_delivered
        provider.go_on.set()
        await first


async def test_every_end_of_a_request_frees_its_connection(serve: Serve) -> None:
    async with slow(serve, account_connections=1, connect_seconds=0.5) as (provider, base, http):
        with pytest.raises(UpstreamTimeout):
            await http.send(HttpRequest("GET", base, timeout_seconds=0.01), "one")
        with pytest.raises(UpstreamTimeout):  # after its redirect
            await http.send(HttpRequest("GET", f"{base}/elsewhere", timeout_seconds=0.05), "one")
        cancelled = asyncio.create_task(http.send(HttpRequest("GET", f"{base}/cancelled"), "one"))
        await provider.wait_for(len(provider.paths) + 1)
        cancelled.cancel()
        await asyncio.wait({cancelled})
        provider.go_on.set()
        streamed = await http.send(HttpRequest("GET", base, stream=lambda *_: True), "one")
        with pytest.raises(NoFreeConnection):  # its body is not read yet
            await http.send(HttpRequest("GET", base), "one")
        assert streamed.stream is not None
        await streamed.stream.close()
        assert (await http.send(HttpRequest("GET", base), "one")).status == 200


async def test_a_connection_goes_past_a_request_that_has_just_given_up() -> None:
    shares = make_shares(per_host=1)
    taken = shares.take(HOST, "a")
    assert taken is not None
    gone, patient = waiting(shares, HOST, "a"), waiting(shares, HOST, "a")
    await asyncio.sleep(0)
    gone.cancel()
    taken.release()  # in the same turn of the loop
    with pytest.raises(asyncio.CancelledError):
        await gone
    (await patient).release()
    assert shares.take(HOST, "a") is not None


async def test_free_connections_go_to_the_accounts_in_turn() -> None:
    shares = make_shares(per_host=1)
    order: list[str] = []

    async def use(share: str) -> None:
        slot = await shares.wait(HOST, share, 60)
        order.append(share)
        slot.release()

    held = shares.take(HOST, "busy")
    assert held is not None
    uses = [asyncio.create_task(use(share)) for share in ("busy", "busy", "busy", "quiet", "rare")]
    await asyncio.sleep(0)
    held.release()
    await asyncio.gather(*uses)
    assert order == ["busy", "quiet", "rare", "busy", "busy"]


@pytest.mark.parametrize("free", [lambda slot: slot.release(), lambda _: None], ids=["released", "dropped"])
async def test_a_slot_is_free_again(free: Callable[[ConnectionSlot], None]) -> None:
    shares = make_shares(per_share=1)
    slot = shares.take(HOST, "one")
    assert slot is not None
    assert shares.take(HOST, "one") is None
    free(slot)
    del slot
    gc.collect()
    assert shares.take(HOST, "one") is not None


async def test_a_slot_is_freed_once() -> None:
    shares = make_shares(per_share=2)
    first, second = shares.take(HOST, "one"), shares.take(HOST, "one")
    assert first is not None
    assert second is not None
    first.release()
    first.release()
    third = shares.take(HOST, "one")
    assert third is not None
    assert shares.take(HOST, "one") is None


async def test_a_full_process_gives_a_free_connection_to_another_host() -> None:
    shares = make_shares(total=1)
    held = shares.take(HOST, "one")
    assert held is not None
    same, other = waiting(shares, HOST, "one"), waiting(shares, OTHER, "two")
    await asyncio.sleep(0)
    held.release()
    (await same).release()
    (await other).release()
    assert shares.take(OTHER, "two") is not None


async def test_one_that_gave_up_takes_no_connection_from_those_that_wait() -> None:
    shares = make_shares(per_host=1)
    held = shares.take(HOST, "one")
    assert held is not None
    gone, served_late, last = (waiting(shares, HOST, "one") for _ in range(3))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    held.release()
    served_late.cancel()  # it has got the slot, but did not run yet
    await asyncio.wait({served_late})
    assert (await asyncio.wait_for(last, 1)) is not None
