"""Tokens that end are renewed before a call, after a refusal, or when somebody asks for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.credentials.authority import ACTION, DEFINITION, Authority, call, connect

from isthmus.accounts import Connections, OwnAccount
from isthmus.db import Database
from isthmus.db.tables import integrated_account
from isthmus.errors import BadRequest

pytestmark = pytest.mark.both_databases


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


@pytest.mark.parametrize(("seconds", "renewals"), [(22, 6), (5, 24), (0, 1), (-5, 1)])
async def test_a_short_lived_token_is_renewed_once_for_each_of_its_lives(
    connections: Connections,
    desk: Desk,
    authority: Authority,
    clock: WatchedClock,
    seconds: int,
    renewals: int,
) -> None:
    """Calls of 96 seconds, one a second. A token without a lifetime is kept until it is refused."""
    authority.seconds = seconds
    id = await connect(desk, clock, ends_in=-1)
    for _ in range(96):
        await call(connections, desk, id)
        await clock.advance(1)
    assert (len(authority.refreshes), authority.served) == (renewals, 96)


ENDS_ONLY = ACTION.replace(
    "$previous }", "$merge([$sift($previous, function($_, $k) { $k != 'expires_in' }), END]) }"
)


@pytest.mark.parametrize(
    "definition",
    [
        DEFINITION + ENDS_ONLY.replace("END", "{ 'expires_at': $millis() / 1000 + $previous.expires_in }"),
        DEFINITION + ENDS_ONLY.replace("END", "{ 'expires_at': 1 }"),
    ],
    ids=["20 seconds", "the past"],
)
async def test_a_token_that_tells_its_end_alone_is_not_renewed_with_each_call(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    authority.seconds = 20
    id = await connect(desk, clock, ends_in=-1)
    for _ in range(10):
        await call(connections, desk, id)
    assert (len(authority.refreshes), authority.served) == (1, 10)


async def test_a_token_that_somebody_takes_elsewhere_is_renewed_first(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    """A page, say, for a file picker; a renewal that fails leaves what there is."""
    for ends_in, renewals in ((61, 0), (59, 1)):
        id = await connect(desk, clock, ends_in=ends_in)
        await connections.refresh_expiring_token(desk.scope.environment_id, id, request_id="r")
        assert len(authority.refreshes) == renewals
    async with desk.database.read() as conn:
        shown = await OwnAccount(conn, desk.scope, id).get()
    assert shown["context"]["oauth"]["token"]["access_token"] == "at-1"
    refused = await connect(desk, clock, ends_in=0, refresh_token="rt-unknown")
    await connections.refresh_expiring_token(desk.scope.environment_id, refused, request_id="r")
    assert (await desk.get(refused))["status"] == "needs_reauth"
    await connections.refresh_expiring_token(desk.scope.environment_id, refused, request_id="r")
    assert len(authority.refreshes) == 2


async def test_a_good_token_is_handed_out_though_somebody_writes_the_account(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=61)
    async with database.write() as conn:
        account = select(integrated_account.c.id).where(integrated_account.c.id == id)
        await conn.execute(account.with_for_update())
        looking = connections.refresh_expiring_token(desk.scope.environment_id, id, request_id="r")
        async with asyncio.timeout(3):
            await asyncio.create_task(looking)
    assert authority.refreshes == []


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


async def test_credentials_are_renewed_on_request_and_revive_a_refused_account(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock)
    await desk.update(id, status="needs_reauth")
    await connections.refresh_credentials(desk.scope.environment_id, id, request_id="r")
    assert (await desk.get(id))["status"] == "active"
    assert (await desk.told(id))[-1] == "reactivated"
    await call(connections, desk, id)
    assert len(authority.refreshes) == 1


async def test_a_key_cannot_be_renewed(connections: Connections, desk: Desk) -> None:
    row = await desk.connect(context={"url": desk.url, "api_key": "k"})
    with pytest.raises(BadRequest, match="Nothing can refresh"):
        await connections.refresh_credentials(desk.scope.environment_id, row["id"], request_id="r")
