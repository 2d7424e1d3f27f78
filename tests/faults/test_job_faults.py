"""Whatever is killed, paused or restarted: each step's effect is there once, and no run is lost."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import SQLAlchemyError

from isthmus.db import Database, open_database
from isthmus.db.tables import environment, team
from isthmus.jobs import defer
from isthmus.kit.ids import new_id
from tests.background import until
from tests.faults.processes import CREATE, Place, start, tell, work
from tests.postgres import RestartablePostgreSQL

pytestmark = [pytest.mark.both_databases, pytest.mark.walk(of="folder", share=0.2)]

RUNS = ("a", "b", "c", "d")


@pytest.fixture
def url(backend: str, database_url: str) -> str:
    return database_url


@asynccontextmanager
async def prepared(place: Place) -> AsyncIterator[Database]:
    database = await open_database(place.settings)
    try:
        async with database.write() as conn:
            for statement in CREATE:
                await conn.execute(text(statement))
            for key in RUNS:
                await conn.execute(text("INSERT INTO proof_run (key, step) VALUES (:key, 0)"), {"key": key})
                await defer(conn, "proof", key)
        yield database
    finally:
        await database.close()


async def rows(database: Database, query: str) -> list[Any]:
    async with database.read() as conn:
        return list((await conn.execute(text(query))).all())


async def count(database: Database, table: str = "proof_step") -> int:
    while True:
        try:
            number: int = (await rows(database, f"SELECT count(*) FROM {table}"))[0][0]
        except SQLAlchemyError:  # it is being restarted
            await asyncio.sleep(0.05)
        else:
            return number


async def each_step_was_done_once(database: Database, place: Place) -> None:
    found = await rows(database, "SELECT key, step FROM proof_step ORDER BY key, step")
    assert [tuple(row) for row in found] == [
        (key, number) for key in RUNS for number in range(1, place.steps + 1)
    ]
    assert not place.overlaps.exists()
    await until(lambda: _no_jobs(database))


async def _no_jobs(database: Database) -> bool:
    return await count(database, "procrastinate_jobs") == 0


async def survives_kills(url: str, folder: Path, *, steps: int, kills: int, seed: int) -> None:
    """SQLite: one worker, started again each time. PostgreSQL: two, of which one is killed each time."""
    place = Place(url, folder, steps)
    chance = random.Random(seed)
    async with prepared(place) as database:
        total = len(RUNS) * steps
        workers = 1 if database.is_sqlite else 2
        began = time.monotonic()
        with ExitStack() as stack:
            victims = [stack.enter_context(start(work, place)) for _ in range(workers)]
            for number in range(kills):
                left = total - await count(database)
                ahead = min(left, chance.randint(0, max(0, 2 * left // (kills - number))))
                target = total - left + ahead
                await until(lambda target=target: _reached(database, target), seconds=60)
                await asyncio.sleep(chance.random() * 0.01)
                chosen = chance.randrange(workers)
                victims[chosen].kill()
                victims[chosen] = stack.enter_context(start(work, place))
            await until(lambda: _reached(database, total), seconds=60)
            await each_step_was_done_once(database, place)
        again = (await rows(database, "SELECT count(*) FROM proof_step WHERE attempt > 0"))[0][0]
        print(
            f"\n{kills} kills in {total} steps of {len(RUNS)} runs, {time.monotonic() - began:.0f} s: "
            f"each step once; {again} steps were taken over"
        )


async def _reached(database: Database, target: int) -> bool:
    return await count(database) >= target


async def test_ten_kills_leave_each_steps_effect_once(url: str, tmp_path: Path) -> None:
    await survives_kills(url, tmp_path, steps=25, kills=10, seed=11)


@pytest.mark.faults
async def test_two_hundred_kills_leave_each_steps_effect_once(url: str, tmp_path: Path) -> None:
    await survives_kills(url, tmp_path, steps=300, kills=200, seed=12)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_worker_that_wakes_after_its_lease_changes_nothing(url: str, tmp_path: Path) -> None:
    place = Place(url, tmp_path, steps=3)
    place.held.touch()
    async with prepared(place) as database:
        total = len(RUNS) * place.steps
        with start(work, place) as stale:
            await until(place.begun.exists)
            stale.pause()
            inside = set(place.begun.read_text().split())
            before = await count(database)
            place.held.unlink()
            with start(work, place):
                await until(lambda: _reached(database, total), seconds=60)
                await until(lambda: _no_jobs(database))
                place.overlaps.unlink(missing_ok=True)  # the paused one is inside still, by design
                everything = await _everything(database)
                taken_over = await rows(database, "SELECT DISTINCT key FROM proof_step WHERE attempt > 0")
                assert not place.refused.exists()
                stale.go_on()
                await until(lambda: _workers(database, 2))  # it noticed, and began anew
                refused = await _refused(place, len(inside))
                assert await _everything(database) == everything
        assert {process for process, _ in refused} == {str(stale.process.pid)}
        assert inside <= {key for _, key in refused} <= {row[0] for row in taken_over}
        assert before == 0
        print(
            f"\npaused inside {len(taken_over)} steps, past its lease: after it went on, each was "
            "refused what it wrote, and nothing had changed"
        )


async def _refused(place: Place, wanted: int) -> list[list[str]]:
    def lines() -> list[list[str]]:
        return [line.split() for line in place.refused.read_text().splitlines()]

    await until(lambda: place.refused.exists() and len(lines()) >= wanted)
    return lines()


async def _workers(database: Database, wanted: int) -> bool:
    return await count(database, "procrastinate_workers") == wanted


async def _everything(database: Database) -> list[Any]:
    return [
        await rows(database, f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in ("proof_run", "proof_step", "procrastinate_jobs", "job_timer")
    ]


async def survives_restarts(folder: Path, *, steps: int, restarts: int, seed: int) -> None:
    chance = random.Random(seed)
    with RestartablePostgreSQL() as server, ExitStack() as stack:
        place = Place(server.url, folder, steps)
        async with prepared(place) as database:
            total = len(RUNS) * steps
            for _ in range(2):
                stack.enter_context(start(work, place))
            for number in range(restarts):
                target = (number + 1) * total // (restarts + 1)
                await until(lambda target=target: _reached(database, target), seconds=90)
                await asyncio.to_thread(server.restart, chance.random() * 2)
            await until(lambda: _reached(database, total), seconds=90)
            await each_step_was_done_once(database, place)
            again = (await rows(database, "SELECT count(*) FROM proof_step WHERE attempt > 0"))[0][0]
            print(
                f"\n{restarts} restarts in {total} steps: each step once, none run by two; {again} taken over"
            )


async def test_a_restart_of_postgresql_loses_no_job_and_runs_none_twice(tmp_path: Path) -> None:
    await survives_restarts(tmp_path, steps=40, restarts=1, seed=21)


@pytest.mark.faults
async def test_ten_restarts_of_postgresql_lose_no_job_and_run_none_twice(tmp_path: Path) -> None:
    await survives_restarts(tmp_path, steps=300, restarts=10, seed=22)


async def survives_kills_between_change_and_event(url: str, folder: Path, *, kills: int, seed: int) -> None:
    place = Place(url, folder, 0)
    chance = random.Random(seed)
    async with prepared(place) as database:
        environment_id = await _environment(database)
        target = 0
        for number in range(kills):
            with start(tell, place, environment_id, seed + number) as victim:
                target += chance.randint(1, 25)
                await until(lambda target=target: _changed(database, target), seconds=60)
                await asyncio.sleep(chance.random() * 0.02)
                victim.kill()
            target = await count(database, "proof_change")
            changes = await rows(database, "SELECT resource, number FROM proof_change ORDER BY 1, 2")
            events = await rows(database, "SELECT resource_id, payload, seq FROM event ORDER BY 1, seq")
            assert [tuple(row) for row in changes] == [
                (row[0], int(_read(row[1])["status"])) for row in events
            ]
        with start(tell, place, environment_id, seed + kills):  # what is left is handed on
            await until(lambda: _handed_on(database, target), seconds=60)
        await _subscriber_saw_everything(database, place)
        print(
            f"\n{kills} kills in {target} changes: no event without its change, no change without its event"
        )


async def _subscriber_saw_everything(database: Database, place: Place) -> None:
    ids = {
        (row[1], int(_read(row[2])["status"])): row[0]
        for row in await rows(
            database, "SELECT id, resource_id, payload FROM event WHERE relayed_at IS NOT NULL"
        )
    }
    first: dict[str, list[int]] = {}
    for line in place.told.read_text().splitlines():
        identity, _, rest = line.partition(" ")
        resource, _, number = rest.rpartition(" ")
        assert ids.get((resource, int(number)), identity) == identity, "always under the same id"
        seen = first.setdefault(resource, [])
        if int(number) not in seen:
            seen.append(int(number))
    for resource, numbers in first.items():
        assert numbers == sorted(numbers), f"{resource} in order"
    recorded = await rows(database, "SELECT event, count(*) FROM proof_seen GROUP BY event")
    assert {row[0] for row in recorded} >= set(ids.values())
    assert {row[1] for row in recorded} == {1}, "what a subscriber writes in its transaction is there once"


def _read(payload: Any) -> dict[str, Any]:
    """Plain SQL gives JSON as text on SQLite."""
    read: dict[str, Any] = json.loads(payload) if isinstance(payload, str) else payload
    return read


async def _changed(database: Database, target: int) -> bool:
    return await count(database, "proof_change") >= target


async def _handed_on(database: Database, target: int) -> bool:
    done = await rows(database, "SELECT count(*) FROM event WHERE relayed_at IS NOT NULL")
    return bool(done[0][0] >= target)


async def _environment(database: Database) -> str:
    now = database.clock.now()
    team_id, environment_id = new_id(), new_id()
    row = {"created_at": now, "updated_at": now, "name": "proof"}
    async with database.write() as conn:
        await conn.execute(insert(team).values(id=team_id, **row))
        await conn.execute(insert(environment).values(id=environment_id, team_id=team_id, settings={}, **row))
    return environment_id


async def test_ten_kills_leave_no_change_without_its_event(url: str, tmp_path: Path) -> None:
    await survives_kills_between_change_and_event(url, tmp_path, kills=10, seed=31)


@pytest.mark.faults
async def test_fifty_kills_leave_no_change_without_its_event(url: str, tmp_path: Path) -> None:
    await survives_kills_between_change_and_event(url, tmp_path, kills=50, seed=32)
