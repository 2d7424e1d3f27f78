"""`POST /integrated-account/run-post-install-actions`: who may call it, when, and what it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from tests.background import until
from tests.integration.environments import foreign_token
from tests.integration.serving import Server
from tests.unit.accounts.lifecycle.steps_provider import CHECKED, CREDENTIALS, PREPARED, Product, running

ROUTE = "/integrated-account/run-post-install-actions"
STEPS = ["GET /me", "POST /orgs/acme/hooks", "GET /check"]


@pytest.fixture
async def product() -> AsyncIterator[Product]:
    async with running() as fake:
        yield fake


async def connect(server: Server, product: Product) -> str:
    """An account that has come to an end of its steps; its id."""
    described = yaml.safe_load(CREDENTIALS + PREPARED + CHECKED)
    body = {"name": described["name"], "category": "x", "config": described["config"]}
    created = await server.ok("POST", "/integration", json=body)
    await server.ok("POST", "/environment-integration", json={"integration_id": created["id"]})
    account = await server.account_of("brightfold", context={"url": product.url, "api_key": "k"})
    assert account["status"] == "connecting"
    await settled(server, account["id"])
    return str(account["id"])


async def settled(server: Server, account: str) -> dict[str, Any]:
    """The account, once it is not `connecting` any more."""
    row: dict[str, Any] = {}

    async def is_settled() -> bool:
        row.update(await server.ok("GET", f"/integrated-account/{account}"))
        return bool(row["status"] != "connecting")

    await until(is_settled)
    return row


async def told(server: Server, account: str) -> list[str]:
    """In order; the list has the newest first."""
    listed = (await server.ok("GET", f"/events?resource_id={account}"))["result"]
    return [each["event"].partition(":")[2] for each in reversed(listed)]


async def test_an_active_account_goes_through_its_steps_again(server: Server, product: Product) -> None:
    account = await connect(server, product)
    assert product.seen == STEPS
    before = await server.ok("GET", f"/integrated-account/{account}")
    product.gates["/me"] = gate = asyncio.Event()
    product.answers["/orgs/acme/hooks"] = (200, {"id": 8})
    assert await server.ok("POST", ROUTE, json={"id": account}) == {"success": True}
    assert (await server.ok("GET", f"/integrated-account/{account}"))["status"] == "connecting"
    gate.set()
    row = await settled(server, account)
    assert product.seen == STEPS * 2
    assert (row["status"], row["last_error"], row["context"]["hook"]) == ("active", None, 8)
    record = row["last_action_run_result"]
    assert (record["action"], record["status"]) == ("validation", "success")
    assert row["last_action_result"] == record
    assert record["finished_at"] > before["last_action_run_result"]["finished_at"]
    assert await told(server, account) == ["created", "active", "updated", "active"]


@pytest.mark.parametrize(
    ("path", "status"), [("/orgs/acme/hooks", "post_install_error"), ("/check", "validation_error")]
)
async def test_what_failed_is_run_again_from_the_start_and_told_as_back(
    server: Server, product: Product, path: str, status: str
) -> None:
    product.answers[path] = (422, {"message": "not yet"})
    account = await connect(server, product)
    row = await server.ok("GET", f"/integrated-account/{account}")
    assert (row["status"], "not yet" in row["last_error"]) == (status, True)
    await server.ok("POST", ROUTE, json={"id": account})
    assert (await settled(server, account))["status"] == status
    product.answers.clear()
    product.seen.clear()
    await server.ok("POST", ROUTE, json={"id": account})
    row = await settled(server, account)
    assert (row["status"], row["last_error"], product.seen) == ("active", None, STEPS)
    again = ["updated", status, "updated", "active", "reactivated"]
    assert await told(server, account) == ["created", status, *again]


async def test_refused_credentials_are_not_tried_again(server: Server, product: Product) -> None:
    account = await connect(server, product)
    await server.ok("PATCH", f"/integrated-account/{account}", json={"status": "needs_reauth"})
    product.seen.clear()
    status, body = await server.call("POST", ROUTE, json={"id": account})
    assert (status, body["integrated_account_needs_reauth"]) == (401, True)
    assert "new ones" in body["message"]
    assert (await server.ok("GET", f"/integrated-account/{account}"))["status"] == "needs_reauth"
    assert product.seen == []


async def test_an_offline_account_has_nothing_to_prepare(server: Server) -> None:
    account = await server.sandbox_of("zendesk")
    assert await server.ok("POST", ROUTE, json={"id": account}) == {"success": True}
    assert (await server.ok("GET", f"/integrated-account/{account}"))["status"] == "active"


async def test_only_an_api_token_of_the_accounts_own_environment_may(
    server: Server, product: Product
) -> None:
    account = await connect(server, product)
    product.seen.clear()
    issued = await server.ok("POST", "/integrated-account/token", json={"integrated_account_id": account})
    for token, expected in (
        ("", 401),
        ("no-such-token", 401),
        (issued["token"], 403),
        (await foreign_token(server), 404),
    ):
        status, body = await server.call("POST", ROUTE, json={"id": account}, token=token)
        assert (status, body["statusCode"]) == (expected, expected), body
    assert (await server.ok("GET", f"/integrated-account/{account}"))["status"] == "active"
    assert product.seen == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [({"id": "7a1c2b8e-0000-4000-8000-000000000000"}, 404), ({"id": "x"}, 404), ({}, 400), ({"id": 7}, 400)],
)
async def test_a_wrong_body_says_what_would_be_right(
    server: Server, body: dict[str, Any], expected: int
) -> None:
    status, answer = await server.call("POST", ROUTE, json=body)
    assert status == expected, answer
    if expected == 400:
        assert answer["details"]["failures"][0]["path"] == "id"
