"""Selects how much of the suite a run takes.

Without options (`make test`): tests that ask for a database get SQLite; each case of those marked
`both_databases` gets SQLite or PostgreSQL, drawn by a seed; walks are drawn by the seed, from the cases of a
test or, with `walk(of="file")` or `walk(of="folder")`, from those of its file or folder; tests marked
`matrix` are left out. With `--matrix` (`make matrix`): everything, on both databases, walks in full.
`ISTHMUS_SEED` repeats what an earlier run drew.
"""

from __future__ import annotations

import gc
import math
import os
import random
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import pytest

__all__ = [
    "IN_FULL",
    "Walk",
    "examples",
    "pytest_addoption",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_generate_tests",
    "pytest_report_header",
    "pytest_terminal_summary",
    "pytest_xdist_auto_num_workers",
    "seed",
    "walk",
]

T = TypeVar("T")

_DATABASES: Final = ("sqlite", "postgresql")
_SHARE: Final = 0.1
_MATRIX_SECONDS: Final = 900
"""The time limit of a test in a run with `--matrix`; without it `pyproject.toml` has the limit."""
_PROOF_SECONDS: Final = 7_200
_MIN_EXAMPLES: Final = 8
_FIRST: Final = ("tests/integration/connect/", "tests/faults/")
_WORKERS_PER_PROCESSOR: Final = 2
"""Half of the time of a test passes while it waits for a browser, a process or a database."""
_SEED: Final = pytest.StashKey[str]()


class _Run:
    """What modules of tests may ask while they are imported."""

    is_in_full = False


_run: Final = _Run()


class Walk:
    """Draws from the cases of one test: the same for the same seed, in whichever worker the test runs."""

    def __init__(self, seed: str | None, test: str) -> None:
        """`seed`: None for a walk in full."""
        self._random = None if seed is None else random.Random(f"{seed}:{test}")

    def draw(self, cases: Iterable[T], *, share: float = _SHARE, at_least: int = 1) -> list[T]:
        """Draws a share of the cases, in their order; returns all of them if the walk is in full."""
        all_cases = list(cases)
        if self._random is None:
            return all_cases
        count = min(len(all_cases), max(at_least, math.ceil(len(all_cases) * share)))
        return [all_cases[index] for index in sorted(self._random.sample(range(len(all_cases)), count))]


IN_FULL: Final = Walk(None, "")


