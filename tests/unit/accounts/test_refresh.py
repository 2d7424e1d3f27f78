"""Tokens that end: renewed before a call, after a refusal, once for all who wait, and never lost silently."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update
from tests.background import tick, until
from tests.unit.accounts.conftest import Desk, WatchedClock, install
from tests.unit.integrations.small_catalog import write_catalog
from tests.unit.integrations.world import World

from isthmus.accounts import Connections, JsonCallLog, OwnAccount
from isthmus.accounts.refresh_journal import BEAT_SECONDS, LEASE, void_leases
from isthmus.accounts.renewal_timer import AHEAD, JOB, give_up_renewing
from isthmus.db import Database, EpochWatcher
from isthmus.db.tables import credential_refresh, event
from isthmus.engine import proxy
from isthmus.engine.calls import read_call
from isthmus.errors import (
    AccountNeedsReauth,
    BadRequest,
    RemoteError,
    TokenEndpointFailed,
    UpstreamUnreachable,
)
from isthmus.http import HttpClient
from isthmus.integrations.catalog import Catalog
from isthmus.integrations.effective import Effective
from isthmus.integrations.exchanges import Exchanges
from isthmus.jobs import Handlers, standing
from isthmus.kit.ids import new_id

DEFINITION = """
name: brightfold
label: Brightfold Desk
sharing: allow
config:
  base_url: "{{url}}"
  credentials:
    api_key: {config: {fields: [{name: url}, {name: api_key, type: password}]}}
    oauth2:
      config:
        client: {id: app, secret: shh}
        auth: {tokenHost: "{{url}}", tokenPath: /token}
        scope: [read]
    oauth2_client_credentials:
      config:
        auth: {tokenHost: "{{url}}", tokenPath: /token}
        fields: [{name: url}, {name: client_id}, {name: client_secret, type: password}]
  authorization: {format: bearer}
  resources:
    tickets: {list: {path: /tickets, response_path: items}, create: {method: post, path: /tickets}}
"""
ACTION = """
  actions:
    refresh_token:
      steps:
        - type: request
          config: {method: post, path: /exchange, no_auth: true, body: {old: "{{oauth.token.refresh_token}}"}}
        - {type: update_context, config: {expression: "{ 'oauth': { 'token': $previous } }"}}
