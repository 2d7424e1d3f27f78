"""How long `isthmus serve` takes until it is ready: the very first time, and with its data in place.

Beside it, in the same run: a bare Python with the web framework imported, as the floor of the machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.product import Product

from bench.figures import check_at_most, print_and_exit

WARM_STARTS = 5
FIRST_SECONDS = 10.0
WARM_SECONDS = 2.0


def _measure_start(folder: Path) -> float:
    product = Product(folder)
    began = time.monotonic()
    product.start()
    taken = time.monotonic() - began
    product.stop()
    return taken


def _measure_imports() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import fastapi, sqlalchemy, aiohttp"], check=True)
    return time.monotonic() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "isthmus"
        first = _measure_start(folder)
        floors, warm = [], []
        for _ in range(WARM_STARTS):
            floors.append(_measure_imports())
            warm.append(_measure_start(folder))
    floor = median(floors)
    print(f"importing the libraries alone: {floor:.2f} s; warm start {median(warm) / floor:.1f}x")
    print_and_exit(
        [
            check_at_most("ready, very first start", first, "s", FIRST_SECONDS, "bound", 1.0),
            check_at_most("ready, warm (median)", median(warm), "s", WARM_SECONDS, "bound", 1.0),
        ]
    )


if __name__ == "__main__":
    main()
