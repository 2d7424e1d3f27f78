"""A provider that is away while an account is validated: met with patience, and not taken for a verdict."""

from __future__ import annotations

import asyncio

import pytest
from tests.background import drain, tick, until
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.credentials.authority import with_time
from tests.unit.accounts.lifecycle.steps_provider import CREDENTIALS, PERIODIC, PREPARED, Product, connect

from isthmus.accounts.lifecycle.account_jobs import LIFECYCLE_JOB
from isthmus.db import Database
from isthmus.jobs import Handlers, read_job_status

pytestmark = pytest.mark.both_databases

AWAY = (503, {"message": "back soon"})


async def ticked(database: Database, handlers: Handlers, clock: WatchedClock) -> None:
    """What is due now is done, while time goes on for as long as that takes."""
    await with_time(asyncio.ensure_future(tick(database, handlers)), clock)


async def seconds_to_next(database: Database, id: str, clock: WatchedClock) -> float | None:
    async with database.read() as conn:
        moment = (await read_job_status(conn, LIFECYCLE_JOB, id)).run_at
    return None if moment is None else (moment - clock.now()).total_seconds()


async def fallen(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> str:
    """An account whose validation was asked for while its provider was away; its id."""
    id = await connect(desk)
    product.answers["/check"] = AWAY
    await with_time(asyncio.ensure_future(drain(database, handlers)), clock)
    assert (await desk.get(id))["status"] == "validation_error"
    return id


async def test_an_outage_of_seconds_is_waited_out(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await connect(desk)
    product.answers["/check"] = AWAY
    started = clock.monotonic()
    running = asyncio.ensure_future(drain(database, handlers))
    await until(lambda: "GET /check" in product.seen)
    while product.seen.count("GET /check") < 4:
        await clock.advance(0.5)
        await asyncio.wait({running}, timeout=0.02)
        if product.seen.count("GET /check") == 3:
            product.answers.clear()
    await with_time(running, clock)
    assert clock.monotonic() - started >= 7
    assert product.seen.count("GET /check") == 4
    assert await desk.told(id) == ["created", "active"]


async def test_a_post_install_is_not_repeated_for_an_outage(
    desk: Desk, database: Database, handlers: Handlers, product: Product
) -> None:
    """Its steps may leave something at the provider each time."""
    id = await connect(desk)
    product.answers["/orgs/acme/hooks"] = AWAY
    await drain(database, handlers)
    assert product.seen == ["GET /me", "POST /orgs/acme/hooks"]
    assert (await desk.get(id))["status"] == "post_install_error"


async def test_an_outage_that_lasts_is_told_once_and_tried_again_until_it_is_over(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await fallen(desk, database, handlers, product, clock)
    assert "back soon" in (await desk.get(id))["last_error"]
    waits = []
    for _ in range(3):
        wait = await seconds_to_next(database, id, clock)
        assert wait is not None
        waits.append(wait)
        checks = product.seen.count("GET /check")
        await clock.advance(wait + 1)
        await ticked(database, handlers, clock)
        assert product.seen.count("GET /check") == checks + 4
        assert (await desk.get(id))["status"] == "validation_error"
    assert 240 < waits[0] <= 300 < waits[1] + 60 < waits[2]
    assert await desk.told(id) == ["created", "validation_error"]
    product.answers.clear()
    await clock.advance(7200)
    await ticked(database, handlers, clock)
    row = await desk.get(id)
    assert (row["status"], row["last_error"]) == ("active", None)
    assert await desk.told(id) == ["created", "validation_error", "active", "reactivated"]
    assert product.seen.count("GET /me") == 1
    assert await seconds_to_next(database, id, clock) is None


async def test_an_outage_of_more_than_a_day_is_given_up(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await fallen(desk, database, handlers, product, clock)
    await clock.advance(25 * 3600)
    await ticked(database, handlers, clock)
    assert await seconds_to_next(database, id, clock) is None
    assert await desk.told(id) == ["created", "validation_error"]


async def test_a_verdict_after_an_outage_is_the_end(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await fallen(desk, database, handlers, product, clock)
    product.answers["/check"] = (200, {"ok": False})
    await clock.advance(300)
    await ticked(database, handlers, clock)
    assert "Check what was entered" in (await desk.get(id))["last_error"]
    assert await seconds_to_next(database, id, clock) is None
    assert await desk.told(id) == ["created", "validation_error"]


async def test_what_was_set_while_an_outage_lasted_stays(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    """The credentials turned out to be refused by a call, say."""
    id = await fallen(desk, database, handlers, product, clock)
    await desk.update(id, status="needs_reauth")
    told = await desk.told(id)
    product.answers.clear()
    await clock.advance(300)
    await ticked(database, handlers, clock)
    assert (await desk.get(id))["status"] == "needs_reauth"
    assert await desk.told(id) == told
    assert await seconds_to_next(database, id, clock) is None


async def test_a_hung_provider_is_an_outage_too(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await connect(desk)
    gate = product.gates["/check"] = asyncio.Event()
    running = asyncio.ensure_future(drain(database, handlers))
    await until(lambda: "GET /check" in product.seen)
    await with_time(running, clock, step=10)
    assert "took longer than" in (await desk.get(id))["last_error"]
    gate.set()
    await clock.advance(300)
    await ticked(database, handlers, clock)
    assert (await desk.get(id))["status"] == "active"


@pytest.mark.parametrize("definition", [CREDENTIALS + PREPARED + PERIODIC])
async def test_an_outage_says_nothing_of_an_account_that_nobody_asked_about(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    product.answers["/check"] = AWAY
    await clock.advance(6 * 3600)
    await ticked(database, handlers, clock)
    assert (await desk.get(id))["status"] == "active"
    assert await desk.told(id) == ["created", "active"]
    wait = await seconds_to_next(database, id, clock)
    assert wait is not None
    assert 3000 < wait <= 3600