"""


@dataclass
class Authority:
    """A product and its token endpoint. A refresh token is good once, and an access token until the next one.

    `refreshes`: forms that were sent; `asked` is set with each. `script`: (status, body) to answer token
    calls with, before anything is looked at; None as status hangs up. `gate`: token calls wait for it.
    `refusal`: the status of calls with another access token.
    """

    url: str = ""
    access: str = "at-0"
    refresh: str | None = "rt-0"
    refreshes: list[dict[str, str]] = field(default_factory=list)
    served: int = 0
    script: list[tuple[int | None, Any]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    seconds: int | None = 3600
    refusal: int = 401
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.gate.set()

    async def token(self, request: web.Request) -> web.StreamResponse:
        sent = dict(await request.post()) if request.path == "/token" else await request.json()
        self.refreshes.append({name: str(value) for name, value in sent.items()})
        self.asked.set()
        await self.gate.wait()
        if self.script:
            status, body = self.script.pop(0)
            if status is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            if isinstance(body, str):
                return web.Response(text=body, status=status, content_type="text/html")
            return web.json_response(body, status=status)
        old = sent.get("refresh_token") or sent.get("old")
        if old != self.refresh and sent.get("grant_type") != "client_credentials":
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(self.issue())

    def issue(self) -> dict[str, Any]:
        number = next(self.numbers)
        self.access, self.refresh = f"at-{number}", f"rt-{number}"
        reply = {"access_token": self.access, "refresh_token": self.refresh, "token_type": "Bearer"}
        return reply if self.seconds is None else {**reply, "expires_in": self.seconds}

    async def tickets(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.access}":
            return web.json_response({"message": "no"}, status=self.refusal)
        self.served += 1
        return web.json_response({"items": [{"no": self.served}]})


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    fake = Authority()
    app = web.Application()
    app.router.add_post("/token", fake.token)
    app.router.add_post("/exchange", fake.token)
    app.router.add_route("*", "/tickets", fake.tickets)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
def definition() -> str:
    return DEFINITION


@pytest.fixture
def catalog(tmp_path: Path, definition: str) -> Catalog:
    return write_catalog(tmp_path / "catalog", integration=definition)


@pytest.fixture
async def desk(database: Database, world: World, authority: Authority) -> Desk:
    return await install(database, world.mine, authority.url)


async def connect(desk: Desk, clock: WatchedClock, *, ends_in: float | None = 3600.0, **token: Any) -> str:
    """An account by `oauth2` whose token ends in so many seconds; its id."""
    held = {"access_token": "at-0", "refresh_token": "rt-0", **token}
    if ends_in is not None:
        held["expires_at"] = (clock.now() + timedelta(seconds=ends_in)).isoformat()
    held = {name: value for name, value in held.items() if value is not None}
    row = await desk.connect(
        authentication_method="oauth2", context={"url": desk.url, "oauth": {"token": held, "scope": ["read"]}}
    )
    return str(row["id"])


async def call(connections: Connections, desk: Desk, id: str, method: str = "list", **values: Any) -> Any:
    connection = await connections.open(desk.scope.environment_id, id, request_id=new_id())
    return await proxy.call(
        connection.upstream, connection.definition, "tickets", read_call(method, **values)
    )


async def told(database: Database, account_id: str) -> list[str]:
    """What was told of the account, in order."""
    async with database.read() as conn:
        mine = select(event.c.event).where(event.c.resource_id == account_id).order_by(event.c.seq)
        return [name.partition(":")[2] for name in (await conn.execute(mine)).scalars()]


async def test_a_token_that_is_about_to_end_is_renewed_before_the_call(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=59)
    await call(connections, desk, id)
    assert authority.refreshes == [{"grant_type": "refresh_token", "refresh_token": "rt-0"}]
    assert authority.served == 1


async def test_a_token_that_is_good_for_a_minute_is_left_alone(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=61)
    await call(connections, desk, id)
    assert authority.refreshes == []


async def test_a_token_that_somebody_takes_elsewhere_is_renewed_first(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    """A page, say, for a file picker; a renewal that fails leaves what there is."""
    for ends_in, renewals in ((61, 0), (59, 1)):
        id = await connect(desk, clock, ends_in=ends_in)
        await connections.renew_early(desk.scope.environment_id, id, request_id="r")
        assert len(authority.refreshes) == renewals
    async with desk.database.read() as conn:
        shown = await OwnAccount(conn, desk.scope, id).get()
    assert shown["context"]["oauth"]["token"]["access_token"] == "at-1"
    refused = await connect(desk, clock, ends_in=0, refresh_token="rt-unknown")
    await connections.renew_early(desk.scope.environment_id, refused, request_id="r")
    assert (await desk.get(refused))["status"] == "needs_reauth"
    await connections.renew_early(desk.scope.environment_id, refused, request_id="r")
    assert len(authority.refreshes) == 2


@pytest.mark.parametrize("ends_in", [None, 3600])
@pytest.mark.parametrize("method", ["list", "create"])
async def test_a_refused_token_is_renewed_and_the_call_sent_once_more(
    connections: Connections,
    desk: Desk,
    authority: Authority,
    clock: WatchedClock,
    ends_in: float | None,
    method: str,
) -> None:
    id = await connect(desk, clock, ends_in=ends_in)
    authority.access = "at-elsewhere"
    await call(connections, desk, id, method, **({"body": {}} if method == "create" else {}))
    assert (len(authority.refreshes), authority.served) == (1, 1)


async def test_a_refusal_that_only_the_body_tells_is_met_with_a_renewal_too(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock)
    told_by = "data.message = 'no' ? {'message': 'token_expired', 'status': 401}"
    await desk.update(id, integration_override={"error_expression": told_by})
    authority.access, authority.refusal = "at-elsewhere", 200
    await call(connections, desk, id)
    assert (len(authority.refreshes), authority.served) == (1, 1)
    assert (await desk.get(id))["status"] == "active"


async def test_what_the_provider_gave_is_kept_whole_and_ends_when_it_says(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    await call(connections, desk, id)
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")
    token = connection.upstream.context["oauth"]["token"]
    end = (clock.now() + timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert token == {
        "access_token": "at-1",
        "refresh_token": "rt-1",
        "token_type": "Bearer",
        "expires_in": 3600,
        "expires_at": end,
    }
    assert connection.upstream.context["oauth"]["scope"] == ["read"]


async def test_a_race_of_fifty_calls_on_an_ended_token_is_one_refresh(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    await asyncio.gather(*(call(connections, desk, id) for _ in range(50)))
    assert (len(authority.refreshes), authority.served) == (1, 50)


async def test_a_race_of_fifty_refused_calls_is_one_refresh(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=None)
    authority.access = "at-elsewhere"
    await asyncio.gather(*(call(connections, desk, id) for _ in range(50)))
    assert (len(authority.refreshes), authority.served) == (1, 50)


async def test_a_race_of_two_processes_is_one_refresh(
    connections: Connections, other: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    calls = [asyncio.ensure_future(call(each, desk, id)) for each in (connections, other) for _ in range(5)]
    await until(lambda: clock.sleepers == 2)  # one process asks the provider, the other looks at the row
    authority.gate.set()
    pending: set[asyncio.Future[Any]] = set(calls)
    while pending:
        await clock.advance(0.1)
        _, pending = await asyncio.wait(pending, timeout=0.02)
    assert (len(authority.refreshes), authority.served) == (1, 10)


async def test_a_refused_refresh_ends_in_needs_reauth_told_once(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.refresh = "rt-elsewhere"
    results = await asyncio.gather(*(call(connections, desk, id) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, AccountNeedsReauth) for each in results)
    row = await desk.get(id)
    assert row["status"] == "needs_reauth"
    assert "invalid_grant" in row["last_error"]
    assert (await told(database, id)).count("authentication_error") == 1
    with pytest.raises(AccountNeedsReauth):
        await call(connections, desk, id)
    assert len(authority.refreshes) == 1


async def test_a_caller_whose_token_was_refused_gets_the_providers_words(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=None)
    authority.access, authority.refresh = "at-elsewhere", "rt-elsewhere"
    with pytest.raises(RemoteError) as caught:
        await call(connections, desk, id)
    assert (caught.value.status, caught.value.raw_response) == (401, {"message": "no"})
    assert (await desk.get(id))["status"] == "needs_reauth"


async def test_an_outage_leaves_the_account_and_is_met_with_patience(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.script = [(503, {}), (None, None), (429, {})]
    task = asyncio.ensure_future(call(connections, desk, id))
    started = clock.monotonic()
    while not task.done():
        await clock.advance(0.5)
        await asyncio.wait({task}, timeout=0.02)
    await task
    assert len(authority.refreshes) == 4
    assert clock.monotonic() - started >= 7
    assert (await desk.get(id))["status"] == "active"


async def test_an_outage_that_lasts_fails_the_calls_alone_and_is_not_waited_out_by_each(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.script = [(503, {})] * 4
    task = asyncio.ensure_future(call(connections, desk, id))
    while not task.done():
        await clock.advance(0.5)
        await asyncio.wait({task}, timeout=0.02)
    with pytest.raises(TokenEndpointFailed):
        await task
    with pytest.raises(TokenEndpointFailed):
        await call(connections, desk, id)
    assert len(authority.refreshes) == 4
    await clock.advance(6)
    await call(connections, desk, id)
    assert (await desk.get(id))["status"] == "active"


async def test_an_outage_does_not_hold_up_a_token_that_is_still_good(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=30)
    authority.script = [(404, {})]
    await call(connections, desk, id)
    assert authority.served == 1


async def test_a_token_without_a_refresh_token_is_refused_for_good(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0, refresh_token=None)
    authority.access = "at-elsewhere"
    with pytest.raises(RemoteError):
        await call(connections, desk, id)
    assert (authority.refreshes, (await desk.get(id))["status"]) == ([], "needs_reauth")


async def test_client_credentials_are_sent_again(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    context = {
        "url": desk.url,
        "client_id": "i",
        "client_secret": "s",
        "oauth": {"token": {"access_token": "x"}},
    }
    row = await desk.connect(authentication_method="oauth2_client_credentials", context=context)
    await call(connections, desk, row["id"])
    assert authority.refreshes == [{"grant_type": "client_credentials"}]
    assert authority.served == 1


@pytest.mark.parametrize("definition", [DEFINITION + ACTION])
async def test_an_action_takes_the_place_of_the_grant(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    await asyncio.gather(*(call(connections, desk, id) for _ in range(5)))
    assert (authority.refreshes, authority.served) == ([{"old": "rt-0"}], 5)


@pytest.mark.parametrize("definition", [DEFINITION + ACTION])
async def test_an_action_that_is_refused_ends_in_needs_reauth(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.refresh = "rt-elsewhere"
    with pytest.raises(AccountNeedsReauth):
        await call(connections, desk, id)
    assert (await desk.get(id))["status"] == "needs_reauth"


async def test_an_answer_that_was_lost_in_a_crash_is_told_as_what_it_is(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    """The process dies between the provider's answer and its commit: the journal says `started`."""
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    for each in asyncio.all_tasks():  # as a kill would: nothing of it runs on
        if "_fly" in repr(each.get_coro()):
            each.cancel()
    await asyncio.gather(task, return_exceptions=True)
    authority.issue()  # the provider has answered all the same
    authority.gate.set()
    async with database.write() as conn:  # as the start of the one process on its file does
        await void_leases(conn)
    with pytest.raises(AccountNeedsReauth, match="cut off before its answer was kept"):
        await call(connections, desk, id)
    assert "cut off before its answer was kept" in (await desk.get(id))["last_error"]
    assert (await told(database, id)).count("authentication_error") == 1


