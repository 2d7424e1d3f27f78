"""Plant small faults in `src/isthmus`, one at a time, and tell which of them the tests find.

    make coverage                                       # which lines each test reaches; once, on this code
    python -m scripts.plant_faults --seed 7 --count 40
    python -m scripts.plant_faults --seed 7 --only 12   # one of them again

The faults are drawn by the seed: a room by its lines, then a kind, then a place (`fault_kinds.py` has the
kinds). Each is tried in a copy of the checkout with the tests that reach its line, until one fails. The tests
that reach fewest lines come first.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import coverage
from scripts.fault_kinds import Fault, find_faults

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "src" / "isthmus"
COVERAGE: Final = ROOT / ".cache" / "coverage-by-test" / "data"
COPIED: Final = ("bench", "catalog", "docs", "scripts", "sdk", "src", "tests")
FIRST_TESTS: Final = 60
"""Of the tests that reach a line, so many are tried in a first, short run."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A drawn fault, to be planted. `path`: relative to the checkout."""

    number: int
    path: Path
    fault: Fault


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for a fault. `found_by`: the test that failed; None if all passed. `is_decided`: False if
    the time was over before. `tests`: how many reach the line."""

    planted: Planted
    found_by: str | None
    is_decided: bool
    tests: int
    seconds: float


def main() -> int:
    """Draws the faults and tries them in parallel. Returns the exit code: 0 if the tests found all of
    them."""
    options = _read_options()
    drawn = draw_faults(options.seed, options.count, options.room)
    if options.only is not None:
        drawn = [planted for planted in drawn if planted.number == options.only]
    print(f"{len(drawn)} faults, seed {options.seed}", flush=True)
    if options.list:
        for planted in drawn:
            print(_describe(planted))
        return 0
    reach = Reach(COVERAGE)
    with tempfile.TemporaryDirectory(prefix="isthmus-faults-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(options.jobs):
            copies.put(_copy_checkout(Path(folder) / f"copy-{number}"))

        def judge(planted: Planted) -> Verdict:
            """Tries one fault in a free copy of the checkout, and prints the result."""
            copy = copies.get()
            try:
                verdict = try_fault(planted, copy, reach.find_tests(planted), options.minutes * 60)
            finally:
                copies.put(copy)
            _report(verdict)
            return verdict

        with ThreadPoolExecutor(options.jobs) as threads:
            verdicts = list(threads.map(judge, drawn))
    return _summarize(verdicts)


def draw_faults(seed: int, count: int, only_room: str | None = None) -> list[Planted]:
    """Draws `count` faults, each of another place, numbered from 1; fewer if there are not so many places.

    `only_room`: None for all rooms.
    """
    generator = random.Random(seed)
    rooms: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0]
        if "migrations" not in path.parts and only_room in (None, room):
            rooms[room].append(path)
    if not rooms:
        raise SystemExit(f"{only_room} is no folder of {SOURCE.relative_to(ROOT)}")
    lines = [sum(len(path.read_text().splitlines()) for path in paths) for paths in rooms.values()]
    drawn: list[Planted] = []
    used_places: set[tuple[Path, int]] = set()
    places = {
        (path, fault.line)
        for paths in rooms.values()
        for faults in _group_by_kind(tuple(paths)).values()
        for path, fault in faults
    }
    while len(drawn) < min(count, len(places)):
        (room,) = generator.choices(list(rooms), weights=lines)
        by_kind = _group_by_kind(tuple(rooms[room]))
        if not by_kind:
            continue
        path, fault = generator.choice(by_kind[generator.choice(sorted(by_kind))])
        if (path, fault.line) not in used_places:
            used_places.add((path, fault.line))
            drawn.append(Planted(len(drawn) + 1, path.relative_to(ROOT), fault))
    return drawn


@cache
def _group_by_kind(paths: tuple[Path, ...]) -> dict[str, list[tuple[Path, Fault]]]:
    """Returns every fault that these files can have, with its file, by kind."""
    by_kind: dict[str, list[tuple[Path, Fault]]] = defaultdict(list)
    for path in paths:
        for fault in find_faults(path.read_text()):
            by_kind[fault.kind].append((path, fault))
    return by_kind


class Reach:
    """Which tests reach which lines, from a run with `--coverage-by-test`. Raises SystemExit without one."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            raise SystemExit(f"{file.relative_to(ROOT)} is missing. Run: make coverage")
        self._data = coverage.CoverageData(str(file))
        self._data.read()
        self._files = {Path(name).relative_to(ROOT): name for name in self._data.measured_files()}
        self._size: Counter[str] = Counter()
        for name in self._files.values():
            for tests in self._data.contexts_by_lineno(name).values():
                self._size.update(tests)

    def find_tests(self, planted: Planted) -> list[str]:
        """Returns the tests that reach the fault's line, those that reach fewest lines first; of a line that
        runs at import, and of one that no test reaches, those that reach its file."""
        name = self._files.get(planted.path)
        if name is None:
            return []
        by_line = self._data.contexts_by_lineno(name)
        end = planted.fault.line + planted.fault.before.count("\n")
        tests = {test for line in range(planted.fault.line, end + 1) for test in by_line.get(line, ())}
        if planted.fault.is_at_import or not tests - {""}:
            tests = {test for tests_of_line in by_line.values() for test in tests_of_line}
        return sorted(tests - {""}, key=lambda test: (self._size[test], test))


