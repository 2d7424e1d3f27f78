"""The database is stopped, suspended, locked or full under a server that is called all the time: each call is
answered in time, by a 503 at worst, and the log stays readable."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from tests.background import until
from tests.conftest import SECRET_KEY
from tests.postgres import RestartablePostgreSQL
from tests.product import Product

READ_DOORS = ("/integration?limit=1", "/integrated-account?limit=1")
WRITE_DOORS = ("/link-token", "/integration")
SECONDS_OF_AN_ANSWER = 25.0
BIG = "x" * 200_000


@dataclass
class Callers:
    """Calls the doors of a server over and over. `statuses`: by door. `slowest`: seconds, by door."""

    product: Product
    session: aiohttp.ClientSession
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)

    async def call(self, door: str, *, body: object = None) -> int:
        """Calls a door once, by POST if there is a body; returns the status. Each 503 says when to come
        again."""
        began = time.monotonic()
        verb = "GET" if body is None else "POST"
        timeout = aiohttp.ClientTimeout(SECONDS_OF_AN_ANSWER)
        async with self.session.request(
            verb, self.product.url + door, json=body, timeout=timeout, allow_redirects=False
        ) as answer:
            await answer.read()
        assert answer.status != 503 or int(answer.headers["retry-after"]) >= 1
        self.statuses.setdefault(door, Counter())[answer.status] += 1
        self.slowest[door] = max(self.slowest.get(door, 0.0), time.monotonic() - began)
        return answer.status

    async def write(self, door: str, *, label: str = "x") -> int:
        """Writes something new through a door; returns the status. `label`: of an integration."""
        name = f"n{uuid4().hex}"
        body = {"tenant_id": name} if door == "/link-token" else make_integration(name, label)
        return await self.call(door, body=body)

    async def open_page(self, link_token: str) -> int:
        """Opens a connect page, which begins a session; returns the status."""
        return await self.call(f"/connect-account?link_token={link_token}")

    async def is_ready(self) -> bool:
        """Returns True if the server says that it is ready."""
        return await self.call("/readyz") == 200


def make_integration(name: str, label: str) -> dict[str, object]:
    """Returns the body that creates an integration."""
    return {"name": name, "category": "x", "config": {"label": label, "base_url": "https://example.com"}}


@asynccontextmanager
async def calling(product: Product) -> AsyncIterator[Callers]:
    """Starts the server; yields what calls it."""
    await asyncio.to_thread(product.start)
    headers = {"authorization": f"Bearer {product.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Callers(product, session)


async def repeat(call: Callable[[], Awaitable[object]], *, until_set: asyncio.Event) -> None:
    """Makes a call over and over."""
    while not until_set.is_set():
        await call()
        await asyncio.sleep(0.05)


def require_readable_log(product: Product, *, outages: int = 1) -> None:
    """Fails if the log has a trace, or more than a line for each outage. Two within ten seconds share one."""
    text = product.log.read_text()
    assert "Traceback" not in text
    lines = [line for line in text.splitlines() if "the database is away" in line]
    assert 1 <= len(lines) <= outages, lines


def _find_file(product: Product) -> Path:
    """Returns the SQLite file."""
    (file,) = (product.folder / "data").glob("*.sqlite3")
    return file


@contextmanager
def locked(product: Product) -> Iterator[None]:
    """Holds the write lock of the file, from this process."""
    other = sqlite3.connect(_find_file(product), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@contextmanager
def full(product: Product) -> Iterator[None]:
    """Lets the server's files grow to a megabyte, and no further: its log is shorter, its database longer."""
    before = resource.prlimit(product.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(product.pid, resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        yield
    finally:
        resource.prlimit(product.pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.walk(of="folder", share=0.2)
async def test_a_file_that_another_process_locks_answers_writes_503_and_serves_reads(tmp_path: Path) -> None:
    product = Product(tmp_path)
    try:
        async with calling(product) as callers:
            body = {"tenant_id": "t"}
            link = await asyncio.to_thread(product.call, "POST", "/link-token", body)
            with locked(product):
                writes = asyncio.gather(
                    *(callers.write(door) for door in WRITE_DOORS), callers.open_page(link["link_token"])
                )
                await until(lambda: _is_unready(callers))  # a write of the last seconds counts
                assert [await callers.call(door) for door in READ_DOORS] == [200, 200]
                assert await writes == [503, 503, 503]
            await until(callers.is_ready)
            assert await callers.write("/link-token") == 200
            assert callers.slowest["/readyz"] < 2
        require_readable_log(product)
    finally:
        product.stop()


@pytest.mark.walk(of="folder", share=0.2)
async def test_a_full_disk_answers_writes_503_and_serves_reads(tmp_path: Path) -> None:
    product = Product(tmp_path)
    try:
        async with calling(product) as callers:
            with full(product):
                await until(lambda: _is_refused(callers))
                await until(lambda: _is_unready(callers))
                assert [await callers.write(door) for door in WRITE_DOORS] == [503, 503]
                assert [await callers.call(door) for door in READ_DOORS] == [200, 200]
            await until(callers.is_ready)
            assert await callers.write("/integration") == 200
            assert set().union(*callers.statuses.values()) == {200, 503}
        require_readable_log(product)
    finally:
        product.stop()


async def _is_refused(callers: Callers) -> bool:
    """Writes. Returns True once that is refused."""
    return await callers.write("/integration", label=BIG) == 503


async def _is_unready(callers: Callers) -> bool:
    """Returns True once the server says that it is not ready."""
    return not await callers.is_ready()


@pytest.mark.faults
@pytest.mark.parametrize("way", ["stopped", "suspended"])
async def test_a_server_of_postgresql_that_is_away_answers_all_calls_503(tmp_path: Path, way: str) -> None:
    with RestartablePostgreSQL() as postgresql:
        product = Product(tmp_path, database=postgresql.url, env={"ISTHMUS_SECRET_KEY": SECRET_KEY})
        try:
            async with calling(product) as callers:
                await call_during_outages(callers, postgresql, way, outages=3)
            require_readable_log(product, outages=3)
        finally:
            product.stop()


async def call_during_outages(
    callers: Callers, postgresql: RestartablePostgreSQL, way: str, *, outages: int
) -> None:
    """Calls all doors while PostgreSQL is away for 20 s, several times."""
    doors = [*READ_DOORS, "/proxy/tickets?integrated_account_id=x", "/connect-account?link_token=x"]
    for _ in range(outages):
        ended = asyncio.Event()
        calls: list[Callable[[], Awaitable[object]]] = [callers.is_ready]
        calls += [lambda door=door: callers.call(door) for door in doors]  # type: ignore[misc]  # a default binds it
        calls += [lambda door=door: callers.write(door) for door in WRITE_DOORS]  # type: ignore[misc]  # as above
        load = asyncio.gather(*(repeat(call, until_set=ended) for call in calls * 2))
        await asyncio.sleep(1)
        if way == "stopped":
            await asyncio.to_thread(postgresql.stop)
        else:
            postgresql.send_signal(signal.SIGSTOP)
        await asyncio.sleep(20)
        if way == "stopped":
            await asyncio.to_thread(postgresql.start)
        else:
            postgresql.send_signal(signal.SIGCONT)
        began = time.monotonic()
        await until(callers.is_ready)
        back = time.monotonic() - began
        await asyncio.sleep(15)  # an outage has ended when no error has come for ten seconds
        ended.set()
        await load
        print(f"\n{way}: ready {back:.1f} s after it was back; {callers.slowest}; {callers.statuses}")
    assert callers.slowest["/readyz"] < 2
    for door, statuses in callers.statuses.items():
        assert statuses.keys() <= {200, 404, 410, 429, 503}, door  # pages are opened too often
        assert statuses[503] > 0, door
