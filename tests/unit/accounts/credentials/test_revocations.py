"""A token is revoked where its account is deleted, and its provider takes that word (RFC 7009)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select
from tests.background import QUICK, drain, tick
from tests.locks import wait_until_blocking
from tests.unit.accounts.conftest import Desk, WatchedClock, install
from tests.unit.accounts.credentials.authority import (
    ACTION,
    DEFINITION,
    REVOKES,
    Authority,
    call,
    connect,
    with_time,
)
from tests.unit.integrations.world import World

from isthmus.accounts import Accounts, Connections, Installs
from isthmus.accounts.credentials.revocations import REVOCATION_JOB, Revocations, find_overdue_revocations
from isthmus.accounts.credentials.token_refresh import REFRESH_JOB
from isthmus.accounts.lifecycle.account_jobs import LIFECYCLE_JOB
from isthmus.db import Database
from isthmus.db.tables import credential_revocation, environment, integrated_account, job, job_timer
from isthmus.errors import NotFound
from isthmus.http import HttpClient
from isthmus.jobs import Handlers, Worker, defer

pytestmark = pytest.mark.both_databases


@pytest.fixture
def definition() -> str:
    return REVOKES


@pytest.fixture
def handlers(database: Database, http: HttpClient) -> Handlers:
    made = Handlers()
    Revocations(database, http).register(made)
    return made


async def waiting(database: Database) -> int:
    async with database.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(credential_revocation))).scalar_one())


async def test_each_way_to_delete_revokes_what_the_account_held(
    desk: Desk, database: Database, handlers: Handlers, authority: Authority, clock: WatchedClock
) -> None:
    one = await connect(desk, clock, refresh_token="rt-one")
    two = await connect(desk, clock, refresh_token="rt-two")
    await desk.update(two, tenant_id="gone")
    await connect(desk, clock, refresh_token=None)
    await desk.connect(context={"url": desk.url, "api_key": "k"})
    await desk.delete(one)
    await drain(database, handlers)
    assert authority.revoked == ["rt-one"]
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete_many({"tenant_id": "gone"})
    await drain(database, handlers)
    assert authority.revoked == ["rt-one", "rt-two"]
    async with database.write() as conn:
        await Installs(conn, desk.scope).delete(desk.install_id)
    await drain(database, handlers)
    assert authority.revoked == ["rt-one", "rt-two", "at-0"]
    assert await waiting(database) == 0


async def test_a_deletion_that_is_undone_revokes_nothing(
    desk: Desk, database: Database, handlers: Handlers, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock)
    with suppress(RuntimeError):
        async with database.write() as conn:
            await Accounts(conn, desk.scope).delete(id)
            raise RuntimeError
    await drain(database, handlers)
    assert authority.revoked == []


@pytest.mark.parametrize("definition", [DEFINITION])
async def test_a_provider_that_takes_no_such_word_is_told_nothing(
    desk: Desk, database: Database, clock: WatchedClock
) -> None:
    id = await connect(desk, clock)
    await desk.delete(id)
    assert await waiting(database) == 0


@pytest.mark.parametrize(("answers", "calls"), [([503, 429], 3), ([400], 1), ([503] * 10, 6)])
async def test_an_outage_is_met_some_times_and_a_refusal_is_the_end(
    desk: Desk,
    database: Database,
    handlers: Handlers,
    authority: Authority,
    clock: WatchedClock,
    answers: list[int],
    calls: int,
) -> None:
    id = await connect(desk, clock)
    authority.answers = list(answers)
    await desk.delete(id)
    await drain(database, handlers)
    for _ in range(10):
        await clock.advance(1000)
        await tick(database, handlers)
    assert len(authority.revoked) == calls
    assert await waiting(database) == 0


@pytest.mark.parametrize("definition", [REVOKES, REVOKES + ACTION], ids=["grant", "action"])
async def test_what_a_renewal_gives_after_its_account_is_gone_is_revoked_too(
    connections: Connections,
    desk: Desk,
    database: Database,
    handlers: Handlers,
    authority: Authority,
    clock: WatchedClock,
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    renewing = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    await desk.delete(id)
    authority.gate.set()
    with pytest.raises(NotFound):
        await with_time(renewing, clock, 0.1)
    await drain(database, handlers)
    assert sorted(authority.revoked) == ["rt-0", "rt-1"]  # by two jobs, which run at the same time
    assert await waiting(database) == 0


async def test_a_renewal_that_ends_after_its_environment_is_gone_is_no_fault(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    renewing = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    async with database.write() as conn:
        await conn.execute(delete(integrated_account))
        await conn.execute(delete(environment).where(environment.c.id == desk.scope.environment_id))
    authority.gate.set()
    with pytest.raises(NotFound):
        await with_time(renewing, clock, 0.1)
    assert await waiting(database) == 0


async def test_a_renewal_that_ends_while_its_environment_goes_is_no_fault(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    renewing = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    async with database.write() as conn:
        await conn.execute(delete(integrated_account))
    async with database.write() as conn:
        await conn.execute(delete(environment).where(environment.c.id == desk.scope.environment_id))
        authority.gate.set()
        await wait_until_blocking(conn, renewing)
    with pytest.raises(NotFound):
        await with_time(renewing, clock, 0.1)
    assert await waiting(database) == 0


async def test_each_way_to_delete_leaves_no_timer_and_no_job(
    desk: Desk, database: Database, clock: WatchedClock
) -> None:
    one, two, three = [await connect(desk, clock, ends_in=1800) for _ in range(3)]
    await desk.update(two, tenant_id="gone")
    kept = await connect(desk, clock, ends_in=1800)
    async with database.write() as conn:
        for id in (one, two, three):
            await defer(conn, LIFECYCLE_JOB, id, run_at=clock.now() + timedelta(hours=1))
        await defer(conn, LIFECYCLE_JOB, kept)
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete(one)
        await Accounts(conn, desk.scope).delete_many({"tenant_id": "gone"})
        await Accounts(conn, desk.scope).delete_many({"ids": [three]})
    assert await timers(database) == [(REFRESH_JOB, kept)]
    assert LIFECYCLE_JOB in await jobs(database)
    async with database.write() as conn:
        await Installs(conn, desk.scope).delete(desk.install_id)
    assert await timers(database) == []
    assert LIFECYCLE_JOB not in await jobs(database)


@pytest.mark.parametrize("selection", ["tenant_id", "ids"])
async def test_deleting_many_leaves_the_accounts_of_other_environments(
    desk: Desk,
    database: Database,
    handlers: Handlers,
    authority: Authority,
    clock: WatchedClock,
    world: World,
    selection: str,
) -> None:
    sibling = await install(database, world.sibling, authority.url)
    gone = await connect(desk, clock, ends_in=1800, refresh_token="rt-gone")
    kept = await connect(sibling, clock, ends_in=1800, refresh_token="rt-kept")
    chosen = {"tenant_id": "t-1"} if selection == "tenant_id" else {"ids": [gone, kept]}
    async with database.write() as conn:
        await defer(conn, LIFECYCLE_JOB, kept, run_at=clock.now() + timedelta(hours=1))
        await Accounts(conn, desk.scope).delete_many(chosen)
    await drain(database, handlers)
    assert authority.revoked == ["rt-gone"]
    assert (await sibling.get(kept))["tenant_id"] == "t-1"
    assert set(await timers(database)) == {(REFRESH_JOB, kept), (LIFECYCLE_JOB, kept)}


async def jobs(database: Database) -> list[str]:
    """What waits."""
    async with database.read() as conn:
        return list((await conn.execute(select(job.c.task_name).where(job.c.status == "todo"))).scalars())


async def timers(database: Database) -> list[tuple[str, str]]:
    async with database.read() as conn:
        return [(row.what, row.key) for row in (await conn.execute(select(job_timer))).all()]


async def test_a_revocation_that_is_sent_leaves_those_that_wait(
    desk: Desk, database: Database, handlers: Handlers, authority: Authority, clock: WatchedClock
) -> None:
    ids = [await connect(desk, clock, refresh_token=f"rt-{number}") for number in range(2)]
    authority.answers = [503]
    for id in ids:
        await desk.delete(id)
    await drain(database, handlers)
    assert await waiting(database) == 1
    await clock.advance(1000)
    await tick(database, handlers)
    assert sorted(set(authority.revoked)) == ["rt-0", "rt-1"]
    assert len(authority.revoked) == 3


async def test_only_revocations_that_lost_their_job_are_found(
    desk: Desk, database: Database, clock: WatchedClock
) -> None:
    for number in range(2):
        await desk.delete(await connect(desk, clock, refresh_token=f"rt-{number}"))
    async with database.write() as conn:
        lost = (await conn.execute(select(credential_revocation.c.id).limit(1))).scalar_one()
        left = (await conn.execute(select(job.c.id, job.c.args).where(job.c.status == "todo"))).all()
        (gone,) = [row.id for row in left if lost in str(row.args)]
        await conn.execute(delete(job).where(job.c.id == gone))
    for seconds, found in ((60, []), (0.001, [(REVOCATION_JOB, lost)])):
        await clock.advance(seconds)
        async with database.read() as conn:
            assert list(await find_overdue_revocations(conn)) == found


async def test_a_revocation_that_lost_its_job_is_sent_all_the_same(
    desk: Desk, database: Database, handlers: Handlers, authority: Authority, clock: WatchedClock
) -> None:
    await desk.delete(await connect(desk, clock, refresh_token="rt-one"))
    async with database.write() as conn:
        await conn.execute(delete(job))
    for seconds, revoked in ((30, []), (31, ["rt-one"])):
        await clock.advance(seconds)
        await Worker(database, handlers, QUICK).defer_lost_jobs()
        await drain(database, handlers)
        assert authority.revoked == revoked
    assert await waiting(database) == 0
