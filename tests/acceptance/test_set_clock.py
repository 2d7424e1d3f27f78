"""The clock of a server is set back and forward an hour by Debian's `faketime`, in real time."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.product import CallFailed, Product

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

pytestmark = pytest.mark.acceptance

WAIT = 20
DEFINITION: dict[str, object] = {
    "label": "Slowdesk",
    "base_url": "{{url}}",
    "authorization": {"format": "bearer"},
    "credentials": {
        "api_key": {"config": {"fields": [{"name": "url"}, {"name": "api_key", "type": "password"}]}}
    },
    "resources": {"tickets": {"create": {"method": "post", "path": "/tickets"}}},
}


class Clock:
    """The clock of a server, which a test sets. `environment`: variables of the server's process."""

    def __init__(self, folder: Path) -> None:
        assert LIBRARY is not None, "faketime is not installed: apt install faketime"
        self._file = folder / "clock"
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, seconds: int) -> None:
        """Sets the clock to so many seconds after the true time; the server sees it within a second."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)


class Provider(BaseHTTPRequestHandler):
    """Asks the first one of `waits` to wait, and answers whoever comes after the last."""

    waits: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"] or 0))
        self.send_response(429 if self.waits else 200)
        if self.waits:
            self.send_header("retry-after", self.waits.pop(0))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def provider() -> Iterator[str]:
    Provider.waits = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def wait_left(product: Product, account: str) -> int:
    """Makes a call; returns how many seconds it has to wait, 0 if it was answered."""
    try:
        product.call("POST", f"/proxy/tickets?integrated_account_id={account}", {})
    except CallFailed as failed:
        if failed.status != 429:
            raise
        return int(failed.headers["retry-after"])
    return 0


def test_a_clock_that_is_set_lengthens_no_wait_and_stops_no_schedule(tmp_path: Path, provider: str) -> None:
    clock = Clock(tmp_path)
    product = Product(tmp_path / "server", env=clock.environment)
    product.start()
    try:
        created = product.call(
            "POST", "/integration", {"name": "slowdesk", "category": "crm", "config": DEFINITION}
        )
        account = product.account(product.install(created), {"url": provider, "api_key": "k"})
        schedule_each_minute(product)

        Provider.waits.append(str(WAIT))
        assert wait_left(product, account) == WAIT
        began = time.monotonic()
        clock.set(-3600)
        time.sleep(2.5)
        product.call(
            "PATCH", f"/integrated-account/{account}", {"tenant_id": "other"}
        )  # its row is read anew
        assert 0 < wait_left(product, account) <= WAIT
        time.sleep(max(0.0, WAIT + 0.5 - (time.monotonic() - began)))
        assert wait_left(product, account) == 0
        time.sleep(max(0.0, 66.0 - (time.monotonic() - began)))
        set_back = datetime.now(UTC) - timedelta(hours=1)
        assert timedelta(0) < set_back - last_firing(product) < timedelta(seconds=66)

        Provider.waits.append("99999999")
        assert wait_left(product, account) == 3600
        clock.set(7200)
        time.sleep(2.5)
        assert 3500 < wait_left(product, account) < 3600
        command = [str(Path(sys.executable).parent / "isthmus"), "accounts", "unblock", account]
        subprocess.run(command, env=product.environment(), check=True)
        time.sleep(1.5)
        assert wait_left(product, account) == 0
    finally:
        product.stop()


def schedule_each_minute(product: Product) -> None:
    """Adds a schedule that fires each minute, in the database of the server."""
    with sqlite3.connect(product.folder / "data/isthmus.sqlite3") as conn:
        conn.execute(
            "INSERT INTO job_schedule (id, created_at, updated_at, name, what, key, cron, timezone, priority,"
            " next_at, is_built_in) SELECT '01900000-0000-7000-8000-000000000001', created_at, updated_at,"
            " 'mine', 'events.prune', '', '* * * * *', 'UTC', 0, updated_at, 0 FROM job_schedule LIMIT 1"
        )
    conn.close()


def last_firing(product: Product) -> datetime:
    """Returns when the schedule of each minute was due for the last time that it fired."""
    conn = sqlite3.connect(product.folder / "data/isthmus.sqlite3")
    (text,) = conn.execute("SELECT last_at FROM job_schedule WHERE name = 'mine'").fetchone()
    conn.close()
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