async def with_time(task: asyncio.Future[Any], clock: WatchedClock, step: float = 0.5) -> Any:
    """What the task gives, while time goes on."""
    while not task.done():
        await clock.advance(step)
        await asyncio.wait({task}, timeout=0.02)
    return await task


async def row_of(database: Database, id: str) -> Any:
    async with database.read() as conn:
        mine = select(credential_refresh).where(credential_refresh.c.id == id)
        return (await conn.execute(mine)).mappings().one()


async def test_a_process_that_lost_its_lease_writes_nothing_and_uses_what_the_other_got(
    connections: Connections,
    other: Connections,
    desk: Desk,
    database: Database,
    authority: Authority,
    clock: WatchedClock,
) -> None:
    """As one that was paused for longer than its lease: the provider takes the old token twice here."""
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    paused = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    async with database.write() as conn:
        passed = clock.now() - timedelta(seconds=1)
        await conn.execute(update(credential_refresh).values(lease_until=passed))
    authority.script = [(200, {"access_token": "late", "expires_in": 3600})]
    answer = authority.gate
    authority.gate = asyncio.Event()
    authority.gate.set()
    authority.script, late = [], authority.script
    await call(other, desk, id)
    authority.script = late
    answer.set()
    await with_time(paused, clock, 0.1)
    connection = await other.open(desk.scope.environment_id, id, request_id="r")
    assert connection.upstream.context["oauth"]["token"]["access_token"] == "at-1"
    assert (len(authority.refreshes), authority.served) == (2, 2)
    assert (await row_of(database, id))["epoch"] == 2


