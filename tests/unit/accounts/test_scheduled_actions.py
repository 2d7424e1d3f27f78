"""Actions that come back: one firing a time, for active accounts, as their definition stands by then."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from tests.background import drain, tick
from tests.unit.accounts.conftest import Desk, WatchedClock, install
from tests.unit.accounts.provider import Provider
from tests.unit.integrations.world import World

from isthmus.accounts import Accounts, Connections
from isthmus.accounts.lifecycle.actions import ScheduledActions
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.db import Database
from isthmus.db.tables import job_schedule
from isthmus.jobs import Handlers

pytestmark = pytest.mark.both_databases

DEFINITION = """
name: brightfold
label: Brightfold Desk
sharing: allow
config:
  base_url: "{{url}}"
  credentials:
    api_key: {config: {fields: [{name: url}, {name: account}, {name: plan}, {name: api_key, type: password}]}}
  resources: {tickets: {list: {path: /tickets, response_path: items}}}
  actions:
    renew_watch:
      schedule: {cron: "0 * * * *", run_if: "plan = 'pro'"}
      steps:
        - {type: request, config: {method: post, path: /watch}}
"""
PREPARED = """
    post_install: {steps: [{type: request, config: {path: /prepare}}]}
"""
HOUR = 3600.0


@pytest.fixture
def definition() -> str:
    return DEFINITION


@pytest.fixture
def handlers(database: Database, connections: Connections, clock: WatchedClock) -> Handlers:
    made = Handlers()
    Lifecycle(database, connections, clock).register(made)
    ScheduledActions(database, connections, clock).register(made)
    return made


async def connect(desk: Desk, plan: str = "pro") -> str:
    context = {"url": desk.url, "api_key": "k-1", "account": "acme", "plan": plan}
    return str((await desk.connect(context=context))["id"])


async def schedules(database: Database) -> list[Any]:
    async with database.read() as conn:
        rows = await conn.execute(select(job_schedule.c.key, job_schedule.c.cron))
        return [tuple(row) for row in rows]


def paths(provider: Provider) -> list[str]:
    return [path for path, _ in provider.seen]


async def an_hour_later(clock: WatchedClock, database: Database, handlers: Handlers) -> None:
    await clock.advance(HOUR)
    await tick(database, handlers)


async def test_it_runs_each_time_and_the_account_says_how_it_ended(
    desk: Desk, database: Database, handlers: Handlers, provider: Provider, clock: WatchedClock
) -> None:
    id = await connect(desk)
    await an_hour_later(clock, database, handlers)
    assert paths(provider) == ["/watch"]
    record = (await desk.get(id))["last_action_run_result"]
    assert (record["action"], record["status"]) == ("renew_watch", "success")
    provider.script = [(500, {}, {"message": "on fire"})]
    await an_hour_later(clock, database, handlers)
    assert (await desk.get(id))["last_action_run_result"]["status"] == "error"
    await an_hour_later(clock, database, handlers)
    assert paths(provider) == ["/watch"] * 3
    assert (await desk.get(id))["status"] == "active"


async def test_its_condition_sees_the_context_as_its_root(
    desk: Desk, database: Database, handlers: Handlers, provider: Provider, clock: WatchedClock
) -> None:
    id = await connect(desk, plan="free")
    await an_hour_later(clock, database, handlers)
    assert paths(provider) == []
    await desk.update(id, context={"plan": "pro"})
    await an_hour_later(clock, database, handlers)
    assert paths(provider) == ["/watch"]


async def test_only_an_active_account_has_it(
    desk: Desk, database: Database, handlers: Handlers, provider: Provider, clock: WatchedClock
) -> None:
    id = await connect(desk)
    await desk.update(id, status="needs_reauth")
    await an_hour_later(clock, database, handlers)
    assert paths(provider) == []
    assert len(await schedules(database)) == 1


@pytest.mark.parametrize("definition", [DEFINITION + PREPARED])
async def test_it_is_scheduled_when_the_account_becomes_active(
    desk: Desk, database: Database, handlers: Handlers
) -> None:
    id = await connect(desk)
    assert await schedules(database) == []
    await drain(database, handlers)
    assert await schedules(database) == [(f"{id}:renew_watch", "0 * * * *")]


async def test_it_follows_its_definition(
    desk: Desk, database: Database, handlers: Handlers, provider: Provider, clock: WatchedClock
) -> None:
    id = await connect(desk)
    override = {"actions": {"renew_watch": {"schedule": {"cron": "30 * * * *"}}}}
    await desk.update(id, integration_override=override)
    await an_hour_later(clock, database, handlers)
    assert paths(provider) == []
    assert await schedules(database) == [(f"{id}:renew_watch", "30 * * * *")]
    await desk.update(id, integration_override={"actions": {"renew_watch": {"schedule": None}}})
    await an_hour_later(clock, database, handlers)
    assert (paths(provider), await schedules(database)) == ([], [])


async def test_it_goes_with_its_account(
    desk: Desk, database: Database, handlers: Handlers, provider: Provider, clock: WatchedClock
) -> None:
    gone, stays = await connect(desk), await connect(desk)
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete(gone)
    assert await schedules(database) == [(f"{stays}:renew_watch", "0 * * * *")]


async def test_deleting_a_tenant_leaves_its_schedules_in_other_environments(
    desk: Desk, database: Database, provider: Provider, world: World
) -> None:
    sibling = await install(database, world.sibling, provider.url)
    await connect(desk)
    stays = await connect(sibling)
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete_many({"tenant_id": "t-1"})
    assert await schedules(database) == [(f"{stays}:renew_watch", "0 * * * *")]
