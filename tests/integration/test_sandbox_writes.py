"""Writes to sandbox accounts over HTTP, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from isthmus.kit.call_warnings import CallWarning, parse_warning_header
from tests.integration.environments import foreign_token
from tests.integration.serving import Server

pytestmark = pytest.mark.both_databases

CONTACTS = "/unified/crm/contacts"
TICKETS = "/unified/ticketing/tickets"


def ticket(name: str) -> dict[str, str]:
    """The body of a ticket that is created."""
    return {"name": name, "description": "It hums."}


async def listed(server: Server, path: str, account: str, query: str = "") -> list[dict[str, Any]]:
    """The records of all pages of a list."""
    records: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await server.ok("GET", f"{path}?integrated_account_id={account}&next_cursor={cursor}{query}")
        records += page["result"]
        cursor = page["next_cursor"]
    return records


async def warnings_of(server: Server, path: str) -> list[CallWarning]:
    headers = {"authorization": f"Bearer {server.token}"}
    async with aiohttp.ClientSession() as session, session.get(server.url + path, headers=headers) as answer:
        assert answer.status == 200
        return parse_warning_header(answer.headers.get("isthmus-warning", ""))


async def test_a_contact_is_created_read_changed_and_deleted(server: Server) -> None:
    account = await server.sandbox_of("hubspot", "crm")
    named = f"?integrated_account_id={account}"
    before = await listed(server, CONTACTS, account)
    body = {"first_name": "Ada", "last_name": "Byron", "email_addresses": [{"email": "ada@lace.example"}]}
    made = await server.ok("POST", CONTACTS + named, json=body)
    assert (made["first_name"], made["last_name"]) == ("Ada", "Byron")
    assert [each["email"] for each in made["email_addresses"]] == ["ada@lace.example"]
    path = f"{CONTACTS}/{made['id']}{named}"
    assert await server.ok("GET", path) == made
    for limit in ("", "&limit=1", "&limit=2"):
        ids = [record["id"] for record in await listed(server, CONTACTS, account, limit)]
        assert ids == [made["id"], *(record["id"] for record in before)]
    changed = await server.ok("PATCH", path, json={"title": "Analyst"})
    assert (changed["title"], changed["first_name"]) == ("Analyst", "Ada")
    assert (await server.ok("GET", path))["title"] == "Analyst"
    await server.ok("DELETE", path)
    for verb in ("GET", "DELETE"):
        assert (await server.call(verb, path))[0] == 404
    assert await listed(server, CONTACTS, account) == before


async def test_a_recorded_ticket_is_changed_and_deleted_until_the_sandbox_is_emptied(server: Server) -> None:
    account = await server.sandbox_of("zendesk", "ticketing")
    named = f"?integrated_account_id={account}"
    before = await listed(server, TICKETS, account)
    first, second = (f"{TICKETS}/{record['id']}{named}" for record in before[:2])
    await server.ok("PATCH", first, json={"name": "Pump hums"})
    await server.ok("DELETE", second)
    after = await listed(server, TICKETS, account, "&limit=2")
    assert [record["id"] for record in after] == [record["id"] for record in [before[0], *before[2:]]]
    assert after[0]["name"] == "Pump hums"
    emptied = await server.ok("DELETE", f"/integrated-account/{account}/sandbox")
    assert emptied == {"id": account, "deleted_records": 2}
    assert await listed(server, TICKETS, account) == before


async def test_creates_at_the_same_time_are_all_kept(server: Server) -> None:
    account = await server.sandbox_of("zendesk", "ticketing")
    named = f"?integrated_account_id={account}"
    made = await asyncio.gather(
        *(server.ok("POST", TICKETS + named, json=ticket(f"n{number}")) for number in range(6))
    )
    assert len({record["id"] for record in made}) == 6
    found = {record["id"]: record["name"] for record in await listed(server, TICKETS, account)}
    assert {record["id"]: found[record["id"]] for record in made} == {
        record["id"]: record["name"] for record in made
    }


async def test_a_repeated_key_creates_one_record(server: Server) -> None:
    account = await server.sandbox_of("zendesk", "ticketing")
    path = f"{TICKETS}?integrated_account_id={account}"
    sent = {"json": ticket("once"), "headers": {"idempotency-key": f"once-{account}"}}
    first, second = [await server.ok("POST", path, **sent) for _ in range(2)]
    assert first == second
    names = [record["name"] for record in await listed(server, TICKETS, account)]
    assert names.count("once") == 1


async def test_another_environment_has_a_sandbox_of_its_own(server: Server) -> None:
    account = await server.sandbox_of("zendesk", "ticketing")
    path = f"{TICKETS}?integrated_account_id={account}"
    await server.ok("POST", path, json=ticket("mine"))
    token = await foreign_token(server, None)
    for verb, route in (("GET", path), ("DELETE", f"/integrated-account/{account}/sandbox")):
        assert (await server.call(verb, route, token=token))[0] == 404
    assert (await listed(server, TICKETS, account))[0]["name"] == "mine"


async def test_a_filter_that_is_not_applied_is_named(server: Server) -> None:
    account = await server.sandbox_of("zendesk", "ticketing")
    path = f"{TICKETS}?integrated_account_id={account}"
    assert await warnings_of(server, path) == []
    [warning] = await warnings_of(server, f"{path}&search=tide")
    assert (warning.code, warning.field) == ("unfiltered", "query.search")


async def test_a_filter_of_the_provider_is_applied(server: Server) -> None:
    account = await server.sandbox_of("freshdesk", "ticketing")
    path = f"/proxy/contacts?integrated_account_id={account}&email=femke@sundialrobotics.example"
    found = await server.ok("GET", path)
    assert [record["email"] for record in found["result"]] == ["femke@sundialrobotics.example"]
    assert await warnings_of(server, path) == []


async def test_the_sandbox_of_an_account_with_a_provider_is_not_emptied(server: Server) -> None:
    await server.sandbox_of("zendesk")
    context = {"subdomain": "acme", "email": "a@x.example", "api_token": "t"}
    account = await server.account_of("zendesk", context=context)
    status, body = await server.call("DELETE", f"/integrated-account/{account['id']}/sandbox")
    assert (status, "no sandbox to empty" in body["message"]) == (409, True)
