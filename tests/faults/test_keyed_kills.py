"""`kill -9` under callers that repeat their idempotency keys until they are answered: no key is carried out
twice, and what was not sent is done soon after the restart."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.background import until
from tests.fakes.listening import listening
from tests.product import Product

pytestmark = [pytest.mark.both_databases, pytest.mark.walk(of="folder", share=0.2)]

CLIENTS = 8
SECONDS_FOR_UNSENT = 2.0
DEFINITION: dict[str, object] = {
    "label": "Keydesk",
    "base_url": "{{url}}",
    "authorization": {"format": "bearer"},
    "credentials": {
        "api_key": {"config": {"fields": [{"name": "url"}, {"name": "api_key", "type": "password"}]}}
    },
    "resources": {"tickets": {"create": {"method": "post", "path": "/tickets"}}},
}


@dataclass
class Keydesk:
    """A provider that writes down which keys were carried out (`journal`), and takes its time to answer."""

    chance: random.Random
    url: str = ""
    journal: Counter[str] = field(default_factory=Counter)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Carries the write out, and answers after a pause."""
        await asyncio.sleep(self.chance.uniform(0, 0.05))
        self.journal[(await request.json())["key"]] += 1
        await asyncio.sleep(self.chance.uniform(0, 0.15))
        return web.json_response({"id": 1})


@dataclass
class Load:
    """Callers that repeat each key until it is answered.

    `ends`: `answered` or `unknown`, by key. `open`: keys without an end so far. `done_at`: when each key was
    answered, by `time.monotonic`.
    """

    product: Product
    account: str
    numbers: Iterator[int] = field(default_factory=itertools.count)
    ends: dict[str, str] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    done_at: dict[str, float] = field(default_factory=dict)
    is_over: bool = False

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Sends one key after the other, each until it is answered, until the load is over."""
        while not self.is_over:
            key = f"key-{next(self.numbers)}"
            self.open.add(key)
            await until(partial(self._send, session, key), seconds=60)
            self.done_at[key] = time.monotonic()
            self.open.discard(key)

    async def _send(self, session: aiohttp.ClientSession, key: str) -> bool:
        """Makes the call of a key, and notes its end; returns False if it has to be repeated."""
        url = f"{self.product.url}/proxy/tickets?integrated_account_id={self.account}"
        try:
            async with session.post(url, json={"key": key}, headers={"idempotency-key": key}) as answer:
                body: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, ConnectionError):
            return False
        if answer.status == 200:
            self.ends[key] = "answered"
        elif body.get("details", {}).get("code") == "outcome_unknown":
            self.ends[key] = "unknown"
        else:
            assert answer.status == 409, body
        return key in self.ends


async def kill_under_keys(product: Product, *, kills: int, seed: int) -> None:
    """Kills the server at random moments, starts it again, and looks at what became of each key."""
    chance = random.Random(seed)
    waits: list[float] = []
    desk = Keydesk(random.Random(seed))
    async with listening(desk.answer) as desk.url:
        await asyncio.to_thread(product.start)
        body = {"name": "keydesk", "category": "x", "config": DEFINITION}
        integration = await asyncio.to_thread(product.call, "POST", "/integration", body)
        install = await asyncio.to_thread(product.install, integration)
        account = await asyncio.to_thread(product.account, install, {"url": desk.url, "api_key": "k"})
        load = Load(product, account)
        headers = {"authorization": f"Bearer {product.token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            running = [asyncio.create_task(load.run(session)) for _ in range(CLIENTS)]
            for _ in range(kills):
                await asyncio.sleep(chance.uniform(0.1, 0.6))
                await asyncio.to_thread(product.kill)
                await asyncio.sleep(0.3)  # what was sent is in the journal now
                unsent = {key for key in load.open if not desk.journal[key]}
                await asyncio.to_thread(product.start)
                ready_at = time.monotonic()
                await until(partial(load.open.isdisjoint, unsent), seconds=60)
                waits += [load.done_at[key] - ready_at for key in unsent if load.ends[key] == "answered"]
            load.is_over = True
            await asyncio.gather(*running)
    assert max(desk.journal.values()) == 1
    assert {key for key, end in load.ends.items() if end == "answered"} <= desk.journal.keys()
    assert max(waits, default=0.0) < SECONDS_FOR_UNSENT
    ends = Counter(load.ends.values())
    print(
        f"\n{kills} kills: {ends['answered']} keys answered, {ends['unknown']} told unknown, none twice; "
        f"{len(waits)} were not sent before, and done within {max(waits, default=0.0):.2f} s of the restart"
    )


async def test_kills_carry_no_key_out_twice(product: Product) -> None:
    await kill_under_keys(product, kills=2, seed=1)


@pytest.mark.faults
async def test_a_hundred_kills_carry_no_key_out_twice(product: Product) -> None:
    await kill_under_keys(product, kills=100, seed=2)
