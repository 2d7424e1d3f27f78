"""Whoever is killed between saved and active: the account comes to its end, each step's effect is there once
but for the one that was under way, and each transition is told once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from isthmus.db import Database, open_database
from isthmus.integrations.catalog.catalog_sync import sync_catalog
from tests.background import until
from tests.fakes.listening import listening
from tests.faults.dying_lifecycle import (
    AFTER_END,
    AFTER_KEPT,
    ANSWERING,
    BEFORE_ASKED,
    BEFORE_END,
    BEFORE_KEPT,
    connect_on,
)
from tests.faults.processes import Place, Victim, start
from tests.unit.accounts.conftest import Desk, install
from tests.unit.accounts.lifecycle.steps_provider import CHECKED, CREDENTIALS, PREPARED, Product
from tests.unit.integrations.small_catalog import write_catalog
from tests.unit.integrations.world import make_world

pytestmark = [pytest.mark.both_databases, pytest.mark.walk(of="folder", share=0.2)]

MOMENTS = (BEFORE_ASKED, ANSWERING, BEFORE_KEPT, AFTER_KEPT, BEFORE_END, AFTER_END)
STEPS = (*(f"post_install.{number}" for number in range(4)), "validation.0", "validation.1")
REQUESTS = {
    "post_install.0": "GET /me",
    "post_install.2": "POST /orgs/acme/hooks",
    "validation.0": "GET /check",
}
"""The steps that ask the product, and for what; the others keep what it said."""
FAILURES = {step: f"{step.partition('.')[0]}_error" for step in REQUESTS}


class WatchedProduct(Product):
    """In `held` a path is not answered until somebody was killed for it."""

    folder: Path
    held: str | None = None

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if f"{request.method} {request.path}" == self.held:
            self.held = None
            self.seen.append(f"{request.method} {request.path}")
            (self.folder / "asked").touch()
            await asyncio.Event().wait()
        return await super().answer(request)


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[WatchedProduct]:
    fake = WatchedProduct()
    fake.folder = tmp_path
    async with listening(fake.answer) as fake.url:
        yield fake


@dataclass(frozen=True)
class Kill:
    """`step`: where; for an end, the step that fails, None for an account that becomes active."""

    moment: str
    step: str | None

    @property
    def point(self) -> str:
        return self.moment if self.moment in {BEFORE_END, AFTER_END} else f"{self.moment} {self.step}"

    @property
    def status(self) -> str:
        failing = self.step if self.moment in {BEFORE_END, AFTER_END} else None
        return "active" if failing is None else FAILURES[failing]

    def requests(self) -> Counter[str]:
        """How often each is made: once, but what was under way, and nothing after a failure."""
        expected = Counter(dict.fromkeys(REQUESTS.values(), 1))
        if self.status != "active":
            expected = Counter({path: 1 for step, path in REQUESTS.items() if step <= str(self.step)})
        asks_again = self.moment in {ANSWERING, BEFORE_KEPT} or (
            self.moment == BEFORE_END and self.status != "active"
        )
        if asks_again and self.step in REQUESTS:
            expected[REQUESTS[self.step]] += 1
        return expected


def chosen(moment: str, chance: random.Random) -> Kill:
    if moment in {BEFORE_END, AFTER_END}:
        return Kill(moment, chance.choice((None, *FAILURES)))
    return Kill(moment, chance.choice(list(REQUESTS) if moment == ANSWERING else STEPS))


class Workers:
    """SQLite: one, started again when it was killed. PostgreSQL: two."""

    def __init__(self, place: Place, count: int, stack: ExitStack) -> None:
        self._place = place
        self._stack = stack
        self._running = [self._start() for _ in range(count)]

    def _start(self) -> Victim:
        return self._stack.enter_context(start(connect_on, self._place))

    @property
    def dead(self) -> int:
        return sum(not each.process.is_alive() for each in self._running)

    def replace_dead(self) -> None:
        self._running = [each if each.process.is_alive() else self._start() for each in self._running]


async def survives(
    moment: str, url: str, folder: Path, product: WatchedProduct, *, kills: int, seed: int
) -> None:
    place, chance = Place(url, folder, 0), random.Random(seed)
    catalog = write_catalog(folder / "catalog", integration=CREDENTIALS + PREPARED + CHECKED)
    database = await open_database(place.settings)
    await sync_catalog(database, catalog)
    desk = await install(database, (await make_world(database)).mine, product.url)
    began = time.monotonic()
    repeated = 0
    with ExitStack() as stack:
        workers = Workers(place, 1 if database.is_sqlite else 2, stack)
        for _ in range(kills):
            kill = chosen(moment, chance)
            await killed_once(kill, desk, place, product, workers)
            repeated += sum(product.seen.count(each) - 1 for each in set(product.seen))
    print(
        f"\n{kills} kills {moment}, {time.monotonic() - began:.0f} s: each account at its end, each "
        f"transition told once; {repeated} requests were made twice"
    )
    await database.close()


async def killed_once(
    kill: Kill, desk: Desk, place: Place, product: WatchedProduct, workers: Workers
) -> None:
    product.seen.clear()
    product.bodies.clear()
    product.answers = {}
    if kill.status != "active":
        assert kill.step is not None
        product.answers = {REQUESTS[kill.step].partition(" ")[2]: (422, {"message": "not so"})}
    product.held = REQUESTS[str(kill.step)] if kill.moment == ANSWERING else None
    (place.folder / "asked").unlink(missing_ok=True)
    (place.folder / "dies-at").write_text(kill.point)
    account = (await desk.connect(context={"url": desk.url, "api_key": "k-1"}))["id"]
    await until(lambda: workers.dead == 1, seconds=60)
    assert not (place.folder / "dies-at").exists()
    workers.replace_dead()
    await until(lambda: _is_done(desk.database), seconds=60)
    row = await desk.get(account)
    assert row["status"] == kill.status, kill
    assert ("not so" in (row["last_error"] or "")) == (kill.status != "active"), kill
    assert Counter(product.seen) == kill.requests(), kill
    assert await desk.told(account) == ["created", kill.status], kill
    if kill.status == "active":
        assert (row["context"]["org"], row["context"]["hook"]) == ("acme", 7), kill
        assert {each["who"] for each in product.bodies} == {"Ana"}, kill


async def _is_done(database: Database) -> bool:
    """No account is on its way, and no job is left."""
    async with database.read() as conn:
        counted = (
            "SELECT (SELECT count(*) FROM integrated_account WHERE status = 'connecting'), "
            "(SELECT count(*) FROM procrastinate_jobs), (SELECT count(*) FROM job_timer)"
        )
        found: Any = (await conn.execute(text(counted))).one()
    return tuple(found) == (0, 0, 0)


@pytest.mark.parametrize("moment", [ANSWERING, AFTER_KEPT, BEFORE_END])
async def test_a_kill_between_saved_and_active_only_delays(
    moment: str, database_url: str, product: WatchedProduct, tmp_path: Path
) -> None:
    await survives(moment, database_url, tmp_path, product, kills=2, seed=41)


@pytest.mark.faults
@pytest.mark.parametrize("moment", MOMENTS)
async def test_twenty_kills_between_saved_and_active_only_delay(
    moment: str, database_url: str, product: WatchedProduct, tmp_path: Path
) -> None:
    await survives(moment, database_url, tmp_path, product, kills=20, seed=42)
