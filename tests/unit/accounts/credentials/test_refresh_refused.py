"""Credentials that the provider takes no more: `needs_reauth`, told once, with the reason."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.credentials.authority import ACTION, DEFINITION, Authority, call, connect

from isthmus.accounts import Connections
from isthmus.accounts.credentials.refresh_lease import end_all_leases
from isthmus.db import Database
from isthmus.errors import AccountNeedsReauth, RemoteError, TokenEndpointFailed


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
    assert (await desk.told(id)).count("authentication_error") == 1
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


async def test_a_token_without_a_refresh_token_is_refused_for_good(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0, refresh_token=None)
    authority.access = "at-elsewhere"
    with pytest.raises(RemoteError):
        await call(connections, desk, id)
    assert (authority.refreshes, (await desk.get(id))["status"]) == ([], "needs_reauth")


@pytest.mark.parametrize("definition", [DEFINITION + ACTION])
async def test_an_action_that_is_refused_ends_in_needs_reauth(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock
) -> None:
    id = await connect(desk, clock, ends_in=0)
    authority.refresh = "rt-elsewhere"
    with pytest.raises(AccountNeedsReauth):
        await call(connections, desk, id)
    assert (await desk.get(id))["status"] == "needs_reauth"


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


async def test_an_answer_that_was_lost_in_a_crash_is_told_as_what_it_is(
    connections: Connections, desk: Desk, database: Database, authority: Authority, clock: WatchedClock
) -> None:
    """The process dies between the provider's answer and its commit: the journal says `started`."""
    id = await connect(desk, clock, ends_in=0)
    authority.gate.clear()
    task = asyncio.ensure_future(call(connections, desk, id))
    await authority.asked.wait()
    for each in asyncio.all_tasks():  # as a kill would: nothing of it runs on
        if "_run_task" in repr(each.get_coro()):
            each.cancel()
    await asyncio.gather(task, return_exceptions=True)
    authority.issue()  # the provider has answered all the same
    authority.gate.set()
    async with database.write() as conn:  # as the start of the one process on its file does
        await end_all_leases(conn)
    with pytest.raises(AccountNeedsReauth, match="interrupted before its reply was stored"):
        await call(connections, desk, id)
    assert "interrupted before its reply was stored" in (await desk.get(id))["last_error"]
    assert (await desk.told(id)).count("authentication_error") == 1