async def test_a_lease_lasts_as_long_as_its_process_lives(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    for _ in range(10):
        await until(lambda: clock.sleepers)
        await clock.advance(BEAT_SECONDS)
        await until(lambda: _lasts(database, id, clock))
    authority.gate.set()
    await task
    assert len(authority.refreshes) == 1
    row = await row_of(database, id)
    assert (row["lease_until"], row["state"]) == (None, "committed")


async def _lasts(database: Database, id: str, clock: WatchedClock) -> bool:
    until_when = (await row_of(database, id))["lease_until"]
    return bool(until_when > clock.now() + LEASE / 2)


async def test_a_database_that_is_away_when_the_answer_comes_does_not_cost_the_token(
    connections: Connections,
    desk: Desk,
    database: Database,
    authority: Authority,
    clock: WatchedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    write, failures = database.write, iter([OSError("away"), OSError("away")])

    def away() -> Any:
        for failed in failures:
            raise failed
        return write()

    monkeypatch.setattr(database, "write", away)
    authority.gate.set()
    await with_time(task, clock, 0.1)
    assert (len(authority.refreshes), authority.served) == (1, 1)


async def test_credentials_that_came_while_the_provider_was_asked_stay(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    """A reconnect, say. The late answer is of the grant before."""
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    end = (clock.now() + timedelta(hours=1)).isoformat()
    token = {"access_token": "at-new", "refresh_token": "rt-new", "expires_at": end}
    await desk.update(id, context={"oauth": {"token": token}})
    authority.script = [(200, {"access_token": "late", "refresh_token": "late", "expires_in": 3600})]
    authority.access = "at-new"
    authority.gate.set()
    await with_time(task, clock, 0.1)
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")
    held = connection.upstream.context["oauth"]["token"]
    assert (held["access_token"], held["refresh_token"]) == ("at-new", "rt-new")


async def test_a_refusal_of_credentials_that_were_replaced_meanwhile_says_nothing(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    end = (clock.now() + timedelta(hours=1)).isoformat()
    token = {"access_token": "at-new", "refresh_token": "rt-new", "expires_at": end}
    await desk.update(id, context={"oauth": {"token": token}})
    authority.access, authority.refresh = "at-new", "rt-new"
    authority.gate.set()
    await with_time(task, clock, 0.1)
    assert (await desk.get(id))["status"] == "active"
    assert "authentication_error" not in await told(database, id)


async def test_what_others_renewed_long_ago_is_renewed_again_where_it_ended_too(
    connections: Connections, other: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    """A page of a long walk: its process looked last when the token before was good."""
    id = await connect(desk, clock, ends_in=None)
    held = await connections.open(desk.scope.environment_id, id, request_id="r")
    authority.access, authority.seconds = "at-elsewhere", None
    await call(other, desk, id)
    authority.access = "at-elsewhere-again"  # what the other got has ended as well, and nobody knows
    await proxy.call(held.upstream, held.definition, "tickets", read_call("list"))
    assert (len(authority.refreshes), (await desk.get(id))["status"]) == (2, "active")


async def test_a_renewal_ends_although_who_asked_for_it_went_away(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    task.cancel()
    await asyncio.wait({task})
    closing = asyncio.ensure_future(connections.close())
    await asyncio.wait({closing}, timeout=0.02)
    assert not closing.done()  # as at a stop of the process: the answer is waited for
    authority.gate.set()
    await closing
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")
    assert connection.upstream.context["oauth"]["token"]["access_token"] == "at-1"


async def test_what_never_arrived_is_no_loss(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    """A refusal after it is told as the provider put it."""
    id = await connect(desk, clock, ends_in=0)
    url, row = authority.url, await desk.get(id)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        await desk.update(id, context={"url": f"http://127.0.0.1:{closed.getsockname()[1]}"})
        with pytest.raises(UpstreamUnreachable):
            await with_time(asyncio.ensure_future(call(connections, desk, id)), clock)
    assert (await row_of(database, id))["state"] == "failed"
    await clock.advance(6)
    await desk.update(id, context={"url": url})
    authority.refresh = "rt-elsewhere"
    with pytest.raises(AccountNeedsReauth):
        await call(connections, desk, id)
    row = await desk.get(id)
    assert (row["status"], "cut off" in row["last_error"]) == ("needs_reauth", False)


async def test_an_app_whose_secret_is_wrong_is_told_from_a_dead_account(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.script = [(401, {"error": "invalid_client"})]
    with pytest.raises(AccountNeedsReauth, match="client id and secret"):
        await call(connections, desk, id)
    assert (await desk.get(id))["status"] == "needs_reauth"


async def test_a_page_that_forbids_is_no_refusal_of_the_credentials(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    """A firewall's, or one for maintenance: it is not the token endpoint that speaks."""
    id = await connect(desk, clock, ends_in=0)
    authority.script = [(403, '<html lang="en">Access denied</html>')]
    with pytest.raises(TokenEndpointFailed):
        await call(connections, desk, id)
    assert (await desk.get(id))["status"] == "active"


async def test_a_timer_follows_the_token(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    """Renewed before its timer, it is the new token's end that counts."""
    ahead = AHEAD.total_seconds()
    id = await connect(desk, clock, ends_in=1800)
    assert await timer(database, id, clock) == 1800 - ahead
    authority.access = "at-elsewhere"
    await call(connections, desk, id)
    assert await timer(database, id, clock) == 3600 - ahead
    handlers = Handlers()
    handlers.on(JOB, connections.renew_ahead, on_failure=give_up_renewing)
    await clock.advance(3600 - ahead)
    await tick(database, handlers)
    assert len(authority.refreshes) == 2
    assert await timer(database, id, clock) == 3600 - ahead


async def test_nothing_is_renewed_ahead_of_time_where_that_is_turned_off(
    database: Database,
    epochs: EpochWatcher,
    http: HttpClient,
    catalog: Catalog,
    desk: Desk,
    authority: Authority,
    clock: WatchedClock,
) -> None:
    quiet = Connections(
        database,
        epochs,
        Effective(database, epochs),
        http,
        clock,
        JsonCallLog(),
        Exchanges(catalog),
        renews_ahead=False,
    )
    await connect(desk, clock, ends_in=1800)
    handlers = Handlers()
    handlers.on(JOB, quiet.renew_ahead, on_failure=give_up_renewing)
    await clock.advance(1800)
    await tick(database, handlers)
    assert authority.refreshes == []


async def timer(database: Database, id: str, clock: WatchedClock) -> int:
    """The seconds until the account's token is renewed although nobody calls."""
    async with database.read() as conn:
        moment = (await standing(conn, JOB, id)).run_at
    assert moment is not None
    return round((moment - clock.now()).total_seconds())


async def test_credentials_are_renewed_on_request_and_revive_a_refused_account(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock)
    await desk.update(id, status="needs_reauth")
    await connections.refresh_credentials(desk.scope.environment_id, id, request_id="r")
    assert (await desk.get(id))["status"] == "active"
    assert (await told(database, id))[-1] == "reactivated"
    await call(connections, desk, id)
    assert len(authority.refreshes) == 1


async def test_a_key_cannot_be_renewed(connections: Connections, desk: Desk) -> None:
    row = await desk.connect(context={"url": desk.url, "api_key": "k"})
    with pytest.raises(BadRequest, match="Nothing can renew"):
        await connections.refresh_credentials(desk.scope.environment_id, row["id"], request_id="r")
