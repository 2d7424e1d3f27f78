"""One renewal for all who wait, in a process and between two; what came meanwhile is not overwritten."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from tests.background import until
from tests.locks import wait_until_blocking
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.credentials.authority import (
    ACTION,
    DEFINITION,
    Authority,
    call,
    connect,
    journal_of,
    with_time,
)

from isthmus.accounts import Accounts, Connections
from isthmus.accounts.credentials.refresh_lease import LEASE_DURATION, LEASE_EXTENSION_INTERVAL_SECONDS
from isthmus.api.call_parsing import parse_call
from isthmus.db import Database
from isthmus.db.tables import credential_refresh
from isthmus.engine import proxy

pytestmark = pytest.mark.both_databases


async def test_a_race_of_fifty_calls_on_an_ended_token_is_one_refresh(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    await asyncio.gather(*(call(connections, desk, id) for _ in range(50)))
    assert (len(authority.refreshes), authority.served) == (1, 50)


async def test_a_race_of_fifty_refused_calls_is_one_refresh(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=None)
    authority.access = "at-elsewhere"
    await asyncio.gather(*(call(connections, desk, id) for _ in range(50)))
    assert (len(authority.refreshes), authority.served) == (1, 50)


async def test_a_race_of_two_processes_is_one_refresh(
    connections: Connections, other: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    calls = [asyncio.ensure_future(call(each, desk, id)) for each in (connections, other) for _ in range(5)]
    await until(lambda: clock.sleepers == 2)  # one process asks the provider, the other looks at the row
    authority.gate.set()
    pending: set[asyncio.Future[Any]] = set(calls)
    while pending:
        await clock.advance(0.1)
        _, pending = await asyncio.wait(pending, timeout=0.02)
    assert (len(authority.refreshes), authority.served) == (1, 10)


async def test_a_process_that_lost_its_lease_writes_nothing_and_uses_what_the_other_got(
    connections: Connections,
    other: Connections,
    desk: Desk,
    database: Database,
    authority: Authority,
    clock: WatchedClock,
) -> None:
    """As one that was paused for longer than its lease: the provider takes the old token twice here."""
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    paused = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    async with database.write() as conn:
        passed = clock.now() - timedelta(seconds=1)
        await conn.execute(update(credential_refresh).values(lease_until=passed))
    authority.script = [(200, {"access_token": "late", "expires_in": 3600})]
    answer = authority.gate
    authority.gate = asyncio.Event()
    authority.gate.set()
    authority.script, late = [], authority.script
    await call(other, desk, id)
    authority.script = late
    answer.set()
    await with_time(paused, clock, 0.1)
    connection = await other.open(desk.scope.environment_id, id, request_id="r")
    assert connection.upstream.context["oauth"]["token"]["access_token"] == "at-1"
    assert (len(authority.refreshes), authority.served) == (2, 2)
    assert (await journal_of(database, id))["epoch"] == 2


@pytest.mark.parametrize("definition", [DEFINITION, DEFINITION + ACTION], ids=["grant", "action"])
async def test_a_lease_lasts_as_long_as_its_process_lives(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    for _ in range(10):
        await until(lambda: clock.sleepers)
        await clock.advance(LEASE_EXTENSION_INTERVAL_SECONDS)
        await until(lambda: _lasts(database, id, clock))
    authority.gate.set()
    await task
    assert len(authority.refreshes) == 1
    row = await journal_of(database, id)
    assert (row["lease_until"], row["state"]) == (None, "committed")


async def _lasts(database: Database, id: str, clock: WatchedClock) -> bool:
    until_when = (await journal_of(database, id))["lease_until"]
    return bool(until_when > clock.now() + LEASE_DURATION / 2)


async def test_credentials_that_came_while_the_provider_was_asked_stay(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    """A reconnect, say. The late answer is of the grant before."""
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    end = (clock.now() + timedelta(hours=1)).isoformat()
    token = {"access_token": "at-new", "refresh_token": "rt-new", "expires_at": end}
    await desk.update(id, context={"oauth": {"token": token}})
    authority.script = [(200, {"access_token": "late", "refresh_token": "late", "expires_in": 3600})]
    authority.access = "at-new"
    authority.gate.set()
    await with_time(task, clock, 0.1)
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")
    held = connection.upstream.context["oauth"]["token"]
    assert (held["access_token"], held["refresh_token"]) == ("at-new", "rt-new")


async def test_credentials_that_are_just_being_replaced_are_waited_for_and_used(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    end = (clock.now() + timedelta(hours=1)).isoformat()
    token = {"access_token": "at-new", "refresh_token": "rt-new", "expires_at": end}
    authority.access = "at-new"
    async with database.write() as conn:
        await Accounts(conn, desk.scope).update(id, {"context": {"oauth": {"token": token}}})
        task = asyncio.ensure_future(call(connections, desk, id))
        await wait_until_blocking(conn, task)
    await task
    assert (authority.refreshes, authority.served) == ([], 1)


async def test_a_refusal_of_credentials_that_were_replaced_meanwhile_says_nothing(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    end = (clock.now() + timedelta(hours=1)).isoformat()
    token = {"access_token": "at-new", "refresh_token": "rt-new", "expires_at": end}
    await desk.update(id, context={"oauth": {"token": token}})
    authority.access, authority.refresh = "at-new", "rt-new"
    authority.gate.set()
    await with_time(task, clock, 0.1)
    assert (await desk.get(id))["status"] == "active"
    assert "authentication_error" not in await desk.told(id)


async def test_what_others_renewed_long_ago_is_renewed_again_where_it_ended_too(
    connections: Connections, other: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    """A page of a long walk: its process looked last when the token before was good."""
    id = await connect(desk, clock, ends_in=None)
    held = await connections.open(desk.scope.environment_id, id, request_id="r")
    authority.access, authority.seconds = "at-elsewhere", None
    await call(other, desk, id)
    authority.access = "at-elsewhere-again"  # what the other got has ended as well, and nobody knows
    await proxy.call_method(held.upstream, held.definition, "tickets", parse_call("list"))
    assert (len(authority.refreshes), (await desk.get(id))["status"]) == (2, "active")
