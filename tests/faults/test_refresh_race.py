"""A refresh token that is good once, with an OAuth server that ends everything when it comes again: whatever
races for it and whoever is killed, it is handed over once, or the account says exactly what happened."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from isthmus.engine.authorization.token_endpoint import encode_basic_header
from tests.background import until
from tests.conftest import SECRET_KEY
from tests.fakes.listening import listening
from tests.fakes.oidc import CLIENTS, DEFINITION, Oidc, oidc_process
from tests.faults.dying_serve import DyingProduct
from tests.postgres import PostgreSQL
from tests.product import Product

pytestmark = [pytest.mark.both_databases, pytest.mark.walk(of="folder", share=0.2)]

CALLS = 1_000
ANSWERING = "while the provider answers"
POINTS = ("before started", "after started", ANSWERING, "before committed", "after committed")
LOST = {ANSWERING, "before committed"}
"""Where the provider has given a new token that nobody kept."""


@pytest.fixture(scope="module")
def oidc() -> Iterator[Oidc]:
    with oidc_process() as running:
        yield running


@pytest.fixture
def database_url_of_products(backend: str, request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None for the embedded SQLite."""
    if backend == "sqlite":
        yield None
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create()
    yield server.url_of(name)
    server.drop(name)


@contextlib.contextmanager
def running(
    folder: Path, url: str | None, processes: int, kind: type[Product] = Product
) -> Iterator[list[Product]]:
    """The first one may die; the others live."""
    env = {"ISTHMUS_RENEW_AHEAD": "false"}
    if url is not None:
        env |= {"ISTHMUS_SECRET_KEY": SECRET_KEY, "ISTHMUS_DATABASE_POOL_SIZE": "5"}
    products = []
    try:
        for number in range(processes):
            mine = {**env, "ISTHMUS_DIES_AT": os.devnull if number else str(folder / "dies-at")}
            product = kind(folder / str(number), database=url, env=mine)
            products.append(product)
            product.start()
        yield products
    finally:
        for product in products:
            product.stop()


def installed(product: Product, **config: Any) -> dict[str, Any]:
    """`config`: what is other than in the usual definition."""
    body = {"name": "ticketry", "category": "x", "config": {**DEFINITION, **config}}
    created = product.call("POST", "/integration", body)
    install: dict[str, Any] = product.install(created)
    return install


def ended_account(product: Product, install: dict[str, Any], oidc: Oidc) -> str:
    """One whose access token has ended, and whose refresh token is good once."""
    token = {**oidc.issue(), "access_token": "ended", "expires_at": _iso(timedelta(minutes=-5))}
    context = {"url": oidc.url, "oauth": {"token": token, "scope": ["tickets.read"]}}
    return product.account(install, context, authentication_method="oauth2")


def _iso(offset: timedelta) -> str:
    return (datetime.now(UTC) + offset).isoformat()


async def called(products: Sequence[Product], account: str, calls: int, *, at_once: int = 0) -> Counter[Any]:
    """How often each answer came, of calls dealt out to the processes; `gone` for none. `at_once`: how many
    are on their way together; 0: all."""
    answers: Counter[Any] = Counter()
    connector = aiohttp.TCPConnector(limit=at_once)
    headers = {"authorization": f"Bearer {products[0].token}"}

    async def call(product: Product) -> None:
        url = f"{product.url}/proxy/tickets?integrated_account_id={account}"
        try:
            async with session.get(url) as answer:
                await answer.read()
                answers[answer.status] += 1
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            answers["gone"] += 1

    async with aiohttp.ClientSession(
        headers=headers, connector=connector, timeout=aiohttp.ClientTimeout(120)
    ) as session:
        await asyncio.gather(*(call(products[number % len(products)]) for number in range(calls)))
    return answers


async def test_a_thousand_calls_race_for_one_refresh(
    backend: str, database_url_of_products: str | None, oidc: Oidc, tmp_path: Path
) -> None:
    """Four processes on PostgreSQL, the one process on SQLite."""
    processes = 1 if backend == "sqlite" else 4
    with running(tmp_path, database_url_of_products, processes) as products:
        account = ended_account(products[0], installed(products[0]), oidc)
        before, began = len(oidc.refreshes()), time.monotonic()
        answers = await called(products, account, CALLS)
        seconds = time.monotonic() - began
        refreshes = oidc.refreshes()[before:]
    print(f"\n{CALLS} calls, {processes} processes on {backend}, {seconds:.1f} s: {answers}, {refreshes}")
    assert (answers, refreshes) == (Counter({200: CALLS}), [{"grant_type": "refresh_token", "status": 200}])


SECONDS = 2
"""How long a token lives at most; the server cuts its moments to whole seconds, so at least one less."""
ANSWER_SECONDS = 0.8


@contextlib.asynccontextmanager
async def introspecting(oidc: Oidc) -> AsyncIterator[str]:
    """A slow product that asks the OAuth server about each token that it is sent."""
    headers = {"authorization": encode_basic_header("app", CLIENTS["app"])}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def answer(request: web.Request) -> web.Response:
            token = request.headers["authorization"].removeprefix("Bearer ")
            async with session.post(f"{oidc.url}/token/introspection", data={"token": token}) as told:
                is_active = (await told.json())["active"]
            if not is_active:
                return web.json_response({"message": "no"}, status=401)
            await asyncio.sleep(ANSWER_SECONDS)  # of real time, in which tokens end
            return web.json_response({"items": [{"id": "1"}]})

        async with listening(answer) as url:
            yield url


