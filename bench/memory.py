"""Memory of `isthmus serve` after a thousand unified calls, beside the pass-through peer after as many.

The first start of all brought the database's schema up, and keeps the 13 MiB of the libraries that did it
until the next start; so the server is started again before it is measured, and both are printed.
"""

from __future__ import annotations

import os
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from bench.figures import check_at_most, print_and_exit
from bench.load import run_nginx, run_python_server
from bench.measured_product import PAGE, run_product

CALLS = 1000
BOUND_MIB = 150.0


def _read_resident_mib(pid: int) -> float:
    """The resident memory of the process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _call_repeatedly(url: str, headers: Mapping[str, str]) -> None:
    for _ in range(CALLS):
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=30) as answer:
            answer.read()


def _find_listener(url: str) -> int:
    """The id of the process that listens on the URL's port. Raises LookupError."""
    port = int(url.rsplit(":", 1)[1])
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    inode = next(row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == f"socket:[{inode}]":
                return int(link.parts[2])
        except OSError:
            continue
    raise LookupError(url)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        run_nginx(Path(folder) / "nginx", PAGE) as upstream,
        run_python_server("bench.passthrough:app", {**os.environ, "UPSTREAM": upstream}) as peer,
        run_product(Path(folder) / "isthmus", upstream) as (product, account, headers),
    ):
        first = _read_resident_mib(product.pid)
        product.stop()
        product.start()
        before = _read_resident_mib(product.pid)
        _call_repeatedly(f"{product.url}/unified/crm/contacts?integrated_account_id={account}", headers)
        _call_repeatedly(f"{peer}/contacts", {})
        ours, theirs = _read_resident_mib(product.pid), _read_resident_mib(_find_listener(peer))
    print(f"ours {first:.0f} MiB after the first start, {before:.0f} MiB before the calls")
    print(f"the pass-through after as many: {theirs:.0f} MiB")
    print_and_exit(
        [check_at_most(f"memory after {CALLS} unified calls", ours, "MiB", BOUND_MIB, "bound", 1.0)]
    )


if __name__ == "__main__":
    main()
