"""The lease on refreshing an account's credentials: who gets it, until when, and who has lost it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.locks import wait_until_blocking
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.credentials.authority import connect

from isthmus.accounts.credentials.refresh_lease import (
    LEASE_DURATION,
    Outcome,
    RefreshLease,
    end_all_leases,
    end_lease,
    extend_lease,
    take_lease,
)
from isthmus.db import Database


@pytest.fixture
async def account(desk: Desk, clock: WatchedClock) -> str:
    return await connect(desk, clock)


async def take(database: Database, account: str, owner: str, credential: str = "rt-0") -> RefreshLease | None:
    async with database.write() as conn:
        return await take_lease(conn, account, owner, credential)


async def extend(database: Database, lease: RefreshLease) -> bool:
    async with database.write() as conn:
        return await extend_lease(conn, lease)


async def end(database: Database, lease: RefreshLease, outcome: Outcome = "committed") -> bool:
    async with database.write() as conn:
        return await end_lease(conn, lease, outcome)


async def test_a_lease_is_anothers_when_it_is_over_and_not_before(
    database: Database, account: str, clock: WatchedClock
) -> None:
    first = await take(database, account, "one")
    assert first is not None
    await clock.advance((LEASE_DURATION - timedelta(milliseconds=1)).total_seconds())
    assert await take(database, account, "two") is None
    await clock.advance(0.001)
    second = await take(database, account, "two")
    assert second is not None
    assert (first.epoch, second.epoch) == (1, 2)


async def test_an_extended_lease_lasts_from_then_on(
    database: Database, account: str, clock: WatchedClock
) -> None:
    lease = await take(database, account, "one")
    assert lease is not None
    await clock.advance(10)
    assert await extend(database, lease)
    await clock.advance(LEASE_DURATION.total_seconds() - 1)
    assert await take(database, account, "two") is None


@pytest.mark.both_databases
async def test_a_lease_that_is_just_being_extended_is_waited_for_and_not_taken(
    database: Database, account: str, clock: WatchedClock
) -> None:
    lease = await take(database, account, "one")
    assert lease is not None
    await clock.advance(LEASE_DURATION.total_seconds())
    async with database.write() as conn:
        assert await extend_lease(conn, lease)
        taking = asyncio.ensure_future(take(database, account, "two"))
        await wait_until_blocking(conn, taking)
    assert await taking is None


async def test_who_lost_a_lease_can_neither_extend_nor_end_it(
    database: Database, account: str, clock: WatchedClock
) -> None:
    lost = await take(database, account, "one")
    await clock.advance(LEASE_DURATION.total_seconds())
    held = await take(database, account, "two")
    assert lost is not None
    assert held is not None
    assert not await extend(database, lost)
    assert not await end(database, lost)
    assert await extend(database, held)


async def test_an_ended_lease_is_not_extended_and_may_be_ended_again(
    database: Database, account: str
) -> None:
    lease = await take(database, account, "one")
    assert lease is not None
    assert await end(database, lease)
    assert not await extend(database, lease)
    assert await end(database, lease)
    assert await take(database, account, "two") is not None


@pytest.mark.parametrize(
    ("outcome", "credential", "follows"),
    [
        (None, "rt-0", True),
        ("started", "rt-0", True),
        (None, "rt-1", False),
        ("failed", "rt-0", False),
        ("committed", "rt-0", False),
        ("refused", "rt-0", False),
    ],
)
async def test_only_the_same_credential_without_a_known_end_may_have_been_used_up(
    database: Database,
    account: str,
    clock: WatchedClock,
    outcome: Outcome | None,
    credential: str,
    follows: bool,
) -> None:
    first = await take(database, account, "one", "rt-0")
    assert first is not None
    assert not first.follows_unfinished_attempt
    if outcome is None:
        await clock.advance(LEASE_DURATION.total_seconds())
    else:
        await end(database, first, outcome)
    second = await take(database, account, "two", credential)
    assert second is not None
    assert second.follows_unfinished_attempt is follows


async def test_releasing_all_leases_keeps_how_their_attempts_stand(database: Database, account: str) -> None:
    await take(database, account, "one")
    async with database.write() as conn:
        await end_all_leases(conn)
    second = await take(database, account, "two")
    assert second is not None
    assert second.follows_unfinished_attempt
