"""Names that are not known, and those that come near."""

from __future__ import annotations

import pytest

from isthmus.kit.close_names import find_close_names, find_closest_name


def test_at_most_three_names_are_close_the_closest_first() -> None:
    known = ["lost", "lists", "list", "lest", "zebra", "list"]
    assert find_close_names("list", known)[0] == "list"
    assert len(find_close_names("list", known)) == 3
    assert find_close_names("quux", known) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [("curser", "cursor"), ("Page", "page"), ("OFFSET", "offset"), ("", None), ("scroll", None)],
)
def test_the_closest_name_is_one_that_may_have_been_mistyped(name: str, meant: str | None) -> None:
    assert find_closest_name(name, ["page", "cursor", "offset"]) == meant


def test_names_that_differ_in_case_alone_are_all_close_and_shown_as_they_are() -> None:
    assert find_close_names("PEOPLE", ["people", "People", "things"]) == ["People", "people"]
