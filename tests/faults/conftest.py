"""A server as a process of its own, which a test may kill or stop and start again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SECRET_KEY
from tests.postgres import PostgreSQL
from tests.product import Product


@pytest.fixture
def product(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Product]:
    """The server, not started, on a database of its own."""
    if backend == "sqlite":
        served = Product(tmp_path)
        yield served
        served.stop()
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create()
    env = {"ISTHMUS_SECRET_KEY": SECRET_KEY, "ISTHMUS_DATABASE_POOL_SIZE": "5"}
    served = Product(tmp_path, database=server.url_of(name), env=env)
    yield served
    served.stop()
    server.drop(name)
