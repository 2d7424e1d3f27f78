"""The memory of a server does not grow with the number of its calls, whatever they are."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.fakes.listening import listening
from tests.faults.desks import make_desk_definition
from tests.product import Product

pytestmark = pytest.mark.both_databases

CLIENTS = 8
BLOCK = 10_000
MOST_GROWTH = 2 * 1024 * 1024
"""Bytes, for each block of calls after the first; a short proof, in which caches still fill, allows twice as
many."""
OVERRIDES = 50
MODEL = "flat"
DEFINITION = make_desk_definition(
    "Flatdesk",
    {
        "tickets": {
            "list": {"path": "/tickets", "response_path": "items"},
            "get": {"path": "/tickets/{{id}}"},
            "create": {"method": "post", "path": "/tickets"},
        }
    },
)
KINDS = {"custom": 30, "proxy": 20, "unified": 20, "create": 10, "error": 10, "override": 5, "renewal": 5}


async def answer(request: web.Request) -> web.StreamResponse:
    """A provider that answers at once; a ticket whose id is not a number is unknown."""
    if request.path == "/token":
        return web.json_response({"access_token": "a", "refresh_token": "r", "expires_in": 1})
    if request.path == "/tickets" and request.method == "GET":
        return web.json_response({"items": [{"id": number, "name": f"n-{number}"} for number in range(20)]})
    if request.path == "/tickets/none":
        return web.json_response({"error": "unknown"}, status=404)
    return web.json_response({"id": 1})


@dataclass
class Load:
    """Calls of every kind, spread over the accounts. `renewing`: accounts whose token expires at once.
    `statuses`: of the answers, by kind."""

    product: Product
    accounts: list[str]
    renewing: list[str]
    chance: random.Random
    numbers: Iterator[int] = field(default_factory=itertools.count)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def run(self, session: aiohttp.ClientSession, calls: int) -> None:
        """Makes so many calls, by several clients at once."""
        waiting = iter(range(calls))

        async def work() -> None:
            for _ in waiting:
                await self._call(session)

        await asyncio.gather(*(work() for _ in range(CLIENTS)))

    async def _call(self, session: aiohttp.ClientSession) -> None:
        """Makes one call of a kind drawn by its weight, and counts its status."""
        (kind,) = self.chance.choices(list(KINDS), weights=list(KINDS.values()))
        account = self.chance.choice(self.renewing if kind == "renewal" else self.accounts)
        query = f"?integrated_account_id={account}"
        number = next(self.numbers)
        verb, path, body = {
            "custom": ("GET", f"/custom/tickets/{number}{query}&n={number}", None),
            "proxy": ("GET", f"/proxy/tickets{query}&limit={number % 50 + 1}", None),
            "unified": ("GET", f"/unified/{MODEL}/tickets{query}", None),
            "create": ("POST", f"/proxy/tickets{query}", {"name": f"n-{number}"}),
            "error": ("GET", f"/proxy/tickets/none{query}", None),
            "override": (
                "PATCH",
                f"/integrated-account/{account}",
                {"unified_model_override": override_of(number)},
            ),
            "renewal": ("GET", f"/proxy/tickets{query}", None),
        }[kind]
        async with session.request(verb, f"{self.product.url}{path}", json=body) as response:
            await response.read()
        self.statuses[kind, response.status] += 1


def override_of(number: int) -> dict[str, Any]:
    """Returns an override of the account's mapping. There are OVERRIDES different ones, so that the cache of
    compiled expressions is full early."""
    text = f"v{number % OVERRIDES} "
    mapping = {"response_mapping": f"{{'id': $string(response.id), 'name': '{text}' & response.name}}"}
    return {MODEL: {"tickets": {"list": {"resource": "tickets", **mapping}}}}


def prepare(product: Product, url: str, accounts: int) -> Load:
    """Creates the integration, its model and the accounts, of which a tenth have tokens that expire."""
    body = {"name": "flatdesk", "category": "x", "config": DEFINITION}
    install = product.install(product.call("POST", "/integration", body))
    resources = {"tickets": {"schema": {"type": "object"}, "methods": ["list"]}}
    model = product.call("POST", "/unified-model", {"name": MODEL, "category": "x", "resources": resources})
    product.call("POST", "/environment-unified-model", {"unified_model_id": model["id"]})
    mapping = override_of(0)[MODEL]["tickets"]["list"]
    cell = {"resource_name": "tickets", "method_name": "list", "config": mapping}
    row = {"unified_model_id": model["id"], "integration_name": "flatdesk", **cell}
    product.call("POST", "/unified-model-resource-method", row)
    ended = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    token = {"access_token": "ended", "refresh_token": "r", "expires_at": ended}
    keyed = [
        product.account(install, {"url": url, "api_key": "k"}, f"k-{number}")
        for number in range(accounts - accounts // 10)
    ]
    renewing = [
        product.account(
            install,
            {"url": url, "oauth": {"token": token, "scope": []}},
            f"o-{number}",
            authentication_method="oauth2",
        )
        for number in range(accounts // 10)
    ]
    return Load(product, keyed, renewing, random.Random(accounts))


def read_resident_bytes(pid: int) -> int:
    """Returns the resident memory of a process."""
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in each)
    return int(line.split()[1]) * 1024


async def require_flat_memory(product: Product, *, accounts: int, calls: int, most_growth: int) -> None:
    """Fails if the server's memory grows by more than `most_growth` for a block of the calls after the first
    block."""
    async with listening(answer) as url:
        await asyncio.to_thread(product.start)
        load = await asyncio.to_thread(prepare, product, url, accounts)
        headers = {"authorization": f"Bearer {product.token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            await load.run(session, BLOCK)
            sizes = [read_resident_bytes(product.pid)]
            for _ in range(calls // BLOCK - 1):
                await load.run(session, BLOCK)
                sizes.append(read_resident_bytes(product.pid))
    expected = {(kind, 404 if kind == "error" else 200) for kind in KINDS}
    assert load.statuses.keys() == expected, load.statuses
    growth = (sizes[-1] - sizes[0]) / (len(sizes) - 1)
    print(
        f"\n{calls} calls over {accounts} accounts: {growth / 2**20:+.2f} MiB for {BLOCK} after the first; "
        f"MiB after each: {', '.join(f'{size / 2**20:.1f}' for size in sizes)}"
    )
    assert growth <= most_growth


@pytest.mark.matrix
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_memory_stays_flat_over_twenty_thousand_calls(product: Product) -> None:
    await require_flat_memory(product, accounts=20, calls=20_000, most_growth=2 * MOST_GROWTH)


@pytest.mark.faults
@pytest.mark.parametrize("accounts", [20, 2_000])
async def test_memory_stays_flat_over_sixty_thousand_calls(product: Product, accounts: int) -> None:
    await require_flat_memory(product, accounts=accounts, calls=60_000, most_growth=MOST_GROWTH)
