"""A provider, a database or a caller that is away: no token is lost, and no account judged by it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.background import until
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.credentials.authority import Authority, call, connect, journal_of, with_time

from isthmus.accounts import Connections
from isthmus.accounts.credentials.refresh_lease import LEASE_DURATION, LEASE_EXTENSION_INTERVAL_SECONDS
from isthmus.accounts.credentials.refresh_store import RefreshStore
from isthmus.db import Database
from isthmus.db.answer_limit import ANSWER_LIMIT, CALLER_WAITS
from isthmus.errors import AccountNeedsReauth, TokenEndpointFailed, UpstreamUnreachable


async def test_an_outage_leaves_the_account_and_is_met_with_patience(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.script = [(503, {}), (None, None), (429, {})]
    task = asyncio.ensure_future(call(connections, desk, id))
    started = clock.monotonic()
    while not task.done():
        await clock.advance(0.5)
        await asyncio.wait({task}, timeout=0.02)
    await task
    assert len(authority.refreshes) == 4
    assert clock.monotonic() - started >= 7
    assert (await desk.get(id))["status"] == "active"


async def test_an_outage_that_lasts_fails_the_calls_alone_and_is_not_waited_out_by_each(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.script = [(503, {})] * 4
    task = asyncio.ensure_future(call(connections, desk, id))
    while not task.done():
        await clock.advance(0.5)
        await asyncio.wait({task}, timeout=0.02)
    with pytest.raises(TokenEndpointFailed):
        await task
    with pytest.raises(TokenEndpointFailed):
        await call(connections, desk, id)
    assert len(authority.refreshes) == 4
    await clock.advance(6)
    await call(connections, desk, id)
    assert (await desk.get(id))["status"] == "active"


async def test_an_outage_does_not_hold_up_a_token_that_is_still_good(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=30)
    authority.script = [(404, {})]
    await call(connections, desk, id)
    assert authority.served == 1


@pytest.mark.parametrize(("ends_in", "served"), [(0.001, 1), (0, 0)])
async def test_an_outage_fails_calls_from_the_end_of_the_token_on(
    connections: Connections,
    desk: Desk,
    authority: Authority,
    clock: WatchedClock,
    ends_in: float,
    served: int,
) -> None:
    id = await connect(desk, clock, ends_in=ends_in)
    authority.script = [(404, {})]
    with suppress(TokenEndpointFailed):
        await call(connections, desk, id)
    assert authority.served == served


@pytest.mark.parametrize(("seconds", "refreshes"), [(4.999, 1), (5.0, 2)])
async def test_nobody_asks_again_for_five_seconds_after_an_outage(
    connections: Connections,
    desk: Desk,
    authority: Authority,
    clock: WatchedClock,
    seconds: float,
    refreshes: int,
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.script = [(404, {})]
    with pytest.raises(TokenEndpointFailed):
        await call(connections, desk, id)
    await clock.advance(seconds)
    with suppress(TokenEndpointFailed):
        await call(connections, desk, id)
    assert len(authority.refreshes) == refreshes


async def test_outages_keep_no_frames_and_are_forgotten_after_five_seconds(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    refresher = connections._parts.refresher
    for _ in range(3):
        id = await connect(desk, clock, ends_in=0)
        authority.script = [(404, {})]
        for _ in range(2):  # the second is told of the first
            with pytest.raises(TokenEndpointFailed, match="404") as caught:
                await call(connections, desk, id)
        assert caught.value.status == 502
        (_, kept) = refresher._outages[id]
        assert (kept.__traceback__, kept.__cause__, kept.__context__) == (None, None, None)
        await clock.advance(6)
    assert len(refresher._outages) == 1


async def test_what_never_arrived_is_no_loss(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    """A refusal after it is told as the provider put it."""
    id = await connect(desk, clock, ends_in=0)
    url, row = authority.url, await desk.get(id)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        await desk.update(id, context={"url": f"http://127.0.0.1:{closed.getsockname()[1]}"})
        with pytest.raises(UpstreamUnreachable):
            await with_time(asyncio.ensure_future(call(connections, desk, id)), clock)
    assert (await journal_of(database, id))["state"] == "failed"
    await clock.advance(6)
    await desk.update(id, context={"url": url})
    authority.refresh = "rt-elsewhere"
    with pytest.raises(AccountNeedsReauth):
        await call(connections, desk, id)
    row = await desk.get(id)
    assert (row["status"], "cut off" in row["last_error"]) == ("needs_reauth", False)


async def test_a_database_that_is_away_when_the_answer_comes_does_not_cost_the_token(
    connections: Connections,
    desk: Desk,
    database: Database,
    authority: Authority,
    clock: WatchedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    write, failures = database.write, iter([OSError("away"), OSError("away")])

    def away() -> Any:
        for failed in failures:
            raise failed
        return write()

    monkeypatch.setattr(database, "write", away)
    authority.gate.set()
    await with_time(task, clock, 0.1)
    assert (len(authority.refreshes), authority.served) == (1, 1)


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (OSError("away"), "the database is away (no connection): leases of token refreshes are not extended"),
        (ProgrammingError("UPDATE", None, ValueError()), "refresh was not extended: ProgrammingError"),
    ],
    ids=["outage", "refused statement"],
)
async def test_a_lease_that_could_not_be_extended_is_extended_the_next_time(
    connections: Connections,
    desk: Desk,
    database: Database,
    authority: Authority,
    clock: WatchedClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    logged: str,
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    write, errors = database.write, [error]

    def fail_once() -> AbstractAsyncContextManager[AsyncConnection]:
        if errors:
            raise errors.pop()
        return write()

    async def is_extended() -> bool:
        until_when: datetime = (await journal_of(database, id))["lease_until"]
        return until_when == clock.now() + LEASE_DURATION

    monkeypatch.setattr(database, "write", fail_once)
    await until(lambda: clock.sleepers)
    await clock.advance(LEASE_EXTENSION_INTERVAL_SECONDS)
    assert logged in caplog.text
    assert not await is_extended()
    await clock.advance(LEASE_EXTENSION_INTERVAL_SECONDS)
    await until(is_extended, seconds=5)
    authority.gate.set()
    await task


async def test_a_renewal_ends_although_who_asked_for_it_went_away(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    task.cancel()
    await asyncio.wait({task})
    closing = asyncio.ensure_future(connections.close())
    await asyncio.wait({closing}, timeout=0.02)
    assert not closing.done()  # as at a stop of the process: the answer is waited for
    authority.gate.set()
    await closing
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")
    assert connection.upstream.context["oauth"]["token"]["access_token"] == "at-1"


async def test_a_refresh_has_not_the_limit_of_the_request_that_began_it(
    connections: Connections,
    desk: Desk,
    authority: Authority,
    clock: WatchedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = await connect(desk, clock, ends_in=0)
    limits: list[float | None] = []
    take_lease = RefreshStore.take_lease

    async def note_limit(*arguments: Any, **options: Any) -> Any:
        limits.append(ANSWER_LIMIT.get())
        return await take_lease(*arguments, **options)

    monkeypatch.setattr(RefreshStore, "take_lease", note_limit)
    limit = ANSWER_LIMIT.set(CALLER_WAITS)
    await call(connections, desk, id)
    assert (limits, ANSWER_LIMIT.get()) == ([None], CALLER_WAITS)
    ANSWER_LIMIT.reset(limit)
