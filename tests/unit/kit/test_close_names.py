"""Names that are not known, and those that come near."""

from __future__ import annotations

import pytest

from isthmus.kit.close_names import find_close_names, find_closest_name, find_name_ignoring_separator


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


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("bulk-create", "bulk-create"),
        ("bulk_create", "bulk-create"),
        ("find-by_tag", "find_by-tag"),
        ("run_all", "run_all"),
        ("run-all", "run-all"),
        ("list", None),
    ],
)
def test_either_separator_finds_a_name(written: str, found: str | None) -> None:
    known = ["bulk-create", "find_by-tag", "run-all", "run_all"]
    assert find_name_ignoring_separator(written, known) == found


def test_a_separator_that_fits_several_names_finds_none() -> None:
    assert find_name_ignoring_separator("a_b-c", ["a-b_c", "a-b-c"]) is None


def test_names_that_differ_in_case_alone_are_all_close_and_shown_as_they_are() -> None:
    assert find_close_names("PEOPLE", ["people", "People", "things"]) == ["People", "people"]


def test_a_name_that_is_too_long_to_be_misspelt_is_close_to_none() -> None:
    assert find_close_names("a" * 64, ["a" * 63]) == ["a" * 63]
    assert find_close_names("a" * 65, ["a" * 64]) == []
    assert find_closest_name("a" * 65, ["a" * 64]) is None
