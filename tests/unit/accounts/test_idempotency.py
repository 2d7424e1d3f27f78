"""Idempotency keys: which answers are kept, how long a key is taken, what is known of a call whose process
has ended, and that one key leaves the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.locks import wait_until_blocking
from tests.unit.accounts.conftest import WatchedClock
from tests.unit.integrations.world import World

from isthmus.accounts import idempotency
from isthmus.accounts.idempotency import (
    ANSWER_LIFETIME,
    MAX_ANSWER_BYTES,
    IdempotencyKeys,
    StoredAnswer,
    hash_parts,
)
from isthmus.db import Database
from isthmus.db.presence import ProcessPresence
from isthmus.db.tables import idempotency_record
from isthmus.errors import Conflict, OutcomeUnknown, UnprocessableRequest

ANSWER = StoredAnswer(201, "application/json", {"x-a": "b"}, b'{"id": 1}')
MOMENT = timedelta(milliseconds=1)


@asynccontextmanager
async def process(database: Database) -> AsyncIterator[IdempotencyKeys]:
    """The keys of a process that runs until the block ends."""
    presence = ProcessPresence(database)
    await presence.start()
    yield IdempotencyKeys(database, presence)
    await presence.stop()


@pytest.fixture
async def keys(database: Database, clock: WatchedClock) -> AsyncIterator[IdempotencyKeys]:
    async with process(database) as running:
        yield running


async def kept(database: Database) -> set[str]:
    """The digests of the keys that have a row."""
    async with database.read() as conn:
        return set((await conn.execute(select(idempotency_record.c.key_digest))).scalars())


@pytest.mark.parametrize(
    ("status", "size", "is_final"),
    [
        (200, 0, True),
        (404, 0, True),
        (499, 0, True),
        (500, 0, False),
        (503, 0, False),
        (408, 0, False),
        (409, 0, False),
        (425, 0, False),
        (429, 0, False),
        (200, MAX_ANSWER_BYTES, True),
        (200, MAX_ANSWER_BYTES + 1, False),
    ],
)
def test_an_answer_is_final_that_a_new_attempt_would_not_change(
    status: int, size: int, is_final: bool
) -> None:
    assert StoredAnswer(status, "text/plain", {}, b"x" * size).is_final is is_final


@pytest.mark.parametrize("hours", [0, 48])
async def test_a_key_is_taken_for_as_long_as_its_call_runs(
    keys: IdempotencyKeys, clock: WatchedClock, world: World, hours: int
) -> None:
    environment = world.mine.environment_id
    claim = await keys.claim(environment, "key", "request")
    await clock.advance(hours * 3600)
    with pytest.raises(Conflict, match="under way"):
        await keys.claim(environment, "key", "request")
    with pytest.raises(UnprocessableRequest):
        await keys.claim(environment, "key", "another request")
    await keys.store_answer(claim, ANSWER)
    assert (await keys.claim(environment, "key", "request")).answer == ANSWER


async def test_a_key_is_free_at_once_if_its_process_ended_before_it_sent_anything(
    keys: IdempotencyKeys, database: Database, world: World
) -> None:
    environment = world.mine.environment_id
    async with process(database) as ended:
        await ended.claim(environment, "key", "request")
    assert (await keys.claim(environment, "key", "request")).answer is None


async def test_the_outcome_of_a_sent_write_is_unknown_once_its_process_has_ended(
    keys: IdempotencyKeys, database: Database, clock: WatchedClock, world: World
) -> None:
    environment = world.mine.environment_id
    async with process(database) as ended:
        await ended.mark_sent(await ended.claim(environment, "key", "request"), "POST a (b.create)")
    sent_at = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    await clock.advance(1)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="isthmus_repeat_unknown=true") as caught:
            await keys.claim(environment, "key", "request")
        expected = {"code": "outcome_unknown", "sent_at": sent_at, "sent_to": "POST a (b.create)"}
        assert caught.value.details == expected
    with pytest.raises(UnprocessableRequest):
        await keys.claim(environment, "key", "another request", repeat_unknown=True)
    claim = await keys.claim(environment, "key", "request", repeat_unknown=True)
    assert claim.answer is None
    with pytest.raises(Conflict, match="under way"):
        await keys.claim(environment, "key", "request", repeat_unknown=True)
    await keys.store_answer(claim, ANSWER)
    assert (await keys.claim(environment, "key", "request", repeat_unknown=True)).answer == ANSWER


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite has one process
async def test_a_key_is_taken_while_the_process_of_its_call_runs(
    keys: IdempotencyKeys, database: Database, world: World
) -> None:
    async with process(database) as other:
        claim = await other.claim(world.mine.environment_id, "key", "request")
        for _ in range(2):  # before it has sent something, and afterwards
            with pytest.raises(Conflict, match="under way"):
                await keys.claim(world.mine.environment_id, "key", "request", repeat_unknown=True)
            await other.mark_sent(claim, "POST a (b.create)")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_a_key_that_somebody_works_on_is_waited_for(
    keys: IdempotencyKeys, database: Database, clock: WatchedClock, world: World
) -> None:
    """A call that was paused, say, and seemed to have died before it sent anything."""
    async with process(database) as paused:
        await paused.claim(world.mine.environment_id, "key", "request")
    row = select(idempotency_record.c.id).where(idempotency_record.c.key_digest == "key")
    async with database.write() as conn:
        await conn.execute(row.with_for_update())
        repeating = asyncio.ensure_future(keys.claim(world.mine.environment_id, "key", "request"))
        await wait_until_blocking(conn, repeating)
        sent = {"sent_at": clock.now(), "sent_to": "POST a (b.create)"}
        await conn.execute(update(idempotency_record).values(sent))
    with pytest.raises(OutcomeUnknown):
        await repeating


async def test_a_call_that_lost_its_key_to_a_repetition_sends_nothing_and_stores_nothing(
    keys: IdempotencyKeys, database: Database, world: World
) -> None:
    environment = world.mine.environment_id
    async with process(database) as paused:
        lost = await paused.claim(environment, "key", "request")
    claim = await keys.claim(environment, "key", "request")
    with pytest.raises(Conflict, match="Nothing was sent"):
        await paused.mark_sent(lost, "POST a (b.create)")
    await paused.store_answer(lost, StoredAnswer(200, "text/plain", {}, b"late"))
    await paused.release_claim(lost)
    await keys.store_answer(claim, ANSWER)
    assert (await keys.claim(environment, "key", "request")).answer == ANSWER


async def test_a_claim_that_is_left_unknown_is_so_at_once(keys: IdempotencyKeys, world: World) -> None:
    environment = world.mine.environment_id
    claim = await keys.claim(environment, "key", "request")
    await keys.mark_sent(claim, "POST a (b.create)")
    keys.leave_unknown(claim)
    with pytest.raises(OutcomeUnknown):
        await keys.claim(environment, "key", "request")


async def test_a_key_whose_outcome_is_unknown_is_free_after_a_day(
    keys: IdempotencyKeys, clock: WatchedClock, world: World
) -> None:
    environment = world.mine.environment_id
    claim = await keys.claim(environment, "key", "request")
    await keys.mark_sent(claim, "POST a (b.create)")
    keys.leave_unknown(claim)
    await clock.advance((ANSWER_LIFETIME - MOMENT).total_seconds())
    with pytest.raises(OutcomeUnknown):
        await keys.claim(environment, "key", "request")
    await clock.advance(MOMENT.total_seconds())
    assert (await keys.claim(environment, "key", "request")).answer is None


async def test_an_answer_is_given_for_a_day(keys: IdempotencyKeys, clock: WatchedClock, world: World) -> None:
    environment = world.mine.environment_id
    await keys.store_answer(await keys.claim(environment, "key", "request"), ANSWER)
    await clock.advance((ANSWER_LIFETIME - MOMENT).total_seconds())
    assert (await keys.claim(environment, "key", "request")).answer == ANSWER
    with pytest.raises(UnprocessableRequest):
        await keys.claim(environment, "key", "another request")
    await clock.advance(MOMENT.total_seconds())
    assert (await keys.claim(environment, "key", "another request")).answer is None


async def test_one_key_leaves_the_others(keys: IdempotencyKeys, database: Database, world: World) -> None:
    environment = world.mine.environment_id
    claims = {name: await keys.claim(environment, name, "request") for name in ("a", "b", "c")}
    await keys.store_answer(claims["a"], ANSWER)
    with pytest.raises(Conflict):
        await keys.claim(environment, "b", "request")
    await keys.release_claim(claims["c"])
    assert await kept(database) == {"a", "b"}
    assert (await keys.claim(environment, "a", "request")).answer == ANSWER


async def test_expired_keys_are_purged_once_a_minute_but_for_those_under_way(
    keys: IdempotencyKeys, database: Database, clock: WatchedClock, world: World
) -> None:
    environment = world.mine.environment_id
    for name in ("a", "b"):
        await keys.store_answer(await keys.claim(environment, name, "request"), ANSWER)
    await keys.claim(environment, "running", "request")
    await clock.advance((ANSWER_LIFETIME - timedelta(seconds=30)).total_seconds())
    await keys.claim(environment, "young", "request")
    await clock.advance(30)
    assert await kept(database) == {"a", "b", "running", "young"}
    await keys.claim(environment, "a", "request")
    assert await kept(database) == {"a", "b", "running", "young"}
    await clock.advance(30)
    await keys.claim(environment, "later", "request")
    assert await kept(database) == {"a", "running", "young", "later"}


async def test_expired_keys_are_purged_faster_than_new_ones_come(
    keys: IdempotencyKeys,
    database: Database,
    clock: WatchedClock,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idempotency, "_CLAIMS_PER_PURGE", 5)
    environment = world.mine.environment_id
    old = {f"old {number}" for number in range(14)}
    for name in old:
        await keys.store_answer(await keys.claim(environment, name, "request"), ANSWER)
    await clock.advance(ANSWER_LIFETIME.total_seconds())
    for number in range(6):
        await keys.claim(environment, f"new {number}", "request")
    assert await kept(database) == {f"new {number}" for number in range(6)}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite has one process
async def test_a_purge_leaves_what_another_process_runs_or_has_locked(
    keys: IdempotencyKeys, database: Database, clock: WatchedClock, world: World
) -> None:
    environment = world.mine.environment_id
    async with process(database) as other, process(database) as ended:
        await other.claim(environment, "running", "request")
        await ended.claim(environment, "ended", "request")
        for name in ("locked", "free"):
            await keys.store_answer(await keys.claim(environment, name, "request"), ANSWER)
        await ended._presence.stop()
        await clock.advance(ANSWER_LIFETIME.total_seconds())
        locked = select(idempotency_record).where(idempotency_record.c.key_digest == "locked")
        async with database.write() as conn:
            await conn.execute(locked.with_for_update())
            async with asyncio.timeout(3):
                await asyncio.create_task(_claim(keys, environment, "later"))
        assert await kept(database) == {"running", "locked", "later"}


async def _claim(keys: IdempotencyKeys, environment: str, name: str) -> None:
    """Claims a key in a task of its own."""
    await keys.claim(environment, name, "request")


def test_parts_are_told_apart() -> None:
    assert hash_parts(["ab", "c"]) != hash_parts(["a", "bc"])
    assert hash_parts(["a", b"b"]) == hash_parts([b"a", "b"])
