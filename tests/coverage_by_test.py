"""A plugin of pytest that records which lines of `src/isthmus` each test reaches: `--coverage-by-test`.

What the processes that a test starts reach is not recorded. `python -m scripts.plant_faults` reads the file.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Final

import coverage
import pytest

__all__ = ["DATA_FILE"]

_ROOT: Final = Path(__file__).parents[1]
DATA_FILE: Final = _ROOT / ".cache" / "coverage-by-test" / "data"
"""The SQLite file of `coverage`; its contexts are the ids of the tests."""

_RECORDER: Final = pytest.StashKey[coverage.Coverage]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option `--coverage-by-test`."""
    parser.addoption(
        "--coverage-by-test", action="store_true", help="record the lines that each test reaches"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Starts recording in each process that runs tests; the controller of xdist runs none."""
    if not config.getoption("--coverage-by-test"):
        return
    worker = getattr(config, "workerinput", {}).get("workerid")
    is_controller = worker is None and bool(config.getoption("numprocesses", None))
    if worker is None:
        DATA_FILE.parent.mkdir(parents=True, exist_ok=True)
        for old in DATA_FILE.parent.glob(f"{DATA_FILE.name}*"):
            old.unlink()
    if not is_controller:
        recorder = coverage.Coverage(
            data_file=str(DATA_FILE),
            data_suffix=worker or "alone",
            source=[str(_ROOT / "src" / "isthmus")],
            concurrency=["greenlet", "thread"],
            config_file=False,
        )
        recorder.start()
        config.stash[_RECORDER] = recorder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Records which lines the test reaches."""
    recorder = item.config.stash.get(_RECORDER, None)
    if recorder is not None:
        recorder.switch_context(item.nodeid)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Saves what this process recorded; the last process to end joins the files of all."""
    recorder = config.stash.get(_RECORDER, None)
    if recorder is not None:
        recorder.stop()
        recorder.save()
    if config.getoption("--coverage-by-test") and not hasattr(config, "workerinput"):
        joined = coverage.Coverage(data_file=str(DATA_FILE), config_file=False)
        joined.combine(keep=False)
        joined.save()
