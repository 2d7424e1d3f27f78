"""The short form of `tests/acceptance/test_rate_limit.py`: a few waits instead of minutes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crowd import desk_process, visits, walk_through_a_crowd
from tests.fakes.larkdesk import DEFINITION, KEY
from tests.product import Product, connect

ON_THE_WAY_SECONDS = 0.1

pytestmark = pytest.mark.walk(of="folder", share=0.2)


async def test_a_crowd_leaves_the_provider_alone_while_it_waits(tmp_path: Path) -> None:
    product = Product(tmp_path)
    product.start()
    try:
        with desk_process("--tickets", "450") as desk:
            account = connect(product, DEFINITION, {"url": desk, "api_key": KEY}, model="ticketing")
            crowd = await walk_through_a_crowd(
                [product], account, path="/unified/ticketing/tickets", size=200
            )
            seen = visits(desk)
    finally:
        product.stop()
    assert crowd.walked == [str(number) for number in range(1, 451)]
    assert any(visit["status"] == 429 for visit in seen)
    into = [visit["seconds_into_wait"] for visit in seen if visit["inside_wait"]]
    assert [seconds for seconds in into if seconds > ON_THE_WAY_SECONDS] == []
