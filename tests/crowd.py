"""Callers that hammer one account while a walker reads it to the end, and what the provider saw of it."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.product import Product

__all__ = ["Crowd", "desk_process", "visits", "walk_through_a_crowd"]

ROOT = Path(__file__).parents[1]
_BREATH_SECONDS = 0.01
"""Between an answer and a caller's next request, so that the test leaves the product a processor."""


@dataclass(slots=True)
class Crowd:
    """`walked`: ids in the order the walker got them. `answers`: how often the callers got each status."""

    walked: list[str] = field(default_factory=list)
    walker_waits: int = 0
    answers: Counter[int] = field(default_factory=Counter)


@contextmanager
def desk_process(*arguments: str) -> Iterator[str]:
    """Runs the fake provider as a process of its own; yields its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.larkdesk", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def visits(desk: str) -> list[dict[str, Any]]:
    """Returns what the fake logged of each request (`tests.fakes.larkdesk.Visit`)."""
    with urllib.request.urlopen(f"{desk}/_control/visits", timeout=30) as response:
        logged: list[dict[str, Any]] = json.loads(response.read())
        return logged


async def walk_through_a_crowd(
    products: Sequence[Product], account: str, *, path: str, size: int, callers: int = 8
) -> Crowd:
    """Walks the list at `path` on the first product, heeding `Retry-After`. Until it is through, `callers`
    who do not heed it, spread over all products, ask for one record after the other."""
    crowd = Crowd()
    headers = {"Authorization": f"Bearer {products[0].token}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(120)) as session:
        spread = itertools.islice(itertools.cycle(products), callers)
        hammering = [
            asyncio.create_task(_hammer(session, product, account, path, crowd)) for product in spread
        ]
        try:
            await _walk(session, products[0], account, path, size, crowd)
        finally:
            for task in hammering:
                task.cancel()
            await asyncio.gather(*hammering, return_exceptions=True)
    return crowd


async def _hammer(
    session: aiohttp.ClientSession, product: Product, account: str, path: str, crowd: Crowd
) -> None:
    """Asks for one record after the other, until it is cancelled; counts the statuses."""
    for number in itertools.count(1):
        url = f"{product.url}{path}/{1 + number % 100}"
        async with session.get(url, params={"integrated_account_id": account}) as answer:
            await answer.read()
            crowd.answers[answer.status] += 1
        await asyncio.sleep(_BREATH_SECONDS)


async def _walk(
    session: aiohttp.ClientSession, product: Product, account: str, path: str, size: int, crowd: Crowd
) -> None:
    """Reads the list to its end, a page of `size` records after the other, and waits when it is told to."""
    query = {"integrated_account_id": account, "limit": str(size)}
    while True:
        async with session.get(f"{product.url}{path}", params=query) as answer:
            page = await answer.json()
            if answer.status == 429:
                crowd.walker_waits += 1
                await asyncio.sleep(int(answer.headers["retry-after"]))
                continue
            assert answer.status == 200, page
        crowd.walked += [record["id"] for record in page["result"]]
        if page["next_cursor"] is None:
            return
        query["next_cursor"] = page["next_cursor"]
