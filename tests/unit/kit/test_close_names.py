"""Names that are not known, and those that come near."""

from __future__ import annotations

import pytest

from isthmus.kit.close_names import close_to, closest


def test_at_most_three_names_are_close_the_closest_first() -> None:
    known = ["lost", "lists", "list", "lest", "zebra", "list"]
    assert close_to("list", known)[0] == "list"
    assert len(close_to("list", known)) == 3
    assert close_to("quux", known) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [("curser", "cursor"), ("Page", "page"), ("OFFSET", "offset"), ("", None), ("scroll", None)],
)
def test_the_closest_name_is_one_that_may_have_been_mistyped(name: str, meant: str | None) -> None:
    assert closest(name, ["page", "cursor", "offset"]) == meant


def test_names_that_differ_in_case_alone_are_all_close_and_shown_as_they_are() -> None:
    assert close_to("PEOPLE", ["people", "People", "things"]) == ["People", "people"]
