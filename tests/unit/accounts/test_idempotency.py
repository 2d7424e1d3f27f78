"""Idempotency keys: which answers are kept, how long a key is taken, and that one key leaves the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.unit.accounts.conftest import WatchedClock
from tests.unit.integrations.world import World

from isthmus.accounts.idempotency import (
    ANSWER_LIFETIME,
    CLAIM_LIFETIME,
    MAX_ANSWER_BYTES,
    IdempotencyKeys,
    StoredAnswer,
    hash_parts,
)
from isthmus.db import Database
from isthmus.db.tables import idempotency_record
from isthmus.errors import Conflict, UnprocessableRequest

ANSWER = StoredAnswer(201, "application/json", {"x-a": "b"}, b'{"id": 1}')
MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def keys(database: Database, clock: WatchedClock) -> IdempotencyKeys:
    return IdempotencyKeys(database)


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
async def test_only_a_final_answer_is_kept(
    keys: IdempotencyKeys, database: Database, world: World, status: int, size: int, is_final: bool
) -> None:
    claim = await keys.claim(world.mine.environment_id, "key", "request")
    answer = StoredAnswer(status, "text/plain", {}, b"x" * size)
    assert answer.is_final is is_final
    await keys.store_answer(claim, answer)
    assert await kept(database) == ({"key"} if is_final else set())


async def test_a_claim_without_an_answer_is_given_up_in_time(
    keys: IdempotencyKeys, clock: WatchedClock, world: World
) -> None:
    environment = world.mine.environment_id
    assert (await keys.claim(environment, "key", "request")).answer is None
    await clock.advance((CLAIM_LIFETIME - MOMENT).total_seconds())
    with pytest.raises(Conflict):
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
    claims = {name: await keys.claim(environment, name, "request") for name in ("a", "b", "c", "d")}
    await keys.store_answer(claims["a"], ANSWER)
    with pytest.raises(Conflict):
        await keys.claim(environment, "b", "request")
    await keys.release_claim(claims["c"])
    await keys.store_answer(claims["d"], StoredAnswer(500, "text/plain", {}, b""))
    assert await kept(database) == {"a", "b"}
    assert (await keys.claim(environment, "a", "request")).answer == ANSWER


async def test_expired_keys_are_swept_once_a_minute(
    keys: IdempotencyKeys, database: Database, clock: WatchedClock, world: World
) -> None:
    environment = world.mine.environment_id
    for name in ("a", "b"):
        await keys.claim(environment, name, "request")
    await clock.advance((CLAIM_LIFETIME - timedelta(seconds=30)).total_seconds())
    await keys.claim(environment, "young", "request")
    await clock.advance(30)
    assert await kept(database) == {"a", "b", "young"}
    await keys.claim(environment, "a", "request")
    assert await kept(database) == {"a", "b", "young"}
    await clock.advance(30)
    await keys.claim(environment, "later", "request")
    assert await kept(database) == {"a", "young", "later"}


def test_parts_are_told_apart() -> None:
    assert hash_parts(["ab", "c"]) != hash_parts(["a", "bc"])
    assert hash_parts(["a", b"b"]) == hash_parts([b"a", "b"])
