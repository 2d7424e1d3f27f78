"""What is changed over HTTP is told: masked, in order, listed by `/events`; `/readyz` tells of the queue."""

from __future__ import annotations

import json
from typing import Any

import pytest

from isthmus.accounts.connections.account_states import AccountStates
from isthmus.engine.upstream import AccountFacts
from tests.background import until
from tests.fakes.larkdesk import KEY
from tests.integration.larkdesk import connect, install
from tests.integration.serving import Server

pytestmark = pytest.mark.both_databases


async def told(server: Server, **filters: str) -> list[dict[str, Any]]:
    """The oldest first."""
    query = {"sort_by": "created_at:asc", **filters}
    events: list[dict[str, Any]] = (await server.ok("GET", "/events", params=query))["result"]
    return sorted(events, key=lambda each: str(each["id"]))


async def test_the_life_of_an_account_is_told_without_its_secrets(server: Server) -> None:
    account = await connect(server, await install(server), "http://127.0.0.1:9")
    path = f"/integrated-account/{account}"
    await server.ok("PATCH", path, json={"tenant_id": "other"})
    row = await server.ok("GET", path)
    facts = AccountFacts(account, "other", row["environment_id"], False, "api_key")
    for _ in range(2):  # the second is no transition
        await server.use_database(
            lambda database: AccountStates(database).mark_needs_reauth(facts, 2, "the provider says no")
        )
    await server.ok("PATCH", f"{path}/credentials", json={"context": {"api_key": "another-secret"}})
    await server.ok("DELETE", path)

    events = await told(server, resource_id=account)
    assert [each["event"].partition(":")[2] for each in events] == [
        "created",
        "active",
        "updated",
        "authentication_error",
        "updated",
        "reactivated",
        "deleted",
    ]
    created, failed, deleted = events[0], events[3], events[-1]
    assert created["payload"]["tenant_id"] == "acme"  # as it was then
    assert created["payload"]["context"] == {"url": "http://127.0.0.1:9"}
    assert set(created["payload"]["integration"]) == {"id", "name", "config"}
    assert created["payload"]["environment_integration"]["is_active"] is True
    assert "last_error" not in created["payload"]
    assert failed["payload"]["last_error"] == "the provider says no"
    assert failed["payload"]["status"] == "needs_reauth"
    assert deleted["payload"] == {"id": account}
    written = json.dumps(events)
    assert KEY not in written
    assert "another-secret" not in written


async def test_installs_and_tokens_are_told_without_their_secrets(server: Server) -> None:
    identity = await install(server)
    path = f"/environment-integration/{identity}"
    override = {
        "environment_variables": {"shown": "yes"},
        "credentials": {"oauth2": {"client_secret": "hidden"}},
    }
    status, _ = await server.call("PATCH", path, json={"override": override})
    await server.ok("PATCH", path, json={"show_in_catalog": False})
    await server.ok("DELETE", path)
    events = await told(server, resource_id=identity)
    verbs = [each["event"] for each in events]
    assert verbs[0] == "environment_integration:created"
    assert verbs[-2:] == ["environment_integration:updated", "environment_integration:deleted"]
    assert len(verbs) == (4 if status == 200 else 3)
    assert events[-2]["payload"]["show_in_catalog"] is False
    tokens = await told(server, event="api_token:created")
    assert [set(each["payload"]) for each in tokens] == [
        {"id", "name", "environment_id", "created_by", "expires_at", "created_at", "updated_at"}
    ]
    written = json.dumps(events + tokens)
    assert "hidden" not in written
    assert server.token not in written


async def test_events_are_handed_on_and_readyz_tells_of_the_queue(server: Server) -> None:
    account = await connect(server, await install(server), "http://127.0.0.1:9")

    async def relayed() -> bool:
        return all(each["is_relayed"] for each in await told(server, resource_id=account))

    await until(relayed)
    ready = await server.ok("GET", "/readyz", token="")
    assert ready["queue"]["waiting"] == 0
    assert ready["queue"]["failing"] == 0
    assert "last_error" not in ready["queue"]
    assert ready["events"] == {"waiting": 0, "oldest_seconds": None, "failing": 0}
    (first, *_) = await told(server, resource_id=account)
    assert await server.ok("GET", f"/events/{first['id']}") == first
    assert (await server.call("GET", "/events/evt_none"))[0] == 404
