"""Calls of a real account to a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.provider import Provider

from isthmus.accounts import Connection, Connections
from isthmus.api.call_parsing import parse_call
from isthmus.db import Database
from isthmus.engine import proxy
from isthmus.engine.calls import ListResult
from isthmus.engine.queries import parse_query
from isthmus.errors import AccountNeedsReauth, RemoteError, UpstreamUnreachable


async def opened(connections: Connections, desk: Desk, id: str) -> Connection:
    return await connections.open(desk.scope.environment_id, id, request_id="r-1")


async def call(connections: Connections, desk: Desk, id: str, method: str = "list", **values: Any) -> Any:
    connection = await opened(connections, desk, id)
    return await proxy.call_method(
        connection.upstream, connection.definition, "tickets", parse_call(method, **values)
    )


async def test_a_call_carries_the_accounts_credentials(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    row = await desk.connect()
    result = await call(connections, desk, row["id"], query=parse_query("limit=5"))
    assert isinstance(result, ListResult)
    assert result.records == [{"no": 1}]
    ((path, headers),) = provider.seen
    assert path == "/tickets?size=5"
    assert headers["X-Desk-Key"] == "k-1"


async def test_a_changed_credential_is_used_by_the_next_call(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    row = await desk.connect()
    await call(connections, desk, row["id"])
    await desk.update(row["id"], context={"api_key": "k-2"})
    await call(connections, desk, row["id"])
    assert [headers["X-Desk-Key"] for _, headers in provider.seen] == ["k-1", "k-2"]


async def test_a_short_wait_is_waited_for_once_and_the_read_repeated(
    connections: Connections, desk: Desk, provider: Provider, clock: WatchedClock
) -> None:
    row = await desk.connect()
    provider.script = [(429, {"retry-after": "3"}, {})]
    task = asyncio.ensure_future(call(connections, desk, row["id"]))
    await asyncio.wait_for(clock.slept_on.wait(), 10)
    assert len(provider.seen) == 1
    await clock.advance(3.0)
    assert (await task).records == [{"no": 2}]


async def test_a_second_refusal_is_the_callers(
    connections: Connections, desk: Desk, provider: Provider, clock: WatchedClock
) -> None:
    row = await desk.connect()
    provider.script = [(429, {"retry-after": "1"}, {}), (429, {"retry-after": "2"}, {"slow": "down"})]
    task = asyncio.ensure_future(call(connections, desk, row["id"]))
    await asyncio.wait_for(clock.slept_on.wait(), 10)
    assert len(provider.seen) == 1
    await clock.advance(1.0)
    with pytest.raises(RemoteError) as refused:
        await task
    assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "2")
    assert len(provider.seen) == 2


async def test_a_long_wait_closes_the_account_for_every_call_and_leaves_the_provider_alone(
    connections: Connections, desk: Desk, provider: Provider, clock: WatchedClock
) -> None:
    row = await desk.connect()
    provider.script = [(429, {"retry-after": "30"}, {"slow": "down"})]
    with pytest.raises(RemoteError) as first:
        await call(connections, desk, row["id"])
    assert first.value.headers["retry-after"] == "30"
    for method in ("list", "create"):
        with pytest.raises(RemoteError) as later:
            await call(connections, desk, row["id"], method)
        assert (later.value.status, later.value.headers["retry-after"]) == (429, "30")
    assert len(provider.seen) == 1
    await clock.advance(30.0)
    await call(connections, desk, row["id"])
    assert len(provider.seen) == 2


async def test_a_write_is_not_repeated_but_told_to_wait(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    row = await desk.connect()
    provider.script = [(429, {"retry-after": "1"}, {})]
    for _ in range(2):
        with pytest.raises(RemoteError) as refused:
            await call(connections, desk, row["id"], "create", body={"a": 1})
        assert refused.value.headers["retry-after"] == "1"
    assert len(provider.seen) == 1


async def test_another_process_learns_of_the_wait_from_the_row(
    connections: Connections, database: Database, desk: Desk, provider: Provider, other: Connections
) -> None:
    row = await desk.connect()
    await call(other, desk, row["id"])
    provider.script = [(429, {"retry-after": "30"}, {})]
    with pytest.raises(RemoteError):
        await call(connections, desk, row["id"])
    with pytest.raises(RemoteError, match="asked to wait"):
        await call(other, desk, row["id"])
    assert len(provider.seen) == 2


async def test_two_accounts_do_not_wait_for_each_other(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    one, two = await desk.connect(), await desk.connect()
    provider.script = [(429, {"retry-after": "30"}, {})]
    with pytest.raises(RemoteError):
        await call(connections, desk, one["id"])
    assert (await call(connections, desk, two["id"])).records


async def test_refused_credentials_are_kept_from_the_provider_until_there_are_new_ones(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    row = await desk.connect()
    provider.script = [(401, {}, {"message": "no"})]
    with pytest.raises(RemoteError) as refused:
        await call(connections, desk, row["id"])
    assert refused.value.status == 401
    seen = await desk.get(row["id"])
    assert seen["status"] == "needs_reauth"
    assert "127.0.0.1 refused the credentials (401) at tickets.list" in seen["last_error"]
    with pytest.raises(AccountNeedsReauth, match="refused by Brightfold Desk"):
        await call(connections, desk, row["id"])
    assert len(provider.seen) == 1
    await desk.update_credentials(row["id"], api_key="k-2")
    assert (await call(connections, desk, row["id"])).records


TOLD = "data.ok = false ? {'message': data.error, 'status': data.error = 'scope' ? 403 : 401}"


async def told_by_bodies(desk: Desk) -> str:
    """An account of a product that answers 200 to everything, and says in the body what it means."""
    row = await desk.connect()
    await desk.update(row["id"], integration_override={"error_expression": TOLD})
    identity: str = row["id"]
    return identity


@pytest.mark.parametrize("status", [200, 400])
async def test_a_refusal_that_the_body_tells_condemns_the_credentials_as_a_401_does(
    connections: Connections, desk: Desk, provider: Provider, status: int
) -> None:
    account = await told_by_bodies(desk)
    provider.script = [(status, {}, {"ok": False, "error": "invalid_auth"})]
    with pytest.raises(RemoteError, match="invalid_auth") as refused:
        await call(connections, desk, account)
    assert refused.value.status == 401
    assert (await desk.get(account))["status"] == "needs_reauth"
    with pytest.raises(AccountNeedsReauth):
        await call(connections, desk, account)
    assert len(provider.seen) == 1


async def test_missing_rights_that_the_body_tells_are_remembered_until_the_method_works(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    account = await told_by_bodies(desk)
    provider.script = [(200, {}, {"ok": False, "error": "scope"})]
    with pytest.raises(RemoteError, match="scope"):
        await call(connections, desk, account, "create", body={})
    seen = await desk.get(account)
    assert (seen["status"], seen["last_forbidden_error"]["missing_scopes"]) == ("active", ["write"])
    await call(connections, desk, account, "create", body={})
    assert (await desk.get(account))["last_forbidden_error"] is None


async def test_an_answer_that_cannot_be_read_condemns_nothing(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    account = await told_by_bodies(desk)
    provider.script = [(502, {}, "gone")]
    with pytest.raises(RemoteError):
        await call(connections, desk, account)
    assert (await desk.get(account))["status"] == "active"


async def test_a_401_of_another_origin_that_a_redirect_led_to_condemns_no_credentials(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    row = await desk.connect()
    elsewhere = provider.url.replace("127.0.0.1", "localhost")
    provider.script = [(302, {"location": f"{elsewhere}/file"}, {}), (401, {}, {})]
    with pytest.raises(RemoteError) as refused:
        await call(connections, desk, row["id"])
    assert refused.value.status == 401
    assert (await desk.get(row["id"]))["status"] == "active"


async def test_a_late_refusal_of_old_credentials_does_not_condemn_new_ones(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    row = await desk.connect()
    old = await opened(connections, desk, row["id"])
    upstream = old.upstream
    await desk.update(row["id"], context={"api_key": "k-2"})
    provider.script = [(401, {}, {})]
    with pytest.raises(RemoteError):
        await proxy.call_method(upstream, old.definition, "tickets", parse_call("list"))
    assert (await desk.get(row["id"]))["status"] == "active"


async def test_a_403_is_remembered_with_the_missing_scopes_until_the_method_works(
    connections: Connections, desk: Desk, provider: Provider
) -> None:
    row = await desk.connect()
    provider.script = [(403, {}, {"message": "no"})]
    with pytest.raises(RemoteError):
        await call(connections, desk, row["id"], "create", body={})
    seen = await desk.get(row["id"])
    record = seen["last_forbidden_error"]
    assert (record["resource"], record["method"], record["missing_scopes"]) == (
        "tickets",
        "create",
        ["write"],
    )
    assert record["occurred_at"].endswith("Z")
    assert seen["status"] == "active"
    await call(connections, desk, row["id"])
    assert (await desk.get(row["id"]))["last_forbidden_error"] is not None
    await call(connections, desk, row["id"], "create", body={})
    assert (await desk.get(row["id"]))["last_forbidden_error"] is None


async def test_one_line_tells_each_call_and_nothing_secret(
    connections: Connections, desk: Desk, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    row = await desk.connect()
    provider.script = [(200, {}, {"items": []}), (500, {}, {"password": "leak"})]
    with caplog.at_level(logging.INFO, logger="test.calls"):
        await call(connections, desk, row["id"], query=parse_query("email=quokka%40example.com"))
        with pytest.raises(RemoteError):
            await call(connections, desk, row["id"])
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "test.calls"]
    assert [line.pop("milliseconds") for line in lines] == [0.0, 0.0]
    assert lines[0] == {
        "event": "call",
        "request_id": "r-1",
        "environment_id": desk.scope.environment_id,
        "integrated_account_id": row["id"],
        "integration": "brightfold",
        "resource": "tickets",
        "method": "list",
        "verb": "GET",
        "host": "127.0.0.1",
        "status": 200,
        "retries": 0,
    }
    assert lines[1]["status"] == 500
    for secret in ("quokka", "k-1", "leak"):
        assert secret not in caplog.text


async def test_a_provider_that_cannot_be_reached_is_logged_by_its_error(
    connections: Connections, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    row = await desk.connect(context={"account": "acme", "api_key": "k", "url": "http://127.0.0.1:9"})
    with caplog.at_level(logging.INFO, logger="test.calls"), pytest.raises(UpstreamUnreachable):
        await call(connections, desk, row["id"])
    (line,) = [json.loads(record.getMessage()) for record in caplog.records if record.name == "test.calls"]
    assert (line["status"], line["error"]) == (None, "UpstreamUnreachable")


async def test_what_a_step_writes_into_the_context_is_kept_and_seen(
    connections: Connections, database: Database, desk: Desk
) -> None:
    row = await desk.connect()
    upstream = (await opened(connections, desk, row["id"])).upstream
    await upstream.update_context({"workspace": "w", "token": "hush"})
    assert (upstream.context["workspace"], upstream.context["api_key"]) == ("w", "k-1")
    seen = await desk.get(row["id"])
    assert seen["context"]["workspace"] == "w"
    assert "hush" not in str(seen)
    again = (await opened(connections, desk, row["id"])).upstream
    assert again.context["token"] == "hush"