async def test_two_hundred_calls_across_the_ends_of_tokens_cost_one_renewal_each(
    backend: str, database_url_of_products: str | None, tmp_path: Path
) -> None:
    """Two processes on PostgreSQL. A token that is renewed is in its last second, so there are as many
    renewals as seconds at the most; a refresh token that is sent twice would end everything."""
    with oidc_process(seconds=SECONDS) as oidc:
        async with introspecting(oidc) as url:
            with running(tmp_path, database_url_of_products, 1 if backend == "sqlite" else 2) as products:
                install = await asyncio.to_thread(installed, products[0], base_url=url)
                token = await asyncio.to_thread(oidc.issue)
                context = {"url": oidc.url, "oauth": {"token": token, "scope": ["tickets.read"]}}
                account = await asyncio.to_thread(
                    products[0].account, install, context, authentication_method="oauth2"
                )
                began = time.monotonic()
                answers = await called(products, account, 200, at_once=40)
                seconds = time.monotonic() - began
        refreshes = oidc.refreshes()
    print(f"\n200 calls on {backend}, {seconds:.1f} s: {answers}, {len(refreshes)} renewals")
    assert answers == Counter({200: 200})
    assert {each["status"] for each in refreshes} == {200}
    assert 2 <= len(refreshes) <= seconds / (SECONDS - 1) + 1


async def survives(point: str, url: str | None, oidc: Oidc, folder: Path, *, runs: int) -> None:
    """The first process dies while calls wait for it. Those on the other one are answered; those it took with
    it are repeated: on the other one, or on SQLite when it has been started again."""
    with running(folder, url, 1 if url is None else 2, DyingProduct) as products:
        dying, living, began = products[0], products[-1], time.monotonic()
        install = installed(dying)
        for _ in range(runs):
            account = ended_account(living, install, oidc)
            before = len(oidc.refreshes())
            answers = await killed_at(point, products, account, oidc, folder / "dies-at", before)
            assert answers["gone"] > 0
            answers += await called([living], account, answers.pop("gone"))
            refreshes = [each["status"] for each in oidc.refreshes()[before:]]
            await ends_as_it_should(point, living, account, answers, refreshes)
    print(f"\n{runs} kills {point}, {time.monotonic() - began:.0f} s: each run ended as it should")


async def killed_at(
    point: str, products: Sequence[Product], account: str, oidc: Oidc, dies_at: Path, before: int
) -> Counter[Any]:
    dying = products[0]

    async def is_dead() -> bool:
        return not await asyncio.to_thread(dies_at.exists)

    async def is_asked() -> bool:
        return len(await asyncio.to_thread(oidc.refreshes)) > before

    if point == ANSWERING:
        oidc.control("hold", times=1)
    else:
        await asyncio.to_thread(dies_at.write_text, point)
    first = asyncio.create_task(called([dying], account, 5))
    await until(is_asked if point == ANSWERING else is_dead)
    others = asyncio.create_task(called(products[1:], account, 5)) if len(products) > 1 else None
    dying.kill()
    oidc.control("release")
    answers = await first  # before it is there again: the client tries a lost GET once more by itself
    restarted = asyncio.create_task(asyncio.to_thread(dying.start))
    if others is not None:
        answers += await others
    await restarted
    return answers


async def ends_as_it_should(
    point: str, product: Product, account: str, answers: Counter[Any], refreshes: list[int]
) -> None:
    row = await asyncio.to_thread(product.call, "GET", f"/integrated-account/{account}")
    listed = await asyncio.to_thread(product.call, "GET", "/events", resource_id=account)
    told = Counter(each["event"].partition(":")[2] for each in listed["result"])
    if point in LOST:
        assert refreshes == [200, 400], point
        assert set(answers) == {401}
        assert row["status"] == "needs_reauth"
        assert row["last_error"].startswith("A token refresh was interrupted before its reply was stored")
        assert told == {"created": 1, "active": 1, "authentication_error": 1}
    else:
        assert refreshes == [200], point
        assert set(answers) == {200}
        assert (row["status"], row["last_error"]) == ("active", None)
        assert told == {"created": 1, "active": 1}


@pytest.mark.parametrize("point", ["after started", "before committed"])
async def test_a_kill_in_a_refresh_race_ends_as_it_should(
    point: str, database_url_of_products: str | None, oidc: Oidc, tmp_path: Path
) -> None:
    await survives(point, database_url_of_products, oidc, tmp_path, runs=1)


@pytest.mark.faults
@pytest.mark.parametrize("point", POINTS)
async def test_twenty_kills_in_a_refresh_race_end_as_they_should(
    point: str, database_url_of_products: str | None, oidc: Oidc, tmp_path: Path
) -> None:
    await survives(point, database_url_of_products, oidc, tmp_path, runs=20)
