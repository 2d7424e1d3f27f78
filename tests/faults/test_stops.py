"""SIGTERM at any moment: each call is answered or was never sent, no request of a job is made twice, no token
that is good once is lost, and the database is whole."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.background import until
from tests.fakes.listening import listening
from tests.faults.desks import make_desk_definition
from tests.product import Product

pytestmark = [pytest.mark.both_databases, pytest.mark.walk(of="folder", share=0.2)]

SECONDS_TO_STOP = 40.0
WORKERS = ("--workers", "2")
DEFINITION = make_desk_definition(
    "Slowdesk",
    {"tickets": {"list": {"path": "/tickets"}}},
    actions={
        "post_install": {
            "steps": [
                {
                    "type": "request",
                    "config": {"method": "post", "path": "/hooks", "body": {"for": "{{tenant}}"}},
                },
                {"type": "update_context", "config": {"expression": "{ 'hook': $previous.id }"}},
                {
                    "type": "request",
                    "config": {"method": "post", "path": "/seen", "body": {"for": "{{tenant}}"}},
                },
            ]
        }
    },
)


@dataclass
class Slowdesk:
    """A provider that takes its time. `calls`: the numbers of the calls that reached it. `requests`: those of
    post-install steps, by tenant. `refreshes`: the refresh tokens that it took; each is good once. `gate`:
    calls wait for it. `numbers`: of what is sent to it."""

    url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    refreshes: Counter[str] = field(default_factory=Counter)
    pause: float = 0.3
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Writes the request down, and answers it after a pause."""
        if request.path == "/tickets":
            self.calls[request.query["number"]] += 1
            await asyncio.sleep(self.pause)
            await self.gate.wait()
            return web.json_response([{"id": 1}])
        if request.path == "/token":
            token = str((await request.post())["refresh_token"])
            self.refreshes[token] += 1
            await asyncio.sleep(self.pause)
            if self.refreshes[token] > 1:
                return web.json_response({"error": "invalid_grant"}, status=400)
            reply = {"access_token": f"a-{token}", "refresh_token": f"{token}+", "expires_in": 1}
            return web.json_response({**reply, "token_type": "Bearer"})
        self.requests[request.path, (await request.json())["for"]] += 1
        await asyncio.sleep(self.pause)
        return web.json_response({"id": 7})


@pytest.fixture
async def slowdesk() -> AsyncIterator[Slowdesk]:
    fake = Slowdesk()
    fake.gate.set()
    async with listening(fake.answer) as fake.url:
        yield fake


class Load:
    """Calls, connections and refreshes, one after the other, until the server is gone.

    `answered`: statuses by the number of the call; None for a call without an answer. `connected`: tenants
    whose account the server said it stored, by id.
    """

    def __init__(self, product: Product, slowdesk: Slowdesk, install: str) -> None:
        self.answered: dict[str, int | None] = {}
        self.connected: dict[str, str] = {}
        self._product = product
        self._slowdesk = slowdesk
        self._install = install
        self._numbers = slowdesk.numbers

    async def connect(self, session: aiohttp.ClientSession, *, oauth: bool) -> str | None:
        """Connects an account; returns its id, None if the server is gone."""
        tenant = f"{'o' if oauth else 'k'}-{next(self._numbers)}"
        context: dict[str, object] = {"url": self._slowdesk.url, "tenant": tenant, "api_key": "k"}
        if oauth:
            ended = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
            token = {"access_token": "ended", "refresh_token": tenant, "expires_at": ended}
            context = {"url": self._slowdesk.url, "tenant": tenant, "oauth": {"token": token, "scope": []}}
        body = {
            "tenant_id": tenant,
            "environment_integration_id": self._install,
            "authentication_method": "oauth2" if oauth else "api_key",
            "context": context,
        }
        try:
            async with session.post(f"{self._product.url}/integrated-account", json=body) as answer:
                sent = await answer.json()
        except (aiohttp.ClientError, ConnectionError):
            return None
        assert answer.status == 200, sent
        identity: str = sent["id"]
        self.connected[identity] = tenant
        return identity

    async def call(self, session: aiohttp.ClientSession, account: str) -> bool:
        """Lists tickets of an account. Returns False if there was no answer."""
        number = f"n-{next(self._numbers)}"
        query = {"integrated_account_id": account, "number": number}
        self.answered[number] = None
        try:
            async with session.get(f"{self._product.url}/proxy/tickets", params=query) as answer:
                await answer.read()
        except (aiohttp.ClientError, ConnectionError):
            return False
        self.answered[number] = answer.status
        return True

    async def run(self, session: aiohttp.ClientSession, account: str, *, oauth: bool) -> None:
        """Calls an account over and over; now and then connects another and goes on with that one."""
        while await self.call(session, account):
            if next(self._numbers) % 3 == 0:
                other = await self.connect(session, oauth=oauth)
                if other is None:
                    return
                account = other


