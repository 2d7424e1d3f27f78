"""Schedules fire at each instant once, by their own clock, also where clocks are changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.db.tables import job_schedule, job_timer
from isthmus.jobs import (
    CronError,
    Handlers,
    PeerProcesses,
    Run,
    Worker,
    drop_schedule,
    find_next_firing,
    get_schedule,
    put_schedule,
    read_job_status,
    read_queue_state,
)
from isthmus.jobs.lock_timeout import LockNotAvailable
from isthmus.jobs.schedules import MAX_FIRED_AT_ONCE, fire_due_schedules
from tests.background import QUICK, drain, engine_running, tick, until, worker_running
from tests.contract.jobs.recorder import Recorder, counted
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.both_databases


async def test_a_schedule_fires_at_each_instant_once(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", key="k", cron="*/15 * * * *")
    for _ in range(61):
        await clock.advance(60)
        for _ in range(2):
            await tick(database, handlers)
    assert handlers.times == [
        datetime(2030, 1, 1, 12, 15, tzinfo=UTC) + timedelta(minutes=15 * number) for number in range(4)
    ]
    assert handlers.ran == ["k"] * 4


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
        await put_schedule(conn, "mine", job_name="work", cron=cron, timezone="America/New_York")
    for _ in range(36):
        await clock.advance(1800)
        await tick(database, handlers)
    assert handlers.times == fires
    await database.close()


async def test_a_changed_schedule_counts_from_now(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", cron="0 13 * * *")
    await clock.advance(1800)
    async with database.write() as conn:
        changed = await put_schedule(conn, "mine", job_name="work", cron="0 14 * * *")
        assert await get_schedule(conn, "mine") == changed
    assert changed.next_at == datetime(2030, 1, 1, 14, tzinfo=UTC)
    await clock.advance(5400)
    await tick(database, handlers)
    assert handlers.times == [datetime(2030, 1, 1, 14, tzinfo=UTC)]


async def test_a_schedule_that_is_put_again_keeps_its_place(database: Database, clock: VirtualClock) -> None:
    async with database.write() as conn:
        first = await put_schedule(conn, "mine", job_name="work", cron="0 * * * *")
    await clock.advance(3600)
    async with database.write() as conn:
        again = await put_schedule(conn, "mine", job_name="work", cron="0 * * * *", key="other")
    assert (again.next_at, again.key) == (first.next_at, "other")


async def test_a_schedule_that_fails_leaves_one_next_try_however_often_it_fires(
    database: Database, clock: VirtualClock
) -> None:
    handlers, seen = Handlers(), list[int]()

    async def work(run: Run) -> None:
        seen.append(run.failures)
        raise ValueError("not yet")

    handlers.register("work", work)
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", key="k", cron="* * * * *")
    for _ in range(10):
        await clock.advance(60)
        await tick(database, handlers)
        assert await counted(database, job_timer) == 1
    assert seen == list(range(len(seen)))  # what is known of failures goes on with the next firing
    async with database.read() as conn:
        assert (await read_job_status(conn, "work", "k")).failures == len(seen)


async def test_firings_of_one_schedule_do_not_run_beside_each_other(
    database: Database, clock: VirtualClock
) -> None:
    handlers, ends = Handlers(), asyncio.Event()
    started: list[str] = []

    async def work(run: Run) -> None:
        started.append(run.key)
        await ends.wait()

    handlers.register("work", work)
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", key="k", cron="* * * * *")
        await put_schedule(conn, "other", job_name="work", key="l", cron="5 12 * * *")
    mover = Worker(database, handlers, QUICK)
    async with engine_running(database, handlers):
        for _ in range(5):
            await clock.advance(60)
            await mover.move_due()
            await until(lambda: "k" in started)
        await until(lambda: started == ["k", "l"])
        async with database.read() as conn:
            state = await read_queue_state(conn)
        assert (state.running, state.waiting) == (2, 1)
        ends.set()
        await until(lambda: started == ["k", "l", "k"])


async def test_a_dropped_schedule_fires_no_more(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", cron="0 * * * *")
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
        await put_schedule(conn, "mine", job_name="work", cron=cron)
    await clock.advance(away)
    await tick(database, handlers)
    assert len(handlers.ran) == fires
    async with database.read() as conn:
        stored = await get_schedule(conn, "mine")
    assert stored is not None
    assert stored.next_at is not None
    assert stored.next_at > clock.now()


@pytest.mark.parametrize("broken", ["a", "b"])
async def test_a_schedule_whose_expression_became_invalid_fires_no_more_and_keeps_no_other_from_it(
    database: Database, clock: VirtualClock, broken: str
) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        for name in ("a", "b"):
            await put_schedule(conn, name, job_name="work", key=name, cron="*/10 * * * *")
        spoiled = update(job_schedule).where(job_schedule.c.name == broken)
        await conn.execute(spoiled.values(cron="every hour"))
    await clock.advance(600)
    await tick(database, handlers)
    assert handlers.ran == ["b" if broken == "a" else "a"]
    async with database.read() as conn:
        stored = await get_schedule(conn, broken)
    assert stored is not None
    assert (stored.next_at, stored.last_at) == (None, None)


@pytest.mark.parametrize("cron", ["* * * * * *", "0 0 31 2 *", "61 * * * *", "every hour", ""])
async def test_an_expression_that_is_none_is_refused_before_anything_is_written(
    database: Database, cron: str
) -> None:
    async with database.write() as conn:
        with pytest.raises(CronError, match="is no cron expression"):
            await put_schedule(conn, "mine", job_name="work", cron=cron)
        assert await get_schedule(conn, "mine") is None
    with pytest.raises(CronError):
        declaring(cron, "tidy")


async def test_an_hour_that_is_caught_up_is_caught_up_in_short_transactions(
    database: Database, clock: VirtualClock
) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        for number in range(2 * MAX_FIRED_AT_ONCE + 1):
            await put_schedule(conn, str(number), job_name="work", key=str(number), cron="* * * * *")
    await clock.advance(7200)
    async with database.write() as conn:
        assert await fire_due_schedules(conn) == MAX_FIRED_AT_ONCE
    await tick(database, handlers)
    assert len(handlers.ran) == len(set(handlers.ran)) == 2 * MAX_FIRED_AT_ONCE + 1
    await Worker(database, handlers, QUICK).move_due()
    assert await counted(database) == 0


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        # 02:00 to 03:00 comes twice in Berlin on 27 October 2030, from 00:00 UTC and from 01:00 UTC.
        (datetime(2030, 10, 27, 0, 10, tzinfo=UTC), datetime(2030, 10, 27, 0, 15, tzinfo=UTC)),
        (datetime(2030, 10, 27, 1, 10, tzinfo=UTC), datetime(2030, 10, 27, 2, 15, tzinfo=UTC)),
    ],
)
def test_what_is_next_is_never_past(moment: datetime, due: datetime) -> None:
    assert find_next_firing("15 1,2,3 * * *", "Europe/Berlin", moment) == due


async def test_a_clock_that_jumps_back_a_little_fires_nothing_twice(settings: Settings) -> None:
    handlers = Recorder()
    database = await open_database(settings, clock=VirtualClock(datetime(2030, 1, 1, 12, 59, tzinfo=UTC)))
    async with database.write() as conn:
        await put_schedule(conn, "mine", job_name="work", cron="0 * * * *")
    for at in ((13, 0, 0), (12, 59, 0), (12, 59, 30), (13, 0, 0), (14, 0, 0)):
        database.clock = VirtualClock(datetime(2030, 1, 1, *at, tzinfo=UTC))
        await tick(database, handlers)
    await database.close()
    assert [moment.hour for moment in handlers.times] == [13, 14]


async def test_a_schedule_that_is_changed_by_a_clock_that_is_behind_fires_nothing_twice(
    settings: Settings,
) -> None:
    handlers = Recorder()
    database = await open_database(settings, clock=VirtualClock(datetime(2030, 1, 1, 12, 59, tzinfo=UTC)))
    for hour, minute, cron in ((12, 59, "0 * * * *"), (13, 0, "0 * * * *"), (12, 59, "0 */1 * * *")):
        database.clock = VirtualClock(datetime(2030, 1, 1, hour, minute, tzinfo=UTC))
        async with database.write() as conn:
            await put_schedule(conn, "mine", job_name="work", cron=cron)
        await tick(database, handlers)
    for hour in (13, 14):
        database.clock = VirtualClock(datetime(2030, 1, 1, hour, tzinfo=UTC))
        await tick(database, handlers)
    await database.close()
    assert [moment.hour for moment in handlers.times] == [13, 14]


async def test_two_schedulers_fire_an_instant_once(database: Database, clock: VirtualClock) -> None:
    handlers = Recorder()
    async with database.write() as conn:
        for number in range(20):
            await put_schedule(conn, f"mine {number}", job_name="work", key=str(number), cron="0 * * * *")
    await clock.advance(3600)

    async def move() -> None:
        with suppress(LockNotAvailable):  # for one who finds only what the others have in hand
            await Worker(database, handlers, QUICK).move_due()

    await asyncio.gather(*(move() for _ in range(4)))
    await drain(database, handlers)
    assert len(handlers.ran) == len(set(handlers.ran)) == 20


async def test_schedules_of_the_program_follow_its_code(database: Database, clock: VirtualClock) -> None:
    handlers, ran = Handlers(), list[str]()

    async def tidy(run: Run) -> None:
        ran.append(run.job_name)

    handlers.register_scheduled("tidy", "0 * * * *", tidy)
    async with database.write() as conn:
        await put_schedule(conn, "a user's", job_name="work", cron="0 0 1 1 *")
    async with worker_running(database, handlers):
        await clock.advance(3600)
        await until(lambda: ran == ["tidy"])
    async with worker_running(database, Handlers()):
        pass
    async with database.read() as conn:
        assert await get_schedule(conn, "every:tidy") is None
        assert await get_schedule(conn, "a user's") is not None


def declaring(cron: str, *kinds: str) -> Handlers:
    async def work(run: Run) -> None:
        pass

    handlers = Handlers()
    for kind in kinds:
        handlers.register_scheduled(kind, cron, work)
    return handlers


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite has one process
async def test_a_process_of_an_older_version_leaves_the_schedules_of_a_newer_one_alone(
    database: Database,
) -> None:
    older, newer = declaring("0 * * * *", "tidy", "old"), declaring("30 * * * *", "tidy", "new")

    async def declared() -> dict[str, str]:
        names = dict.fromkeys(("tidy", "old", "new"))
        async with database.read() as conn:
            found = {name: await get_schedule(conn, f"every:{name}") for name in names}
        return {name: each.cron for name, each in found.items() if each is not None}

    both = {"tidy": "30 * * * *", "old": "0 * * * *", "new": "30 * * * *"}
    async with worker_running(database, older) as old_worker:
        async with worker_running(database, newer) as new_worker:
            assert await declared() == both
            await old_worker._declare_schedules()
            assert await declared() == both
        await old_worker._declare_schedules()  # the newer one was taken back
        assert await declared() == {"tidy": "0 * * * *", "old": "0 * * * *"}
    async with worker_running(database, newer) as new_worker:
        assert await declared() == {"tidy": "30 * * * *", "new": "30 * * * *"}
        await new_worker._declare_schedules()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_process_that_fell_silent_knows_nothing_any_more(database: Database) -> None:
    here, gone = PeerProcesses(database, "schedules", ["a"]), PeerProcesses(database, "schedules", ["b"])
    await gone.send_heartbeat()
    await here.send_heartbeat()
    async with database.write() as conn:
        assert await here.read_names_of_others(conn) == {"b"}
        assert await gone.read_names_of_newer(conn) == {"a"}
        await conn.execute(text("UPDATE peer SET seen_at = seen_at - interval '61 seconds'"))
        assert await here.read_names_of_others(conn) == frozenset()
