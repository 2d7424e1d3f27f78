"""A provider that says "wait" is left alone, whoever calls, and whoever reads on loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crowd import Crowd, desk_process, visits, walk_through_a_crowd
from tests.fakes.larkdesk import DEFINITION, KEY
from tests.postgres import PostgreSQL
from tests.product import Product, connect

pytestmark = pytest.mark.acceptance

TICKETS = 10_000
ON_THE_WAY_SECONDS = 0.1
"""Requests that were sent before the first refusal could arrive come this much after it at most."""


def assert_each_record_once(crowd: Crowd, count: int = TICKETS) -> None:
    assert crowd.walked == [str(number) for number in range(1, count + 1)]
    assert set(crowd.answers) <= {200, 429}
    assert crowd.answers[200] > 0


@pytest.mark.parametrize("silent", [False, True], ids=["retry-after", "no retry-after"])
async def test_no_request_comes_inside_a_wait_from_one_process(tmp_path: Path, silent: bool) -> None:
    product = Product(tmp_path)
    product.start()
    try:
        with desk_process("--tickets", str(TICKETS), *(["--silent"] if silent else [])) as desk:
            account = connect(product, DEFINITION, {"url": desk, "api_key": KEY}, model="ticketing")
            crowd = await walk_through_a_crowd(
                [product], account, path="/unified/ticketing/tickets", size=200
            )
            seen = visits(desk)
    finally:
        product.stop()
    assert_each_record_once(crowd)
    refusals = [visit for visit in seen if visit["status"] == 429 and not visit["inside_wait"]]
    assert refusals, "the provider was never pressed: this proves nothing"
    intruders = [(visit["at"], visit["seconds_into_wait"]) for visit in seen if visit["inside_wait"]]
    assert [seconds for _, seconds in intruders if seconds > ON_THE_WAY_SECONDS] == []
    assert [at for at, _ in intruders if at > refusals[0]["wait_until"]] == []


@pytest.fixture
def two_processes(tmp_path: Path, postgresql: PostgreSQL) -> Iterator[list[Product]]:
    name = postgresql.create()
    key = {"ISTHMUS_SECRET_KEY": "a-key-for-tests-only-0123456789-abcdefghijk"}
    products = [
        Product(tmp_path / each, database=postgresql.url_of(name), env=key) for each in ("one", "two")
    ]
    try:
        for product in products:
            product.start()
        yield products
    finally:
        for product in products:
            product.stop()
        postgresql.drop(name)


async def test_two_processes_leave_the_provider_alone_within_a_second(two_processes: list[Product]) -> None:
    with desk_process("--tickets", str(TICKETS), "--wait", "3") as desk:
        account = connect(two_processes[0], DEFINITION, {"url": desk, "api_key": KEY}, model="ticketing")
        crowd = await walk_through_a_crowd(
            two_processes, account, path="/unified/ticketing/tickets", size=200
        )
        seen = visits(desk)
    assert_each_record_once(crowd)
    assert [visit for visit in seen if visit["status"] == 429 and not visit["inside_wait"]]
    into = [visit["seconds_into_wait"] for visit in seen if visit["inside_wait"]]
    assert [seconds for seconds in into if seconds > 1.0] == []