async def stop_under_load(product: Product, slowdesk: Slowdesk, *, stops: int, seed: int) -> None:
    """Stops the server `stops` times at random moments, and looks each time at what is left."""
    chance = random.Random(seed)
    await asyncio.to_thread(product.start)
    install = await asyncio.to_thread(create_install, product)
    headers = {"authorization": f"Bearer {product.token}"}
    seconds: list[float] = []
    for _ in range(stops):
        load = Load(product, slowdesk, install)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
            accounts = [(oauth, await load.connect(session, oauth=oauth)) for oauth in (True, False) * 4]
            running = [
                asyncio.create_task(load.run(session, account, oauth=oauth))
                for oauth, account in accounts
                if account is not None
            ]
            await asyncio.sleep(chance.uniform(0.05, 2.0))
            began = time.monotonic()
            os.kill(product.pid, signal.SIGTERM)
            code = await asyncio.to_thread(product.wait_for_end, seconds=SECONDS_TO_STOP)
            await asyncio.gather(*running)
        seconds.append(time.monotonic() - began)
        assert code == (0 if product.options else -signal.SIGTERM)
        lost = [
            number for number, status in load.answered.items() if status is None and slowdesk.calls[number]
        ]
        assert lost == [], "these calls were sent, and not answered"
        assert {status for status in load.answered.values() if status} == {200}
        assert max(slowdesk.calls.values()) == 1
        if not product.environment().get("ISTHMUS_DATABASE_URL"):
            _require_whole_file(product.folder / "data", load)
        await asyncio.to_thread(product.start)
        await until(partial(_are_active, product, load), seconds=60)
        assert max(slowdesk.requests.values()) == 1
        assert max(slowdesk.refreshes.values()) == 1
    print(
        f"\n{stops} stops, at most {max(seconds):.1f} s each: {len(slowdesk.calls)} calls, "
        f"{len(slowdesk.refreshes)} refreshes, {len(slowdesk.requests)} requests of steps, each once"
    )


def _require_whole_file(data: Path, load: Load) -> None:
    """Fails unless the file alone, without its WAL, holds every account that was stored."""
    (file,) = data.glob("*.sqlite3")
    alone = data.parent / "alone.sqlite3"
    shutil.copyfile(file, alone)
    with sqlite3.connect(alone) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        stored = {row[0] for row in conn.execute("SELECT id FROM integrated_account")}
    conn.close()
    alone.unlink()
    assert load.connected.keys() <= stored


async def _are_active(product: Product, load: Load) -> bool:
    """Returns True if every account is; fails for one that is in an error."""
    for account, tenant in load.connected.items():
        row = await asyncio.to_thread(product.call, "GET", f"/integrated-account/{account}")
        assert row["status"] in ("active", "connecting"), (tenant, row["status"], row["last_error"])
        if row["status"] != "active":
            return False
    return True


async def test_a_stop_answers_every_call_and_repeats_nothing(product: Product, slowdesk: Slowdesk) -> None:
    await stop_under_load(product, slowdesk, stops=2, seed=3)


@pytest.mark.faults
async def test_fifty_stops_answer_every_call_and_repeat_nothing(product: Product, slowdesk: Slowdesk) -> None:
    await stop_under_load(product, slowdesk, stops=50, seed=4)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_stop_of_several_processes_answers_every_call(product: Product, slowdesk: Slowdesk) -> None:
    product.options = WORKERS
    await stop_under_load(product, slowdesk, stops=1, seed=5)


@pytest.mark.faults
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_fifty_stops_of_several_processes_answer_every_call(
    product: Product, slowdesk: Slowdesk
) -> None:
    product.options = WORKERS
    await stop_under_load(product, slowdesk, stops=50, seed=6)


@pytest.mark.parametrize(
    ("backend", "options"), [("sqlite", ()), ("postgresql", WORKERS)], indirect=["backend"]
)
async def test_a_second_signal_ends_a_server_at_once(
    product: Product, slowdesk: Slowdesk, options: Sequence[str]
) -> None:
    product.options = options
    async with calling(product, slowdesk) as call:
        os.kill(product.pid, signal.SIGTERM)
        await asyncio.sleep(1)
        assert not call.done()
        os.kill(product.pid, signal.SIGINT)
        assert await asyncio.to_thread(product.wait_for_end, seconds=5) == -signal.SIGINT
        with pytest.raises(aiohttp.ClientError):
            await call


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_processes_end_in_order_when_their_supervisor_is_killed(
    product: Product, slowdesk: Slowdesk
) -> None:
    product.options = WORKERS
    async with calling(product, slowdesk) as call:
        await asyncio.to_thread(product.kill)
        await asyncio.sleep(1)
        assert not call.done()
        slowdesk.gate.set()
        assert await call == 200
        await until(lambda: _is_refused(product), seconds=20)


@asynccontextmanager
async def calling(product: Product, slowdesk: Slowdesk) -> AsyncIterator[asyncio.Task[int]]:
    """Starts the server, and a call that the provider answers when its gate is opened; yields the task that
    returns its status."""
    slowdesk.gate.clear()
    await asyncio.to_thread(product.start)
    install = await asyncio.to_thread(create_install, product)
    headers = {"authorization": f"Bearer {product.token}"}

    async def read_status(url: str) -> int:
        async with session.get(url) as answer:
            await answer.read()
        return answer.status

    async with aiohttp.ClientSession(headers=headers) as session:
        account = await Load(product, slowdesk, install).connect(session, oauth=False)
        url = f"{product.url}/proxy/tickets?integrated_account_id={account}&number=held"
        call = asyncio.create_task(read_status(url))
        await until(lambda: slowdesk.calls["held"])
        yield call


async def _is_refused(product: Product) -> bool:
    """Returns True if nothing listens at the server's port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", product.port)
    except ConnectionError:
        return True
    writer.close()
    await writer.wait_closed()
    return False


def create_install(product: Product) -> str:
    """Creates and installs Slowdesk; returns the id of the install."""
    body = {"name": "slowdesk", "category": "x", "config": DEFINITION}
    install: str = product.install(product.call("POST", "/integration", body))["id"]
    return install
