"""The fake provider does what its tests rely on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests.fakes.clock import VirtualClock
from tests.fakes.larkdesk import KEY, Fault, Larkdesk, Records, RequestLimit, running

HEADERS = {"X-Lark-Key": KEY}


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def desk(clock: VirtualClock) -> AsyncIterator[Larkdesk]:
    async with running(Larkdesk(clock=clock, limit=RequestLimit(None), records=Records(tickets=450))) as it:
        yield it


@pytest.fixture
async def client(desk: Larkdesk) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(desk.url, headers=HEADERS) as session:
        yield session


async def read(client: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with client.get(path) as response:
        return response.status, await response.json()


async def test_cursor_pages_hold_each_record_once(client: aiohttp.ClientSession) -> None:
    seen: list[int] = []
    path = "/v1/tickets?size=200"
    pages = 0
    while path:
        _, page = await read(client, path)
        seen += [record["number"] for record in page["items"]]
        after = page["paging"]["after"]
        path = f"/v1/tickets?size=200&after={after}" if after else ""
        pages += 1
    assert seen == list(range(1, 451))
    assert pages == 3


async def test_writes_are_seen_in_later_reads(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/tickets", json={"subject": "Lid stuck"}) as response:
        number = (await response.json())["number"]
    assert number == 451
    async with client.patch("/v1/tickets/451", json={"state": "solved"}) as response:
        assert (await response.json())["subject"] == "Lid stuck"
    async with client.delete("/v1/tickets/1") as response:
        assert response.status == 204
    assert (await read(client, "/v1/tickets/1"))[0] == 404
    assert (await read(client, "/v1/tickets?size=1"))[1]["items"][0]["number"] == 2


async def test_a_missing_key_is_refused(desk: Larkdesk) -> None:
    async with aiohttp.ClientSession(desk.url) as session:
        status, body = await read(session, "/v1/tickets")
    assert (status, body["fault"]["code"]) == (401, "bad_key")


@pytest.mark.parametrize("tells_wait", [True, False])
async def test_the_sixth_request_of_a_second_starts_a_wait(
    desk: Larkdesk, client: aiohttp.ClientSession, clock: VirtualClock, tells_wait: bool
) -> None:
    desk.limit = RequestLimit(5, wait_seconds=3, tells_wait=tells_wait)
    statuses = [(await read(client, "/v1/users"))[0] for _ in range(5)]
    async with client.get("/v1/users") as response:
        assert response.status == 429
        assert response.headers.get("retry-after") == ("3" if tells_wait else None)
    await clock.advance(1)
    assert (await read(client, "/v1/users"))[0] == 429
    await clock.advance(2)
    assert (await read(client, "/v1/users"))[0] == 200
    assert statuses == [200] * 5
    assert [visit.inside_wait for visit in desk.visits] == [False] * 6 + [True, False]
    assert desk.visits[6].seconds_into_wait == 1
    assert desk.visits[5].wait_until == 3


async def test_each_fault_strikes_as_often_as_it_was_asked_to(
    desk: Larkdesk, client: aiohttp.ClientSession
) -> None:
    desk.cue(Fault("status", code=503, times=2))
    desk.cue(Fault("unauthorized"))
    statuses = [(await read(client, "/v1/users"))[0] for _ in range(4)]
    assert statuses == [503, 503, 401, 200]


async def test_garbage_is_announced_as_json(desk: Larkdesk, client: aiohttp.ClientSession) -> None:
    desk.cue(Fault("garbage"))
    async with client.get("/v1/users") as response:
        assert response.content_type == "application/json"
        with pytest.raises(ValueError, match="Expecting"):
            await response.json()


async def test_a_huge_body_is_as_large_as_asked(desk: Larkdesk, client: aiohttp.ClientSession) -> None:
    desk.cue(Fault("huge", size=1_000_000))
    async with client.get("/v1/users") as response:
        assert 900_000 < len(await response.read()) <= 1_000_000


async def test_a_redirect_points_where_it_was_told_to(desk: Larkdesk, client: aiohttp.ClientSession) -> None:
    desk.cue(Fault("redirect", location="http://10.0.0.1/elsewhere"))
    async with client.get("/v1/users", allow_redirects=False) as response:
        assert (response.status, response.headers["location"]) == (302, "http://10.0.0.1/elsewhere")


async def test_an_empty_page_loses_nothing(desk: Larkdesk, client: aiohttp.ClientSession) -> None:
    desk.cue(Fault("empty_page"))
    _, empty = await read(client, "/v1/users?size=2")
    assert empty["items"] == []
    _, page = await read(client, f"/v1/users?size=2&after={empty['paging']['after']}")
    assert [record["number"] for record in page["items"]] == [1, 2]


async def test_a_dropped_connection_is_no_answer(desk: Larkdesk, client: aiohttp.ClientSession) -> None:
    desk.cue(Fault("reset", times=None))
    with pytest.raises(aiohttp.ClientError):
        await client.get("/v1/users")


async def test_a_held_back_answer_comes_when_the_clock_says_so(
    desk: Larkdesk, client: aiohttp.ClientSession, clock: VirtualClock
) -> None:
    desk.cue(Fault("hang", seconds=30))
    answer = asyncio.ensure_future(read(client, "/v1/users"))
    await desk.holding.wait()
    assert not answer.done()
    await clock.advance(30)
    assert (await answer)[0] == 503


async def test_the_control_door_reaches_another_process(
    desk: Larkdesk, client: aiohttp.ClientSession
) -> None:
    await client.post("/_control/faults", json={"kind": "status", "code": 418})
    await client.put("/_control/limit", json={"requests": 1})
    assert (await read(client, "/v1/users"))[0] == 418
    assert (await read(client, "/v1/users"))[0] == 429
    async with client.get("/_control/visits") as response:
        visits = await response.json()
    assert [visit["status"] for visit in visits] == [418, 429]


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault 'rain'"):
        Fault("rain")  # type: ignore[arg-type]  # the point of the test
