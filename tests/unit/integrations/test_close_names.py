"""Names that are not known, told with those that come near."""

from __future__ import annotations

import pytest

from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.unknown_names import check_resource_and_method

RESOURCES = {"tickets": {"methods": ["list", "get"]}, "open": {}}
PATHS = ("resource_name", "method_name")


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (("tickets", "get"), None),
        (("open", "anything"), None),
        (("tikets", "list"), ("resource_name", "must be a resource of desk: tickets", "unknown_resource")),
        (
            ("x", "y"),
            ("resource_name", "must be a resource of desk: open, tickets", "unknown_resource"),
        ),
        (("tickets", "gt"), ("method_name", "must be a method of tickets: list, get", "unknown_method")),
    ],
)
def test_a_cell_is_told_its_first_unknown_name(
    cell: tuple[str, str], told: tuple[str, str, str] | None
) -> None:
    failures = Failures()
    check_resource_and_method(failures, "desk", RESOURCES, cell, PATHS)
    entries = [(each["path"], each["message"], each["code"]) for each in failures.entries]
    assert entries == ([] if told is None else [told])
