"""In which order jobs run, which of them at once, and how soon."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from isthmus.db import Database
from isthmus.jobs import (
    Handlers,
    Run,
    cancel,
    defer,
)
from tests.background import QUICK, drain, engine_running, until
from tests.contract.jobs.recorder import Recorder, counted, put

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize("what", ["a:b", ":", ""])
def test_a_kind_whose_things_could_be_taken_for_those_of_another_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match="without a colon"):
        Recorder().register(what, print)  # type: ignore[arg-type]  # it never runs


async def test_jobs_run_in_the_order_they_came(database: Database) -> None:
    handlers = Recorder()
    keys = [f"{number:02}" for number in range(12)]
    await put(database, *keys)
    await drain(database, handlers, concurrency=1)
    assert handlers.ran == keys


async def test_a_higher_priority_runs_first(database: Database) -> None:
    handlers = Recorder()
    await put(database, "low", priority=-5)
    await put(database, "middle")
    await put(database, "high", priority=5)
    await drain(database, handlers, concurrency=1)
    assert handlers.ran == ["high", "middle", "low"]


async def test_two_jobs_of_one_thing_never_run_at_once(database: Database) -> None:
    handlers = Handlers()
    inside, most, order = 0, 0, list[int]()

    async def work(run: Run) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if len(order) < 3:
            async with run.write() as conn:
                await defer(conn, "work", "a")  # while this one runs
        order.append(len(order))
        await asyncio.sleep(0)
        inside -= 1

    handlers.register("work", work)
    await put(database, "a")
    await drain(database, handlers)
    assert (most, order) == (1, [0, 1, 2, 3])


async def test_a_successor_starts_as_soon_as_its_predecessor_ended(database: Database) -> None:
    handlers, steps = Handlers(), list[float]()

    async def work(run: Run) -> None:
        steps.append(asyncio.get_running_loop().time())
        if len(steps) < 20:
            async with run.write() as conn:
                await defer(conn, "work", "a")

    handlers.register("work", work)
    async with engine_running(database, handlers, replace(QUICK, poll_seconds=30.0)):
        await put(database, "a")
        await until(lambda: len(steps) == 20)  # each poll that was waited for would be half a minute
    assert steps[-1] - steps[0] < 15


async def test_different_things_run_at_once_up_to_the_concurrency(database: Database) -> None:
    handlers, inside = Handlers(), set[str]()
    let_go = asyncio.Event()

    async def work(run: Run) -> None:
        inside.add(run.key)
        await let_go.wait()

    handlers.register("work", work)
    async with engine_running(database, handlers, replace(QUICK, concurrency=3)):
        await put(database, "a", "b", "c", "d")
        await until(lambda: len(inside) == 3)
        assert inside == {"a", "b", "c"}
        let_go.set()
        await until(lambda: len(inside) == 4)


async def test_a_waiting_worker_starts_a_committed_job_at_once(database: Database) -> None:
    handlers = Recorder()
    async with engine_running(database, handlers, replace(QUICK, poll_seconds=60.0)):
        for number in range(5):
            await put(database, str(number))
            await until(lambda number=number: len(handlers.ran) == number + 1)


async def test_a_running_job_can_be_aborted(database: Database) -> None:
    handlers, began, ended = Handlers(), asyncio.Event(), list[str]()

    async def work(run: Run) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(run.key)
            raise

    handlers.register("work", work)
    async with engine_running(database, handlers):
        await put(database, "a")
        await began.wait()
        async with database.write() as conn:
            assert not await cancel(conn, "work", "a")  # it runs: only abort ends it
        async with database.write() as conn:
            assert await cancel(conn, "work", "a", abort=True)
        await until(lambda: ended == ["a"])

        async def gone() -> bool:
            return await counted(database) == 0

        await until(gone)
