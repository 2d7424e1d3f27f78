"""From saved to active: steps in order, resumed where they stood, each end emitted once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.background import QUICK, drain, tick, until, worker_running
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.lifecycle.steps_provider import CREDENTIALS, PERIODIC, PREPARED, Product, connect

from isthmus.accounts import Accounts, Connections, Installs
from isthmus.accounts.credentials.token_refresh import REFRESH_AHEAD, REFRESH_JOB
from isthmus.accounts.lifecycle.account_jobs import LIFECYCLE_JOB, start_lifecycle
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.accounts.store_connection import ConnectionResult, connect_account, reconnect_account
from isthmus.db import Database
from isthmus.db.tables import event
from isthmus.jobs import Handlers, Worker, cancel, defer, read_job_status

pytestmark = pytest.mark.both_databases


async def test_an_account_is_prepared_then_checked_then_active(
    desk: Desk, database: Database, handlers: Handlers, product: Product
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    row = await desk.get(id)
    assert product.seen == ["GET /me", "POST /orgs/acme/hooks", "GET /check"]
    assert product.bodies == [{"who": "Ana"}]
    assert (row["status"], row["last_error"]) == ("active", None)
    assert (row["context"]["org"], row["context"]["hook"]) == ("acme", 7)
    assert row["last_action_run_result"]["status"] == "success"
    assert await desk.told(id) == ["created", "active"]


@pytest.mark.parametrize(
    ("path", "answer", "status", "called", "cause"),
    [
        ("/me", (500, {"message": "on fire"}), "post_install_error", 1, "connection"),
        ("/me", (401, {"message": "no"}), "post_install_error", 1, "provider"),
        ("/me", (200, ["no object"]), "post_install_error", 1, "definition"),
        ("/orgs/acme/hooks", (422, {"message": "no hooks"}), "post_install_error", 2, "provider"),
        ("/check", (200, {"ok": False}), "validation_error", 3, "check"),
        ("/check", (200, {}), "validation_error", 3, "check"),
        ("/check", (401, {"message": "no"}), "validation_error", 3, "provider"),
    ],
)
async def test_the_first_failure_stops_and_is_told_once(
    desk: Desk,
    database: Database,
    handlers: Handlers,
    product: Product,
    path: str,
    answer: tuple[int, Any],
    status: str,
    called: int,
    cause: str,
) -> None:
    id = await connect(desk)
    product.answers[path] = answer
    await drain(database, handlers)
    row = await desk.get(id)
    assert (row["status"], len(product.seen)) == (status, called)
    assert row["last_error"]
    assert row["last_action_run_result"]["status"] == "error"
    assert row["last_action_run_result"]["error"]["cause"] == cause
    assert await desk.told(id) == ["created", status]
    product.answers.clear()
    async with database.write() as conn:
        await start_lifecycle(conn, desk.scope.environment_id, id)
    await drain(database, handlers)
    assert (await desk.get(id))["last_error"] is None
    assert await desk.told(id) == ["created", status, "active", "reactivated"]


@pytest.mark.parametrize("definition", [CREDENTIALS])
async def test_an_account_without_steps_is_active_at_once(desk: Desk, database: Database) -> None:
    row = await desk.connect(context={"url": desk.url, "api_key": "k-1"})
    assert row["status"] == "active"
    assert await desk.told(row["id"]) == ["created", "active"]


async def test_a_process_that_ends_between_two_steps_leaves_the_next_one_to_another(
    desk: Desk, database: Database, handlers: Handlers, product: Product
) -> None:
    """What was committed is not done again; the step that hung is."""
    id = await connect(desk)
    product.gates["/orgs/acme/hooks"] = asyncio.Event()
    async with worker_running(database, handlers):
        await until(lambda: len(product.seen) == 2)
    assert (await desk.get(id))["status"] == "connecting"
    assert (await desk.get(id))["context"]["org"] == "acme"
    product.gates.clear()
    await drain(database, handlers)
    hooks = "POST /orgs/acme/hooks"
    assert product.seen == ["GET /me", hooks, hooks, "GET /check"]
    assert product.bodies == [{"who": "Ana"}] * 2
    assert await desk.told(id) == ["created", "active"]


async def test_a_run_that_was_begun_anew_meanwhile_ends_quietly(
    desk: Desk, database: Database, handlers: Handlers, product: Product
) -> None:
    id = await connect(desk)
    gate = product.gates["/check"] = asyncio.Event()
    async with worker_running(database, handlers):
        await until(lambda: "GET /check" in product.seen)
        async with database.write() as conn:
            await start_lifecycle(conn, desk.scope.environment_id, id)
        product.answers["/check"] = (400, {})
        del product.gates["/check"]
        gate.set()
        await until(lambda: len(product.seen) > 3)
        product.answers.clear()
        await until(lambda: _is(desk, id, "active", "validation_error"))
    await drain(database, handlers)
    assert product.seen.count("GET /me") == 2
    assert len([each for each in await desk.told(id) if each != "created"]) == 1


async def _is(desk: Desk, id: str, *statuses: str) -> bool:
    return (await desk.get(id))["status"] in statuses


async def test_an_account_that_is_deleted_meanwhile_ends_its_run(
    desk: Desk, database: Database, handlers: Handlers, product: Product
) -> None:
    id = await connect(desk)
    async with database.write() as conn:
        await Accounts(conn, desk.scope).delete(id)
    await drain(database, handlers)
    assert product.seen == []
    assert await desk.told(id) == ["created", "deleted"]


async def test_a_reconnect_is_told_as_updated_active_reactivated(
    desk: Desk, database: Database, handlers: Handlers, connections: Connections, clock: WatchedClock
) -> None:
    """And it has a timer for its new token."""
    id = await connect(desk)
    await drain(database, handlers)
    connected = await _connected(desk, connections, id, clock)
    await desk.update(id, status="needs_reauth")
    before = len(await desk.told(id))
    async with database.write() as conn:
        await reconnect_account(conn, connected, id, merges_context=False, gate_id=None)
        await start_lifecycle(conn, desk.scope.environment_id, id, is_reconnect=True)
    assert await _seconds_to_renewal(database, id, clock) == 3600 - REFRESH_AHEAD.total_seconds()
    await drain(database, handlers)
    assert (await desk.get(id))["status"] == "active"
    assert (await desk.told(id))[before:] == ["updated", "active", "reactivated"]


async def test_a_new_connection_has_a_timer_for_its_token(
    desk: Desk, database: Database, handlers: Handlers, connections: Connections, clock: WatchedClock
) -> None:
    connected = await _connected(desk, connections, await connect(desk), clock)
    async with database.write() as conn:
        id = await connect_account(
            conn, connected, tenant_id="t", region="eu", gate_id=None, is_sandbox=False
        )
        await start_lifecycle(conn, desk.scope.environment_id, id)
    assert await _seconds_to_renewal(database, id, clock) == 3600 - REFRESH_AHEAD.total_seconds()


async def _connected(desk: Desk, connections: Connections, id: str, clock: WatchedClock) -> ConnectionResult:
    definition = (await connections.open(desk.scope.environment_id, id, request_id="r")).definition
    end = (clock.now() + timedelta(hours=1)).isoformat()
    token = {"access_token": "at", "refresh_token": "rt", "expires_at": end}
    return ConnectionResult(
        environment_id=desk.scope.environment_id,
        install_id=desk.install_id,
        definition=definition,
        credential_format="oauth2",
        context={"url": desk.url, "oauth": {"token": token}},
    )


async def _seconds_to_renewal(database: Database, id: str, clock: WatchedClock) -> int:
    async with database.read() as conn:
        moment = (await read_job_status(conn, REFRESH_JOB, id)).run_at
    assert moment is not None
    return round((moment - clock.now()).total_seconds())


@pytest.mark.parametrize(
    ("path", "seconds", "status"),
    [("/me", 121, "post_install_error"), ("/check", 61, "validation_error")],
)
async def test_a_stage_that_takes_too_long_fails(
    desk: Desk,
    database: Database,
    handlers: Handlers,
    product: Product,
    clock: WatchedClock,
    path: str,
    seconds: float,
    status: str,
) -> None:
    id = await connect(desk)
    product.gates[path] = asyncio.Event()
    running = asyncio.ensure_future(drain(database, handlers))
    await until(lambda: f"GET {path}" in product.seen)
    await clock.advance(seconds - 2)
    assert not running.done()
    await clock.advance(2)
    await running
    product.gates[path].set()
    assert (await desk.get(id))["status"] == status
    assert "took longer than" in (await desk.get(id))["last_error"]


async def test_the_time_that_a_process_was_down_does_not_count(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await connect(desk)
    product.gates["/orgs/acme/hooks"] = asyncio.Event()
    async with worker_running(database, handlers):
        await until(lambda: len(product.seen) == 2)
    product.gates.clear()
    await clock.advance(3600)
    await drain(database, handlers)
    assert (await desk.get(id))["status"] == "active"


@pytest.mark.parametrize("definition", [CREDENTIALS + PREPARED + PERIODIC])
async def test_a_validation_comes_back_and_tells_what_changed(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    before = len(await desk.told(id))
    for answer, expected, hours in (
        ({"ok": True}, [], 6),
        ({"ok": False}, ["validation_error"], 6),
        ({"ok": False}, ["validation_error"], 1),
        ({"ok": True}, ["validation_error", "reactivated"], 1),
        ({"ok": True}, ["validation_error", "reactivated"], 6),
    ):
        product.answers["/check"] = (200, answer)
        checks = product.seen.count("GET /check")
        await clock.advance(hours * 3600 - 1)
        await tick(database, handlers)
        assert product.seen.count("GET /check") == checks
        await clock.advance(1)
        await tick(database, handlers)
        assert product.seen.count("GET /check") == checks + 1
        assert (await desk.told(id))[before:] == expected
        status = "active" if answer["ok"] else "validation_error"
        assert (await desk.get(id))["status"] == status


@pytest.mark.parametrize("definition", [CREDENTIALS + PREPARED + PERIODIC])
async def test_a_validation_of_an_account_that_may_not_be_called_says_nothing_of_it(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    async with database.write() as conn:
        await Installs(conn, desk.scope).update(desk.install_id, {"is_enabled": False})
    await clock.advance(6 * 3600)
    await tick(database, handlers)
    assert (await desk.get(id))["status"] == "active"


@pytest.mark.parametrize(
    ("status", "calls"),
    [
        ("active", ["GET /check"]),
        ("needs_reauth", ["GET /check"]),
        ("post_install_error", ["GET /me", "POST /orgs/acme/hooks", "GET /check"]),
    ],
)
async def test_new_credentials_are_checked_before_the_account_is_active(
    desk: Desk, database: Database, handlers: Handlers, product: Product, status: str, calls: list[str]
) -> None:
    """One that was never prepared is prepared first."""
    id = await connect(desk)
    await drain(database, handlers)
    await desk.update(id, status=status)
    product.seen.clear()
    before = len(await desk.told(id))
    assert (await desk.update_credentials(id, api_key="k-2"))["status"] == "connecting"
    await drain(database, handlers)
    assert (product.seen, (await desk.get(id))["status"]) == (calls, "active")
    back = [] if status == "active" else ["reactivated"]
    assert (await desk.told(id))[before:] == ["updated", "active", *back]


BYTES = """
  actions:
    post_install:
      steps:
        - {type: request, config: {path: /me, api_response_format: binary}}
