"""In continuous integration nothing is skipped, but by name what needs a `../shared` that is not there.

Loaded with `-p tests.skips`. With `CI=true` any other skip fails.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator

import pytest

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

_ALLOWED = re.compile(r"shared\b.*\babsent", re.DOTALL)


def _complaint(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Why this report fails in continuous integration, or None."""
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return None
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if _ALLOWED.search(reason):
        return None
    return f"{report.nodeid} was skipped, and with CI=true nothing may be: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    complaint = _complaint(report)
    if complaint is not None:
        report.outcome = "failed"
        report.longrepr = complaint
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    complaint = _complaint(report)
    if complaint is not None:
        report.outcome = "failed"
        report.longrepr = complaint
    return report
