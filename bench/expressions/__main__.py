"""`python -m bench.expressions`: our compiler beside jsonata-js (Node) and jlens, in one run.

Four styles of mapping over contacts, compiled once; each engine maps the same parsed JSON to objects, and
the results must be equal. Then the cost of compiling a mapping of 200 lines. Figures are the best of the
rounds, in microseconds of processor time a record (that a machine is busy says nothing about an engine).
Aims: at least 10 times jsonata-js and twice jlens as geometric mean, never below 4 and 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jlens
from tests.npm import JSONATA, NODE, install_packages

from bench.expressions.records import make_contacts
from isthmus.expressions import DIALECT, STANDARD, Expression
from isthmus.expressions.compiler.program import compile_tree
from isthmus.expressions.syntax import parse

HERE = Path(__file__).parent
STYLES = ("rename", "nested", "texts", "lookups")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seed", type=int, default=20_241_124)
    given = options.parse_args()
    records = make_contacts(given.records, given.seed)
    size = len(json.dumps(records)) // len(records)
    print(f"{given.records} contacts of about {size} bytes, seed {given.seed}, best of {given.rounds} rounds")
    with tempfile.TemporaryDirectory() as directory:
        theirs = measure_jsonata_js(Path(directory), records, given.rounds)
        print(f"{'style':10}{'ours µs':>10}{'jlens µs':>10}{'js µs':>10}{'× jlens':>10}{'× js':>10}  results")
        ratios = [
            measure_style(name, records, given.rounds, theirs.get(name), Path(directory)) for name in STYLES
        ]
    for at, (label, aim, floor) in enumerate((("jlens", 2, 1), ("jsonata-js", 10, 4))):
        found = [ratio for pair in ratios if (ratio := pair[at]) is not None]
        if found:
            mean = math.prod(found) ** (1 / len(found))
            print(f"{label}: geometric mean {mean:.1f}× (aim {aim}), lowest {min(found):.1f}× (aim {floor})")
    measure_compilation()
    return 0


def measure_jsonata_js(directory: Path, records: list[Any], rounds: int) -> dict[str, float]:
    """Runs jsonata-js; returns its seconds for each style. Its results are left as files in `directory`."""
    (directory / "records.json").write_text(json.dumps(records))
    mappings = [str(HERE / "mappings" / f"{name}.jsonata") for name in STYLES]
    command = [NODE, str(HERE / "peer.cjs"), str(install_packages(JSONATA))]
    command += [str(directory / "records.json"), str(directory)]
    lines = subprocess.run(
        [*command, str(rounds), *mappings], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return {found["style"]: found["seconds"] for found in map(json.loads, lines)}


def measure_fastest(
    rounds: int, engines: list[Callable[[Any], Any]], records: list[Any]
) -> tuple[list[float], list[list[Any]]]:
    """The fastest seconds and the results of each engine. They run in turn, so that a busy moment affects
    all."""
    fastest = [math.inf] * len(engines)
    results: list[list[Any]] = [[] for _ in engines]
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for at, evaluate in enumerate(engines):
            started = time.process_time()
            results[at] = [evaluate(record) for record in records]
            fastest[at] = min(fastest[at], time.process_time() - started)
    gc.unfreeze()
    return fastest, results


def measure_style(
    name: str, records: list[Any], rounds: int, theirs: float | None, directory: Path
) -> tuple[float, float | None]:
    text = (HERE / "mappings" / f"{name}.jsonata").read_text()
    engines = [Expression(text, STANDARD).evaluate, Expression(text, DIALECT).evaluate]
    (ours, dialect, rust), (results, same, others) = measure_fastest(
        rounds, [*engines, jlens.Expression(text).evaluate], records
    )
    equal = results == others == same
    if theirs is not None:
        equal = equal and results == json.loads((directory / f"{name}.json").read_text())
    micro = 1e6 / len(records)
    node = f"{theirs * micro:10.1f}" if theirs is not None else f"{'-':>10}"
    ratio = f"{theirs / ours:10.1f}" if theirs is not None else f"{'-':>10}"
    print(
        f"{name:10}{ours * micro:10.1f}{rust * micro:10.1f}{node}{rust / ours:10.1f}{ratio}"
        f"  {'equal' if equal else 'DIFFERENT'} (dialect {dialect * micro:.1f})"
    )
    return rust / ours, None if theirs is None else theirs / ours


def measure_compilation() -> None:
    """Prints how long a mapping of 200 lines takes to parse, and to generate and compile."""
    lines = [
        line
        for name in STYLES
        for line in (HERE / "mappings" / f"{name}.jsonata").read_text().splitlines()
        if line.startswith('  "') and line.endswith(",")
    ]
    fields = [
        line.rstrip(",").replace('"', f'"f{at}_', 1)
        for at, line in enumerate(lines * 5)
        if line.count("{") == line.count("}")
    ]
    text = "{\n" + ",\n".join(fields[:198]) + "\n}"
    parsing = generating = math.inf
    for _ in range(5):
        started = time.process_time()
        tree = parse(text)
        middle = time.process_time()
        compile_tree(tree, STANDARD)
        parsing = min(parsing, middle - started)
        generating = min(generating, time.process_time() - middle)
    print(
        f"mapping of {text.count(chr(10)) + 1} lines ({len(text)} characters): parse {parsing * 1e3:.1f} ms, "
        f"generate and compile {generating * 1e3:.1f} ms (aim 60 together)"
    )


if __name__ == "__main__":
    sys.exit(main())
