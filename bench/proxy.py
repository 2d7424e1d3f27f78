"""Proxy calls against a minimal Starlette and httpx pass-through to the same upstream, in the same run.

Rounds alternate between the two, so that a neighbour's noise strikes both; the median of the rounds counts.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median

from bench.figures import check_at_least, check_at_most, print_and_exit
from bench.load import run_nginx, run_python_server, run_wrk
from bench.measured_product import PAGE, run_product

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        run_nginx(Path(folder) / "nginx", PAGE) as upstream,
        run_python_server("bench.passthrough:app", {**os.environ, "UPSTREAM": upstream}) as peer,
        run_product(Path(folder) / "isthmus", upstream) as (product, account, headers),
    ):
        ours = f"{product.url}/proxy/contacts?integrated_account_id={account}"
        unified = f"{product.url}/unified/crm/contacts?integrated_account_id={account}"
        theirs = f"{peer}/contacts"
        direct = f"{upstream}/contacts"
        for url in (ours, unified, theirs):
            run_wrk(url, connections=4, seconds=1, headers=headers)

        alone: dict[str, list[float]] = {"direct": [], "ours": [], "theirs": []}
        crowd: dict[str, list[float]] = {"direct": [], "ours": [], "theirs": [], "unified": []}
        for _ in range(ROUNDS):
            for name, url in (("direct", direct), ("theirs", theirs), ("ours", ours)):
                alone[name].append(run_wrk(url, connections=1, seconds=SECONDS, headers=headers).p50)
                crowd[name].append(run_wrk(url, connections=32, seconds=SECONDS, headers=headers).rate)
            crowd["unified"].append(run_wrk(unified, connections=32, seconds=SECONDS, headers=headers).rate)

    floor = median(alone["direct"])
    print(f"upstream alone: p50 {floor:.3f} ms at c=1, {median(crowd['direct']):.0f}/s at c=32")
    print(f"unified list of 20 mapped records: {median(crowd['unified']):.0f}/s at c=32")
    print_and_exit(
        [
            check_at_most(
                "added p50 at c=1",
                median(alone["ours"]) - floor,
                "ms",
                median(alone["theirs"]) - floor,
                "peer",
                2 / 3,
            ),
            check_at_least(
                "requests/s a process at c=32",
                median(crowd["ours"]),
                "/s",
                median(crowd["theirs"]),
                "peer",
                3.0,
            ),
        ]
    )


if __name__ == "__main__":
    main()
