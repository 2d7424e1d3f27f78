"""A changed mapping: how soon the process that wrote it uses it, and another on the same PostgreSQL."""

from __future__ import annotations

import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

from tests.postgres import running_postgresql
from tests.product import Product

from bench.figures import check_at_most, print_and_exit
from bench.load import run_nginx
from bench.measured_product import PAGE, put_mapping, run_product

CHANGES = 50
MAX_SECONDS = 30.0
"""Seconds after which a change counts as lost."""

KEY = "a-key-for-benches-only-0123456789-abcdefghij"


def main() -> None:
    env = {"ISTHMUS_SECRET_KEY": KEY}
    with (
        running_postgresql(f"changes-{uuid.uuid4().hex[:8]}") as server,
        tempfile.TemporaryDirectory() as folder,
        run_nginx(Path(folder) / "nginx", PAGE) as upstream,
    ):
        database = server.url_of(server.create())
        with run_product(Path(folder) / "writer", upstream, database=database, env=env) as (
            writer,
            account,
            _,
        ):
            other = Product(Path(folder) / "other", database=database, env=env)
            other.start()
            try:
                found = [
                    _measure_change(writer, other, account, f"change {number}") for number in range(CHANGES)
                ]
            finally:
                other.stop()
    calls = max(calls for calls, _ in found)
    seconds = [seconds for _, seconds in found]
    print(
        f"{CHANGES} changes of one mapping; used by the other process after {median(seconds):.3f} s (median)"
    )
    print_and_exit(
        [
            check_at_most("used by the writer, slowest", calls, "calls", 1, "bound", 1.0),
            check_at_most("used by another process, slowest", max(seconds), "s", 1.0, "bound", 1.0),
        ]
    )


def _measure_change(writer: Product, other: Product, account: str, name: str) -> tuple[int, float]:
    """Changes the mapping; returns how many calls the writer needed until one used it, and after how many
    seconds a call of the other process did."""
    for product in (writer, other):  # both hold the mapping of before
        _read_name(product, account)
    put_mapping(
        writer, account, {"response_mapping": f'{{"id": $string(response.number), "name": "{name}"}}'}
    )
    began = time.perf_counter()
    calls = 1
    while _read_name(writer, account) != name:
        calls += 1
        _raise_if_late(began)
    while _read_name(other, account) != name:
        _raise_if_late(began)
    return calls, time.perf_counter() - began


def _raise_if_late(began: float) -> None:
    if time.perf_counter() - began > MAX_SECONDS:
        raise TimeoutError(f"a change was not used within {MAX_SECONDS:g} s")


def _read_name(product: Product, account: str) -> object:
    answer = product.call("GET", "/unified/crm/contacts", integrated_account_id=account)
    return answer["result"][0]["name"]


if __name__ == "__main__":
    main()