"""


@pytest.mark.parametrize("definition", [CREDENTIALS + BYTES])
async def test_a_result_that_cannot_be_kept_fails_the_step(
    desk: Desk, database: Database, handlers: Handlers
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    row = await desk.get(id)
    assert row["status"] == "post_install_error"
    assert "no JSON" in row["last_error"]


async def test_the_stage_that_is_shown_of_an_account_is_its_own(
    desk: Desk, database: Database, connections: Connections, clock: WatchedClock
) -> None:
    one, two = await connect(desk), await connect(desk)
    lifecycle = Lifecycle(database, connections, clock)
    async with database.write() as conn:
        await start_lifecycle(conn, desk.scope.environment_id, two, stage="validation")
        stages = [await lifecycle.find_stage(conn, id) for id in (one, two, "no account")]
    assert stages == ["post_install", "validation", "post_install"]


@pytest.mark.parametrize("definition", [CREDENTIALS + PREPARED + PERIODIC])
async def test_an_account_that_lost_its_job_is_continued_all_the_same(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    """In the middle of a stage, and when its validation is due; not before, and not beside another try."""
    id = await connect(desk)

    async def lose_it() -> None:
        async with database.write() as conn:
            assert await cancel(conn, LIFECYCLE_JOB, id)

    async def reconcile() -> None:
        await Worker(database, handlers, QUICK).defer_lost_jobs()
        await drain(database, handlers)

    await lose_it()
    await reconcile()
    assert (await desk.get(id))["status"] == "active"
    checks = len(product.seen)
    await lose_it()
    await clock.advance(6 * 3600 - 1)
    await reconcile()
    assert len(product.seen) == checks
    await clock.advance(2)
    await reconcile()
    assert len(product.seen) == checks + 1
    await lose_it()
    await clock.advance(6 * 3600)
    async with database.write() as conn:
        await defer(conn, LIFECYCLE_JOB, id, run_at=clock.now() + timedelta(hours=1))
    await reconcile()
    assert len(product.seen) == checks + 1


@pytest.mark.parametrize("definition", [CREDENTIALS + PREPARED + PERIODIC])
async def test_a_validation_that_is_woken_early_comes_when_it_is_due(
    desk: Desk, database: Database, handlers: Handlers, product: Product, clock: WatchedClock
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    checks = len(product.seen)
    async with database.write() as conn:
        due = (await read_job_status(conn, LIFECYCLE_JOB, id)).run_at
        await defer(conn, LIFECYCLE_JOB, id)
    await drain(database, handlers)
    async with database.read() as conn:
        assert (await read_job_status(conn, LIFECYCLE_JOB, id)).run_at == due
    assert len(product.seen) == checks
    await clock.advance(6 * 3600)
    await tick(database, handlers)
    assert len(product.seen) == checks + 1


async def test_what_is_told_of_a_change_is_the_account_as_it_was_committed(
    desk: Desk, database: Database, handlers: Handlers
) -> None:
    id = await connect(desk)
    await drain(database, handlers)
    for number in range(2):
        async with database.write() as conn:
            accounts = Accounts(conn, desk.scope)
            if number == 0:
                await accounts.update_credentials(id, {"context": {"api_key": "k-2"}})
            else:
                await accounts.restart_lifecycle(id)
        assert (await desk.get(id))["status"] == "connecting"
        async with database.read() as conn:
            mine = select(event.c.event, event.c.payload).where(event.c.resource_id == id)
            last = (await conn.execute(mine.order_by(event.c.seq.desc()).limit(1))).one()
        assert (last.event, last.payload["status"]) == ("integrated_account:updated", "connecting")
        await drain(database, handlers)
    async with database.write() as conn:
        accounts = Accounts(conn, desk.scope)
        await accounts.restart_lifecycle(id)
        await accounts.restart_lifecycle(id)  # it is connecting already
    assert await desk.told(id) == ["created", "active", *("updated", "active") * 2, "updated"]
