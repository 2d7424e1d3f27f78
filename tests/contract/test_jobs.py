"""What any job engine behind the door must do: one suite, on both databases. It guards each bump."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.jobs import Status
from sqlalchemy import func, insert, select, text, update

from isthmus.config import Settings
from isthmus.db import Database, now_of, open_database
from isthmus.db.tables import job, job_timer, job_worker
from isthmus.jobs import (
    Handlers,
    Pace,
    Run,
    Superseded,
    Worker,
    cancel,
    defer,
    defer_missing,
    drop_schedule,
    get_schedule,
    put_schedule,
    queue_state,
    standing,
)
from isthmus.jobs.engine.worker import engine_worker
from isthmus.jobs.upkeep import prune, sweep
from tests.background import QUICK, drain, engine_running, tick, until, worker_running
from tests.fakes.clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2030, 1, 1, 12, tzinfo=UTC))


@pytest.fixture
async def database(settings: Settings, clock: VirtualClock) -> AsyncIterator[Database]:
    opened = await open_database(settings, clock=clock)
    yield opened
    await opened.close()


class Recorder(Handlers):
    """Handlers that write down what ran."""

    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self.ran: list[str] = []
        self.runs: list[Run] = []
        for kind in kinds or ("work",):
            self.on(kind, self._record)

    async def _record(self, run: Run) -> None:
        self.ran.append(run.key)
        self.runs.append(run)


async def put(database: Database, *keys: str, what: str = "work", **options: object) -> None:
    async with database.write() as conn:
        for key in keys:
            await defer(conn, what, key, **options)  # type: ignore[arg-type]  # as the test says


async def counted(database: Database, table: object = job) -> int:
    async with database.read() as conn:
        count: int = (await conn.execute(select(func.count()).select_from(table))).scalar_one()  # type: ignore[arg-type]
        return count


async def test_a_job_runs_once_and_is_not_kept(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a")
    await drain(database, handlers)
    await drain(database, handlers)
    assert handlers.ran == ["a"]
    assert await counted(database) == 0


async def test_a_job_exists_only_if_its_transaction_commits(database: Database) -> None:
    handlers = Recorder()
    with pytest.raises(RuntimeError, match="regret"):  # noqa: PT012 - the transaction must end so
        async with database.write() as conn:
            await defer(conn, "work", "a")
            await defer(conn, "work", "later", now_of(conn) + timedelta(hours=1))
            raise RuntimeError("regret")
    await drain(database, handlers)
    assert handlers.ran == []
    assert await counted(database) == await counted(database, job_timer) == 0


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


async def test_a_thing_waits_once_however_often_it_is_deferred(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a", "b", "a", "a")
    await put(database, "a")
    await drain(database, handlers)
    assert sorted(handlers.ran) == ["a", "b"]


async def test_a_twin_that_joins_a_waiting_job_raises_its_priority(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a", "b")
    await put(database, "b", priority=3)
    await drain(database, handlers, concurrency=1)
    assert handlers.ran == ["b", "a"]


async def test_kinds_with_the_same_key_are_different_things(database: Database) -> None:
    handlers = Recorder("one", "two")
    await put(database, "a", what="one")
    await put(database, "a", what="two")
    await drain(database, handlers)
    assert handlers.ran == ["a", "a"]


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

    handlers.on("work", work)
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

    handlers.on("work", work)
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

    handlers.on("work", work)
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


async def test_a_job_for_later_runs_when_its_time_has_come(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    await put(database, "a", run_at=clock.now() + timedelta(minutes=5))
    await tick(database, handlers)
    await clock.advance(299)
    await tick(database, handlers)
    assert handlers.ran == []
    await clock.advance(1)
    await tick(database, handlers)
    assert handlers.ran == ["a"]


async def test_a_time_that_has_passed_means_now(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    await put(database, "a", run_at=clock.now() - timedelta(minutes=5))
    await drain(database, handlers)
    assert handlers.ran == ["a"]


async def test_now_takes_the_place_of_later(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    await put(database, "a", run_at=clock.now() + timedelta(hours=5))
    await put(database, "a")
    await drain(database, handlers)
    assert handlers.ran == ["a"]
    assert await counted(database, job_timer) == 0


async def test_the_earlier_of_two_times_stays(database: Database, clock: VirtualClock) -> None:
    first, second = clock.now() + timedelta(hours=1), clock.now() + timedelta(hours=2)
    for order in ((first, second), (second, first)):
        for moment in order:
            await put(database, "a", run_at=moment)
        async with database.read() as conn:
            assert (await standing(conn, "work", "a")).run_at == first
        async with database.write() as conn:
            assert await cancel(conn, "work", "a")


async def test_jobs_for_later_do_not_hold_back_those_that_are_due(
    database: Database, clock: VirtualClock
) -> None:
    handlers = Recorder()
    await put(database, *map(str, range(300)), run_at=clock.now() + timedelta(days=1), priority=9)
    await put(database, "due")
    await drain(database, handlers)
    assert handlers.ran == ["due"]


async def test_many_timers_move_at_once(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        due = clock.now() + timedelta(seconds=1)
        row = {"what": "work", "run_at": due, "priority": 0, "failures": 0, "error": None, "failed_at": None}
        await conn.execute(insert(job_timer), [{**row, "key": str(number)} for number in range(1200)])
    await put(database, "7")
    await clock.advance(2)
    await tick(database, handlers)
    assert len(handlers.ran) == len(set(handlers.ran)) == 1200


async def test_a_cancelled_job_does_not_run(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    await put(database, "a", "b")
    await put(database, "c", run_at=clock.now() + timedelta(seconds=1))
    async with database.write() as conn:
        assert await cancel(conn, "work", "a")
        assert await cancel(conn, "work", "c")
        assert not await cancel(conn, "work", "nobody")
    await clock.advance(5)
    await tick(database, handlers)
    assert handlers.ran == ["b"]


async def test_a_cancellation_that_is_rolled_back_cancels_nothing(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a")
    with pytest.raises(RuntimeError, match="regret"):  # noqa: PT012 - the transaction must end so
        async with database.write() as conn:
            await cancel(conn, "work", "a")
            raise RuntimeError("regret")
    await drain(database, handlers)
    assert handlers.ran == ["a"]


async def test_a_running_job_can_be_aborted(database: Database) -> None:
    handlers, began, ended = Handlers(), asyncio.Event(), list[str]()

    async def work(run: Run) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(run.key)
            raise

    handlers.on("work", work)
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


async def test_a_failure_is_tried_again_later_and_later(database: Database, clock: VirtualClock) -> None:
    handlers, seen = Handlers(), list[int]()

    async def work(run: Run) -> None:
        seen.append(run.failures)
        if len(seen) < 4:
            raise ValueError("not yet")

    handlers.on("work", work)
    await put(database, "a")
    await drain(database, handlers)
    for seconds in (2, 4, 8):
        async with database.read() as conn:
            stands = await standing(conn, "work", "a")
            state = await queue_state(conn)
        assert stands.run_at == clock.now() + timedelta(seconds=seconds)
        assert (stands.error, state.failing) == ("ValueError: not yet", 1)
        await clock.advance(seconds)
        await tick(database, handlers)
    assert seen == [0, 1, 2, 3]
    async with database.read() as conn:
        assert (await queue_state(conn)).failing == 0
        assert await standing(conn, "work", "a") == await standing(conn, "work", "never heard of")


async def test_a_failure_is_recorded_in_the_transaction_that_defers_the_next_try(
    database: Database, clock: VirtualClock
) -> None:
    handlers, recorded = Handlers(), list[str]()
    retry_at = clock.now() + timedelta(minutes=1)

    async def work(run: Run) -> None:
        raise ValueError("no")

    async def record(conn: object, run: Run, error: Exception) -> datetime | None:
        recorded.append(f"{run.key}: {error}")
        return retry_at if len(recorded) == 1 else None

    handlers.on("work", work, on_failure=record)
    await put(database, "a")
    await drain(database, handlers)
    async with database.read() as conn:
        assert (await standing(conn, "work", "a")).run_at == retry_at
    await clock.advance(60)
    await tick(database, handlers)
    assert recorded == ["a: no", "a: no"]
    assert await counted(database, job_timer) == 0  # the second time it gave up


async def test_the_next_try_keeps_the_priority(database: Database, clock: VirtualClock) -> None:
    handlers, ran = Handlers(), list[str]()

    async def work(run: Run) -> None:
        ran.append(run.key)
        if not run.failures:
            raise ValueError("not yet")

    handlers.on("work", work)
    await put(database, "low", priority=-5)
    await put(database, "high", priority=5)
    await drain(database, handlers, concurrency=1)
    await clock.advance(2)
    await put(database, "middle")
    await Worker(database, handlers, QUICK).move()
    await drain(database, handlers, concurrency=1)
    assert ran == ["high", "low", "high", "middle", "low"]


async def test_a_run_that_ends_with_what_it_waited_for_is_a_failure(database: Database) -> None:
    handlers, runs = Handlers(), list[int]()

    async def work(run: Run) -> None:
        runs.append(run.failures)
        waited_for = asyncio.create_task(asyncio.Event().wait())
        waited_for.cancel()
        await waited_for

    handlers.on("work", work)
    await put(database, "a")
    await drain(database, handlers)
    assert runs == [0]
    async with database.read() as conn:
        found = await standing(conn, "work", "a")
    assert (found.waiting, found.failures) == (False, 1)
    assert found.error == "RuntimeError: cancelled, by nobody's order"


async def test_a_recorder_that_fails_does_not_lose_the_job(database: Database) -> None:
    handlers = Handlers()

    async def work(run: Run) -> None:
        raise ValueError("no")

    async def record(conn: object, run: Run, error: Exception) -> datetime | None:
        raise RuntimeError("nor this")

    handlers.on("work", work, on_failure=record)
    await put(database, "a")
    await drain(database, handlers)
    assert await counted(database, job_timer) == 1


async def test_a_kind_that_nobody_knows_waits_for_a_version_that_does(
    database: Database, clock: VirtualClock
) -> None:
    await put(database, "a", what="of the future")
    await drain(database, Recorder())
    async with database.read() as conn:
        assert (await standing(conn, "of the future", "a")).error == "no handler knows it"
    handlers = Recorder("of the future")
    await clock.advance(60)
    await tick(database, handlers)
    assert handlers.ran == ["a"]


async def test_a_run_that_was_given_to_another_writes_nothing(database: Database) -> None:
    handlers, refused = Handlers(), list[str]()

    async def work(run: Run) -> None:
        if run.attempts == 0:
            async with database.write() as conn:  # as a sweeper would
                again = {"status": "todo", "worker_id": None, "attempts": job.c.attempts + 1}
                await conn.execute(update(job).where(job.c.id == run.job_id).values(again))
            try:
                async with run.write() as conn:
                    await defer(conn, "work", "never")
            except Superseded:
                refused.append(run.key)
                raise
        else:
            refused.append("second run")

    handlers.on("work", work)
    await put(database, "a")
    await drain(database, handlers)
    assert sorted(refused) == ["a", "second run"]
    assert await counted(database) == 0


async def test_finishing_a_job_that_was_given_to_another_leaves_it_alone(database: Database) -> None:
    await put(database, "a")
    async with engine_worker(database, Recorder(), QUICK) as worker:
        await worker.manager.prune_stalled_workers(0)
        mine, other = [await worker.manager.register_worker() for _ in range(2)]
        taken = await worker.manager.fetch_job(None, mine)
        assert taken is not None
        await worker.manager.put_back(taken)
        again = await worker.manager.fetch_job(None, other)
        assert again is not None
        assert (again.id, again.attempts) == (taken.id, 1)
        assert not await worker.manager.drop(taken)
        await worker.manager.put_back(taken)
        async with database.read() as conn:
            row = (await conn.execute(select(job.c.status, job.c.worker_id, job.c.attempts))).one()
        assert tuple(row) == ("doing", other, 1)


async def test_a_job_that_is_given_back_beside_its_waiting_twin_is_dropped(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a")
    async with engine_worker(database, handlers, QUICK) as worker:
        await worker.manager.prune_stalled_workers(0)
        taken = await worker.manager.fetch_job(None, await worker.manager.register_worker())
        assert taken is not None
        await put(database, "a")  # the twin
        await worker.manager.put_back(taken)
    assert await counted(database) == 1
    await drain(database, handlers)
    assert handlers.ran == ["a"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_job_that_ends_behind_a_long_write_does_not_stay_running(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus.db.turns._MOST_SECONDS", 0.02)
    handlers = Recorder()
    await put(database, "a")
    async with engine_worker(database, handlers, QUICK) as worker:
        taken = await worker.manager.fetch_job(None, await worker.manager.register_worker())
        assert taken is not None
        async with database.write():
            ending = asyncio.create_task(worker.manager.finish_job(taken, Status.SUCCEEDED, False))
            await until(lambda: ending.done() or worker.manager.last_trouble is not None)
        await ending
    assert await counted(database) == 0


async def test_a_stop_lets_running_jobs_end(database: Database) -> None:
    handlers, began, ended = Handlers(), asyncio.Event(), list[str]()

    async def work(run: Run) -> None:
        began.set()
        await asyncio.sleep(0.05)
        ended.append(run.key)

    handlers.on("work", work)
    async with worker_running(database, handlers, replace(QUICK, graceful_seconds=20)):
        await put(database, "a")
        await began.wait()
    assert ended == ["a"]
    assert await counted(database) == 0


async def test_a_job_that_does_not_end_in_time_goes_back_to_the_queue(database: Database) -> None:
    handlers, began = Handlers(), asyncio.Event()

    async def work(run: Run) -> None:
        began.set()
        await asyncio.Event().wait()

    handlers.on("work", work)
    async with worker_running(database, handlers, replace(QUICK, graceful_seconds=0.05)):
        await put(database, "a")
        await began.wait()
    async with database.read() as conn:
        assert (await standing(conn, "work", "a")).waiting
    assert await counted(database, job_worker) == 0
    later = Recorder()
    await drain(database, later)
    assert later.ran == ["a"]


async def test_what_a_dead_worker_ran_is_taken_over(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a", "b")
    async with engine_worker(database, handlers, QUICK) as worker:
        await worker.manager.prune_stalled_workers(0)
        dead = await worker.manager.register_worker()
        for _ in range(2):
            assert await worker.manager.fetch_job(None, dead) is not None
    await put(database, "b")  # of which a twin waits now
    if not database.is_sqlite:
        async with database.write() as conn:
            old = text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '300 days'")
            await conn.execute(old)
        assert await sweep(database, stalled_seconds=250 * 86_400) == 0, "the server was not up for so long"
        await until(lambda: _swept(database))
    await drain(database, handlers)
    assert sorted(handlers.ran) == ["a", "b"]
    assert {run.key: run.attempts for run in handlers.runs} == {"a": 1, "b": 0}


async def test_a_job_whose_end_was_asked_for_is_not_taken_over(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a", "b")
    async with engine_worker(database, handlers, QUICK) as worker:
        await worker.manager.prune_stalled_workers(0)
        dead = await worker.manager.register_worker()
        for _ in range(2):
            assert await worker.manager.fetch_job(None, dead) is not None
    async with database.write() as conn:
        assert await cancel(conn, "work", "a", abort=True)  # which nobody hears any more
    if not database.is_sqlite:
        await until(lambda: _swept(database))
    await drain(database, handlers)
    assert handlers.ran == ["b"]
    assert await counted(database) == 0


async def test_a_job_that_is_given_back_after_its_end_was_asked_for_is_gone(database: Database) -> None:
    handlers = Recorder()
    await put(database, "a")
    async with engine_worker(database, handlers, QUICK) as worker:
        await worker.manager.prune_stalled_workers(0)
        taken = await worker.manager.fetch_job(None, await worker.manager.register_worker())
        assert taken is not None
        async with database.write() as conn:
            assert await cancel(conn, "work", "a", abort=True)
        await worker.manager.put_back(taken)
    await drain(database, handlers)
    assert handlers.ran == []
    assert await counted(database) == 0


async def _swept(database: Database) -> bool:
    return await sweep(database, stalled_seconds=1.0) == 2


async def test_a_worker_that_beats_is_left_alone(database: Database) -> None:
    handlers, began, let_go = Handlers(), asyncio.Event(), asyncio.Event()
    ran = list[int]()

    async def work(run: Run) -> None:
        began.set()
        await let_go.wait()
        ran.append(run.attempts)

    handlers.on("work", work)
    async with engine_running(database, handlers, replace(QUICK, graceful_seconds=5)):
        await put(database, "a")
        await began.wait()
        for _ in range(3):
            assert await sweep(database, stalled_seconds=10) == 0
        let_go.set()
        await until(lambda: ran == [0])


@pytest.mark.parametrize(
    "backend", ["postgresql"], indirect=True
)  # with one process, nobody takes it for dead
async def test_a_worker_that_was_taken_for_dead_begins_anew(database: Database) -> None:
    handlers = Recorder()
    async with worker_running(database, handlers, replace(QUICK, heartbeat_seconds=0.05)):
        async with database.write() as conn:
            await conn.execute(text("DELETE FROM procrastinate_workers"))
        await put(database, "a")
        await until(lambda: handlers.ran == ["a"])


async def test_things_that_are_due_without_a_job_get_one(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()

    async def due(conn: object) -> list[tuple[str, str]]:
        return [("work", "lost"), ("work", "waiting"), ("work", "failed")]

    handlers.reconcile(due)
    await put(database, "waiting")
    async with database.write() as conn:
        row = {"what": "work", "key": "failed", "priority": 0, "failures": 1, "error": "x"}
        later = clock.now() + timedelta(hours=1)
        await conn.execute(insert(job_timer), [{**row, "run_at": later, "failed_at": clock.now()}])
    await Worker(database, handlers, QUICK).reconcile()
    await drain(database, handlers)
    assert sorted(handlers.ran) == ["lost", "waiting"]


async def test_a_thing_that_runs_needs_no_other_job(database: Database) -> None:
    handlers, began, let_go = Handlers(), asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> None:
        began.set()
        await let_go.wait()

    handlers.on("work", work)
    async with engine_running(database, handlers, replace(QUICK, graceful_seconds=5)):
        await put(database, "a")
        await began.wait()
        async with database.write() as conn:
            await defer_missing(conn, [("work", "a")])
        async with database.read() as conn:
            assert not (await standing(conn, "work", "a")).waiting
        let_go.set()


async def test_finished_jobs_of_the_engines_own_tools_are_pruned(database: Database) -> None:
    async with database.write() as conn:
        row = {
            "queue_name": "q",
            "task_name": "t",
            "args": {},
            "status": "cancelled",
            "abort_requested": False,
        }
        await conn.execute(insert(job), [row])
    await prune(database)
    assert await counted(database) == 0


async def test_the_state_tells_depth_age_and_failures(database: Database, clock: VirtualClock) -> None:
    await put(database, "a", "b")
    await put(database, "c", run_at=clock.now() + timedelta(hours=1))
    await clock.advance(90)
    async with database.read() as conn:
        state = await queue_state(conn)
    assert (state.waiting, state.running, state.later, state.failing) == (2, 0, 1, 0)
    assert state.oldest_due_seconds == 90


# Schedules


async def test_a_schedule_fires_at_each_instant_once(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        await put_schedule(conn, "mine", what="work", key="k", cron="*/15 * * * *")
    for _ in range(61):
        await clock.advance(60)
        for _ in range(2):
            await tick(database, handlers)
    assert [run.fired_at for run in handlers.runs] == [
        datetime(2030, 1, 1, 12, 15, tzinfo=UTC) + timedelta(minutes=15 * number) for number in range(4)
    ]
    assert {run.schedule_key for run in handlers.runs} == {"k"}


@pytest.mark.parametrize(
    ("day", "fires"),
    [
        # New York goes forward at 02:00 on 10 March 2030: 02:30 is left out, and fires at 03:00 = 07:00 UTC.
        (datetime(2030, 3, 9, 18, tzinfo=UTC), [datetime(2030, 3, 10, 7, 0, tzinfo=UTC)]),
        # It goes back at 02:00 on 3 November: 01:30 comes twice, and fires at the first one, 05:30 UTC.
        (datetime(2030, 11, 2, 18, tzinfo=UTC), [datetime(2030, 11, 3, 5, 30, tzinfo=UTC)]),
    ],
)
async def test_a_schedule_keeps_to_its_zone_when_clocks_are_changed(
    settings: Settings, day: datetime, fires: list[datetime]
) -> None:
    clock = VirtualClock(day)
    handlers = Recorder()
    database = await open_database(settings, clock=clock)
    cron = "30 2 * * *" if day.month == 3 else "30 1 * * *"
    async with database.write() as conn:
        await put_schedule(conn, "mine", what="work", cron=cron, timezone="America/New_York")
    for _ in range(36):
        await clock.advance(1800)
        await tick(database, handlers)
    assert [run.fired_at for run in handlers.runs] == fires
    await database.close()


async def test_a_changed_schedule_counts_from_now(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        await put_schedule(conn, "mine", what="work", cron="0 13 * * *")
    await clock.advance(1800)
    async with database.write() as conn:
        changed = await put_schedule(conn, "mine", what="work", cron="0 14 * * *")
        assert await get_schedule(conn, "mine") == changed
    assert changed.next_at == datetime(2030, 1, 1, 14, tzinfo=UTC)
    await clock.advance(7200)
    await tick(database, handlers)
    assert [run.fired_at for run in handlers.runs] == [datetime(2030, 1, 1, 14, tzinfo=UTC)]


async def test_a_schedule_that_is_put_again_keeps_its_place(database: Database, clock: VirtualClock) -> None:
    async with database.write() as conn:
        first = await put_schedule(conn, "mine", what="work", cron="0 * * * *")
    await clock.advance(3600)
    async with database.write() as conn:
        again = await put_schedule(conn, "mine", what="work", cron="0 * * * *", key="other")
    assert (again.next_at, again.key) == (first.next_at, "other")


async def test_a_dropped_schedule_fires_no_more(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        await put_schedule(conn, "mine", what="work", cron="0 * * * *")
        assert await drop_schedule(conn, "mine")
        assert not await drop_schedule(conn, "mine")
    await clock.advance(7200)
    await tick(database, handlers)
    assert handlers.ran == []


@pytest.mark.parametrize(
    ("cron", "away", "fires"),
    [
        ("*/10 * * * *", 3 * 3600, 1),  # the newest of 18 missed ones
        ("0 13 * * *", 3600 + 1800, 1),  # half an hour late
        ("0 13 * * *", 2 * 3600 + 1800, 0),  # an hour and a half late
    ],
)
async def test_only_the_newest_missed_firing_is_made_up_for(
    database: Database, clock: VirtualClock, cron: str, away: float, fires: int
) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        await put_schedule(conn, "mine", what="work", cron=cron)
    await clock.advance(away)
    await tick(database, handlers)
    assert len(handlers.ran) == fires
    async with database.read() as conn:
        stored = await get_schedule(conn, "mine")
    assert stored is not None
    assert stored.next_at is not None
    assert stored.next_at > clock.now()


async def test_a_clock_that_jumps_back_fires_nothing_twice(settings: Settings) -> None:
    handlers = Recorder()
    database = await open_database(settings, clock=VirtualClock(datetime(2030, 1, 1, 12, 59, tzinfo=UTC)))
    async with database.write() as conn:
        await put_schedule(conn, "mine", what="work", cron="0 * * * *")
    for at in ((13, 0), (12, 0), (12, 30), (13, 0), (14, 0)):
        database.clock = VirtualClock(datetime(2030, 1, 1, *at, tzinfo=UTC))
        await tick(database, handlers)
    await database.close()
    assert [run.fired_at.hour for run in handlers.runs if run.fired_at] == [13, 14]


async def test_two_schedulers_fire_an_instant_once(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        for number in range(20):
            await put_schedule(conn, f"mine {number}", what="work", key=str(number), cron="0 * * * *")
    await clock.advance(3600)
    await asyncio.gather(*(Worker(database, handlers, QUICK).move() for _ in range(4)))
    await drain(database, handlers)
    assert len(handlers.ran) == len(set(handlers.ran)) == 20


async def test_schedules_of_the_program_follow_its_code(database: Database, clock: VirtualClock) -> None:
    handlers, ran = Handlers(), list[str]()

    async def tidy(run: Run) -> None:
        ran.append(run.what)

    handlers.every("tidy", "0 * * * *", tidy)
    async with database.write() as conn:
        await put_schedule(conn, "a user's", what="work", cron="0 0 1 1 *")
    async with worker_running(database, handlers):
        await clock.advance(3600)
        await until(lambda: ran == ["tidy"])
    async with worker_running(database, Handlers()):
        pass
    async with database.read() as conn:
        assert await get_schedule(conn, "every:tidy") is None
        assert await get_schedule(conn, "a user's") is not None


def test_the_pace_of_production_judges_no_worker_before_half_a_minute() -> None:
    pace = Pace()
    assert pace.stalled_seconds >= 30
    assert pace.settle_seconds > 2 * pace.heartbeat_seconds
    assert pace.poll_seconds <= 1
