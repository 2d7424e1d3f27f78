"""A server that is killed in the middle of writes has kept every write that it acknowledged, whole."""

from __future__ import annotations

import http.client
import itertools
import random
import threading
import urllib.error

import pytest

from tests.fakes.larkdesk import DEFINITION, KEY
from tests.product import Product, connect

pytestmark = [pytest.mark.both_databases, pytest.mark.walk(of="folder", share=0.2)]

WRITERS = 3


class Writers:
    """Create accounts and rename them, one after the other, until the server is gone.

    `acknowledged`: account id to the last tenant that the server said it stored.
    """

    def __init__(self, product: Product, install: str, enough: int) -> None:
        self.acknowledged: dict[str, str] = {}
        self.asked: dict[str, str] = {}
        self._product = product
        self._install = install
        self._enough = enough
        self._reached = threading.Event()
        self._names = itertools.count()
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]

    def run_until_killed(self) -> None:
        for thread in self._threads:
            thread.start()
        assert self._reached.wait(60), "the server stores nothing"
        self._product.kill()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        try:
            while True:
                tenant = f"tenant-{next(self._names)}"
                account = self._product.account(
                    {"id": self._install}, {"url": "http://127.0.0.1:9", "api_key": KEY}, tenant
                )
                self._note(account, tenant)
                renamed = f"{tenant}-renamed"
                self.asked[account] = renamed
                self._product.call("PATCH", f"/integrated-account/{account}", {"tenant_id": renamed})
                self._note(account, renamed)
        except (urllib.error.URLError, ConnectionError, http.client.HTTPException):
            return

    def _note(self, account: str, tenant: str) -> None:
        self.acknowledged[account] = tenant
        if len(self.acknowledged) >= self._enough:
            self._reached.set()


def survives(product: Product, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    product.start()
    first = connect(product, DEFINITION, {"url": "http://127.0.0.1:9", "api_key": KEY})
    install = product.call("GET", f"/integrated-account/{first}")["environment_integration_id"]
    for _ in range(kills):
        writers = Writers(product, install, enough=chance.randint(1, 12))
        writers.run_until_killed()
        product.start()
        for account, tenant in writers.acknowledged.items():
            stored = product.call("GET", f"/integrated-account/{account}")
            assert stored["tenant_id"] in (tenant, writers.asked.get(account, tenant))
            assert stored["context"]["url"] == "http://127.0.0.1:9"


def test_a_few_kills_lose_nothing_that_was_acknowledged(product: Product) -> None:
    survives(product, kills=2, seed=1)


@pytest.mark.faults
def test_a_hundred_kills_on_each_database_lose_nothing_that_was_acknowledged(product: Product) -> None:
    survives(product, kills=100, seed=2)