def try_fault(planted: Planted, copy: Path, tests: Sequence[str], seconds: float) -> Verdict:
    """Runs the tests on a copy with the fault in it, until one fails or the seconds are over."""
    started = time.monotonic()
    found_by, is_decided = None, True
    with _planted_in(copy, planted):
        for part in (tests[:FIRST_TESTS], tests[FIRST_TESTS:]):
            seconds_left = seconds - (time.monotonic() - started)
            if part and found_by is None:
                found_by, is_decided = _run_tests(copy, part, seconds_left)
    return Verdict(planted, found_by, is_decided, len(tests), time.monotonic() - started)


def _run_tests(copy: Path, tests: Sequence[str], seconds: float) -> tuple[str | None, bool]:
    """Runs the tests until one fails. Returns the line of the first that fails or None, and False if the time
    was over before."""
    ids = copy / "tests.txt"
    ids.write_text("\n".join(tests))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    try:
        ended = subprocess.run(
            [*command, "--matrix", f"@{ids}"],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=max(seconds, 1),
        )
    except subprocess.TimeoutExpired:
        return None, False
    if ended.returncode == 0:
        return None, True
    failed = [line for line in ended.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return (failed[0] if failed else ended.stdout[-400:]), True


@contextmanager
def _planted_in(copy: Path, planted: Planted) -> Iterator[None]:
    """Puts the fault into its file of the copy, and takes it out at the end."""
    file = copy / planted.path
    original_text = file.read_text()
    file.write_text(planted.fault.apply_to(original_text))
    try:
        yield
    finally:
        file.write_text(original_text)


def _copy_checkout(copy: Path) -> Path:
    """Copies the checkout to a new folder, and returns the folder. The virtual environment and caches are
    links."""
    copy.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, copy / file.name)
    for name in (".venv", ".cache"):
        (copy / name).symlink_to(ROOT / name)
    shared = ROOT.parent / "shared"
    if shared.exists() and not (copy.parent / "shared").exists():
        (copy.parent / "shared").symlink_to(shared)
    return copy


def _describe(planted: Planted) -> str:
    """Formats a fault: its kind, its place, and its line before and after."""
    fault = planted.fault
    before, after = (" ".join(text.split())[:160] for text in (fault.before, fault.after))
    return (
        f"{planted.number:3}  {fault.kind}: {planted.path}:{fault.line}\n       - {before}\n       + {after}"
    )


def _report(verdict: Verdict) -> None:
    """Prints a fault and its result."""
    if verdict.found_by is not None:
        result = f"found: {verdict.found_by[:160]}"
    else:
        result = "SURVIVED" if verdict.is_decided else "NOT DECIDED in time"
    print(
        f"{_describe(verdict.planted)}\n       {result} ({verdict.tests} tests, {verdict.seconds:.0f} s)",
        flush=True,
    )


def _summarize(verdicts: Sequence[Verdict]) -> int:
    """Prints how many faults were found, by kind. Returns the exit code."""
    found_verdicts = [verdict for verdict in verdicts if verdict.found_by is not None]
    kinds = Counter(verdict.planted.fault.kind for verdict in verdicts)
    found_kinds = Counter(verdict.planted.fault.kind for verdict in found_verdicts)
    for kind, count in sorted(kinds.items()):
        print(f"{found_kinds[kind]:3} of {count:3}  {kind}")
    print(f"{len(found_verdicts)} of {len(verdicts)} found")
    return 0 if len(found_verdicts) == len(verdicts) else 1


def _read_options() -> argparse.Namespace:
    """Parses the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--room", help="a folder of src/isthmus; else all of them, by their lines")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="try one of the drawn faults")
    parser.add_argument("--list", action="store_true", help="print the drawn faults and try none")
    parser.add_argument("--jobs", type=int, default=2, help="faults tried at the same time")
    parser.add_argument("--minutes", type=float, default=12, help="for one fault")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