def examples(count: int) -> int:
    """Returns how many examples Hypothesis makes of a test that makes `count` with `--matrix`."""
    return count if _run.is_in_full else max(_MIN_EXAMPLES, count // 5)


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """The seed of the run, for a test that generates its cases."""
    return int(pytestconfig.stash[_SEED])


@pytest.fixture
def walk(request: pytest.FixtureRequest) -> Walk:
    """For a test that walks over many cases by itself."""
    return _walk(request.config, request.node.nodeid)


def _walk(config: pytest.Config, test: str) -> Walk:
    """Makes the walk of a test. `test`: its id."""
    return Walk(None if config.getoption("matrix") else config.stash[_SEED], test)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option `--matrix`."""
    parser.addoption("--matrix", action="store_true", help="everything: both databases, walks in full")


@pytest.hookimpl(tryfirst=True)  # before Hypothesis reads its seed
def pytest_configure(config: pytest.Config) -> None:
    """Chooses the seed of the run; a worker takes the seed of its run. Raises UsageError for a seed that is
    no number."""
    requested_seed = getattr(config, "workerinput", {}).get("isthmus_seed") or os.environ.get("ISTHMUS_SEED")
    if requested_seed and not requested_seed.isdigit():
        raise pytest.UsageError(f"ISTHMUS_SEED is {requested_seed!r} and has to be a number")
    seed = config.stash[_SEED] = requested_seed or str(secrets.randbelow(1_000_000))
    _run.is_in_full = bool(config.getoption("matrix"))
    if getattr(config.option, "hypothesis_seed", "") is None:
        config.option.hypothesis_seed = seed
        _set_up_hypothesis()


def _set_up_hypothesis() -> None:
    """Sets no deadline: many tests share the machine, and a first example compiles what the others reuse."""
    from hypothesis import settings

    settings.register_profile("suite", deadline=None, max_examples=examples(100))
    settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hands the seed to a worker of pytest-xdist."""
    node.workerinput["isthmus_seed"] = node.config.stash[_SEED]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """How many workers `-n auto` gives; None leaves it to the variable of pytest-xdist."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) * _WORKERS_PER_PROCESSOR


def pytest_report_header(config: pytest.Config) -> str:
    """Returns the line with the seed."""
    return f"drawn by ISTHMUS_SEED={config.stash[_SEED]}" + (
        ", walks in full" if config.getoption("matrix") else ""
    )


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Prints the seed after failures."""
    if exitstatus == pytest.ExitCode.TESTS_FAILED:
        terminalreporter.write_line(f"ISTHMUS_SEED={config.stash[_SEED]} draws the same cases again")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives a test that asks for a database its databases, unless it names them itself."""
    if "backend" not in metafunc.fixturenames or _names_backend(metafunc.definition):
        return
    on_both = metafunc.config.getoption("matrix") or metafunc.definition.get_closest_marker("both_databases")
    metafunc.parametrize("backend", _DATABASES if on_both else _DATABASES[:1], indirect=True)


def _names_backend(item: pytest.Item) -> bool:
    """Returns True if the test names its databases itself."""
    return any("backend" in mark.args[0] for mark in item.iter_markers("parametrize"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what a run without `--matrix` does not take. Tests that the command line names, and long
    proofs, always run.

    Gives the long proofs, and every test of a run with `--matrix`, a longer time limit. Puts the longest
    tests first, so that no worker is left alone with them at the end.
    """
    items.sort(key=lambda item: not _is_long(item))
    for item in items:
        if item.get_closest_marker("faults") or item.get_closest_marker("acceptance"):
            item.add_marker(pytest.mark.timeout(_PROOF_SECONDS))
        elif config.getoption("matrix"):
            item.add_marker(pytest.mark.timeout(_MATRIX_SECONDS))
    if config.getoption("matrix"):
        return
    walks: dict[str, list[pytest.Item]] = {}
    left_out = set(_draw_databases(config, items))
    for item in items:
        if _is_named(config.args, item) or item.get_closest_marker("faults"):
            continue
        if item in left_out:
            continue
        if item.get_closest_marker("matrix"):
            left_out.add(item)
        elif item.get_closest_marker("walk"):
            walks.setdefault(_name_walk(item), []).append(item)
    for name, cases in walks.items():
        share = _get_walk_mark(cases[0]).kwargs["share"]
        left_out.update(set(cases) - set(_walk(config, name).draw(cases, share=share)))
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def _is_long(item: pytest.Item) -> bool:
    """Returns True if the test is of those that take seconds."""
    return item.nodeid.startswith(_FIRST) or item.get_closest_marker("walk") is not None


def _name_walk(item: pytest.Item) -> str:
    """Returns the folder, file or test whose cases are drawn together."""
    match _get_walk_mark(item).kwargs.get("of", "test"):
        case "folder":
            return item.path.parent.relative_to(item.config.rootpath).as_posix()
        case "file":
            return item.nodeid.partition("::")[0]
        case _:
            return item.nodeid.partition("[")[0]


def _get_walk_mark(item: pytest.Item) -> pytest.Mark:
    mark = item.get_closest_marker("walk")
    assert mark is not None
    return mark


def pytest_collection_finish() -> None:
    """Spares the garbage collector the modules and cases of the suite, which last as long as the run."""
    gc.collect()
    gc.freeze()


def _draw_databases(config: pytest.Config, items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Yields, of each case that could run on both databases, the one on the database that is not drawn."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        mark = item.get_closest_marker("both_databases")
        if mark is None or item.get_closest_marker("faults"):
            continue
        if not _is_named(config.args, item):
            case = re.sub("|".join(_DATABASES), "database", item.nodeid)
            cases.setdefault(case, []).append(item)
    for case, both in cases.items():
        (drawn,) = _walk(config, case).draw(both, share=0)
        yield from (item for item in both if item is not drawn)


def _is_named(arguments: Sequence[str], item: pytest.Item) -> bool:
    """Returns True if an argument of the command line is the id of this test."""
    return any("::" in argument and item.nodeid.startswith(argument) for argument in arguments)
