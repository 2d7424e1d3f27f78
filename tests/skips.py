"""Hooks of pytest: a test may skip only for shared files that are absent. Any other skip is a failure."""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

_ALLOWED = re.compile(r"shared\b.*\babsent", re.DOTALL)


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turns a skip into a failure, unless its reason names absent shared files."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not _ALLOWED.search(reason):
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid} was skipped, and nothing may be but for absent shared files: {reason}"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skip that is not allowed into a failure."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turns a skip of a module that is not allowed into a failure."""
    report = yield
    _refuse_skip(report)
    return report
