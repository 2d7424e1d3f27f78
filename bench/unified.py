"""A unified list of 100 contacts, end to end, against the same in Node with jsonata and undici.

Both are one process, ask the same upstream for the same page, map each record by the text of the shipped
mapping and answer with the same JSON, which is compared first. Rounds alternate between the two; their median
counts. Printed beside it: the processor time a record, one call after the other; a machine that is busy
changes that least.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from tests.npm import JSONATA, NODE, install_packages
from tests.product import Product

from bench.expressions.records import make_contacts
from bench.figures import check_at_least, print_and_exit
from bench.load import run_nginx, run_wrk, wait_until_answering

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "6"))
"""Long enough for some answers of the peer: sixteen that are on their way end at about the same time."""
RECORDS = 100
CONNECTIONS = 16
SINGLE_CALLS = 10
"""Calls one after the other, a round."""
UNDICI = "undici@7.30.2"
SEED = 20_241_124

CATALOG = Path(__file__).parents[1] / "catalog" / "integrations" / "hubspot"


def main() -> None:
    definition = yaml.safe_load((CATALOG / "integration.yaml").read_text())
    asked = definition["config"]["resources"]["contacts"]["list"]
    page = json.dumps(build_upstream_page(asked["query"]["properties"].split(",")))
    with (
        tempfile.TemporaryDirectory() as folder,
        run_nginx(Path(folder) / "nginx", page) as upstream,
        run_peer(Path(folder), f"{upstream}{asked['path']}?limit={RECORDS}") as (theirs, peer_pid),
        run_isthmus(Path(folder) / "isthmus", upstream) as (url, headers, pid),
    ):
        same = fetch_json(url, headers) == fetch_json(theirs, {})
        print(
            f"{RECORDS} contacts of about {len(page) // RECORDS} bytes, c={CONNECTIONS}, seed {SEED}; "
            f"answers {'equal' if same else 'DIFFERENT'}"
        )
        rates: dict[str, list[float]] = {"ours": [], "theirs": []}
        spent: dict[str, list[float]] = {"ours": [], "theirs": []}
        for one in (url, theirs):
            run_wrk(one, connections=CONNECTIONS, seconds=SECONDS, headers=headers)
        for _ in range(ROUNDS):
            for name, one, process in (("theirs", theirs, peer_pid), ("ours", url, pid)):
                found = run_wrk(one, connections=CONNECTIONS, seconds=SECONDS, headers=headers)
                if not found.rate:
                    sys.exit(f"{name}: no answer within {SECONDS:g} s. Set BENCH_SECONDS to more.")
                rates[name].append(found.rate * RECORDS)
                before = read_processor_seconds(process)
                for _ in range(SINGLE_CALLS):
                    fetch_json(one, headers)
                spent[name].append((read_processor_seconds(process) - before) / (SINGLE_CALLS * RECORDS))
    micro = {name: median(values) * 1e6 for name, values in spent.items()}
    print(
        f"processor time a record, one caller: ours {micro['ours']:.0f} µs, node {micro['theirs']:.0f} µs, "
        f"ratio {micro['theirs'] / micro['ours']:.2f}"
    )
    if not same:
        sys.exit(1)
    print_and_exit(
        [
            check_at_least(
                "unified records/s", median(rates["ours"]), "/s", median(rates["theirs"]), "node", 5.0
            )
        ]
    )


def build_upstream_page(properties: list[str]) -> dict[str, Any]:
    """A page as the provider answers it: the properties that were asked for, null where a contact has
    none."""
    return {
        "results": [_contact(source, properties) for source in make_contacts(RECORDS, SEED)],
        "paging": {"next": {"after": str(RECORDS), "link": f"https://example.com/contacts?after={RECORDS}"}},
    }


def _contact(source: Mapping[str, Any], properties: list[str]) -> dict[str, Any]:
    held = source["properties"]
    known = {
        **held,
        "createdate": source["createdAt"],
        "lastmodifieddate": source["updatedAt"],
        "associatedcompanyid": source["associations"]["companies"]["results"][0]["id"],
        "hs_additional_emails": ";".join(each["value"] for each in source["emails"][1:]),
    }
    return {
        "id": source["id"],
        "properties": {name: known.get(name) for name in [*properties, "hs_object_id"]},
        "createdAt": source["createdAt"],
        "updatedAt": source["updatedAt"],
        "archived": False,
        "associations": {"companies": source["associations"]["companies"]},
        "url": f"https://example.com/contacts/{source['id']}",
    }


@contextmanager
def run_isthmus(folder: Path, upstream: str) -> Iterator[tuple[str, Mapping[str, str], int]]:
    """Runs `isthmus serve` with an account of the shipped integration; yields the list's URL, the headers and
    the process id."""
    product = Product(folder)
    product.start()
    try:
        named = {"integration.name": "hubspot"}
        (install,) = product.call("GET", "/environment-integration", **named)["result"]
        path = f"/environment-integration/{install['id']}"
        product.call("PATCH", path, {"override": {"base_url": upstream}})
        account = product.account(install, {"token": "secret"})
        url = f"{product.url}/unified/crm/contacts?integrated_account_id={account}&limit={RECORDS}"
        yield url, {"Authorization": f"Bearer {product.token}"}, product.pid
    finally:
        product.stop()


@contextmanager
def run_peer(folder: Path, upstream: str) -> Iterator[tuple[str, int]]:
    """Runs the peer in Node; yields its URL and process id."""
    cells = yaml.safe_load((CATALOG / "mappings" / "crm.yaml").read_text())["cells"]
    mapping = folder / "mapping.jsonata"
    mapping.write_text(
        next(
            cell["config"]["response_mapping"]
            for cell in cells
            if (cell["resource_name"], cell["method_name"]) == ("contacts", "list")
        )
    )
    script = Path(__file__).parent / "peers" / "unified.cjs"
    process = subprocess.Popen(
        [NODE, str(script), str(install_packages(JSONATA, UNDICI)), upstream, str(mapping)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NODE_ENV": "production"},
    )
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/"
        wait_until_answering(url)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(timeout=10)


def read_processor_seconds(pid: int) -> float:
    """The processor time of all threads of the process since it started (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fetch_json(url: str, headers: Mapping[str, str]) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers))) as response:
        return json.load(response)


if __name__ == "__main__":
    main()
