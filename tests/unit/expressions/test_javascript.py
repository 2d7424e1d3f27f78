"""JavaScript's rules for truth, numbers, sameness, lengths and the order of keys, at their edges."""

from __future__ import annotations

import math

import pytest

from isthmus.expressions import UNDEFINED, ExpressionError
from isthmus.expressions.javascript import (
    MAX_DATA_DEPTH,
    clamp_to_integer,
    convert_integral_to_int,
    count_utf16_units,
    enter_level,
    is_nil,
    is_number,
    is_same_value,
    is_truthy,
    join_within_limit,
    order_integer_keys_first,
    to_number,
)
from isthmus.expressions.limits import DEFAULT_OUTPUT_CHARS


@pytest.mark.parametrize("value", [None, UNDEFINED, False, "", 0, 0.0, -0.0, math.nan])
def test_values_that_are_false(value: object) -> None:
    assert not is_truthy(value)


@pytest.mark.parametrize("value", [True, " ", "0", 1, -1, 0.5, math.inf, [], {}])
def test_values_that_are_true(value: object) -> None:
    assert is_truthy(value)


def test_null_and_missing_are_nothing_and_booleans_are_no_numbers() -> None:
    assert [is_nil(value) for value in (None, UNDEFINED, 0, "", False)] == [True, True, False, False, False]
    assert [is_number(value) for value in (1, 1.5, math.nan, True, "1")] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1.0, True),
        (1, 2, False),
        (math.nan, float("nan"), True),
        (math.nan, 1, False),
        (1, math.nan, False),
        (1, True, False),
        (True, 1, False),
        (1, "1", False),
        ("aa", "".join(["a", "a"]), True),
        ("a", "b", False),
        (True, False, False),
        ([1], [1], False),
        ({}, {}, False),
    ],
)
def test_sameness(left: object, right: object, expected: bool) -> None:
    assert is_same_value(left, right) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Infinity", math.inf), (" +Infinity ", math.inf), ("-Infinity", -math.inf)]
    + [(text, "NaN") for text in ("+-Infinity", "--Infinity", "-+Infinity", "Infinity1", "+", "0x", "0xg")],
)
def test_numbers_of_text_without_end(text: str, expected: object) -> None:
    number = to_number(text)
    assert ("NaN" if math.isnan(number) else number) == expected


@pytest.mark.parametrize(
    ("number", "kind"), [(1e20, int), (-1e20, int), (1e21, float), (-1e21, float), (1.5, float), (3, int)]
)
def test_integral_numbers_below_1e21_are_integers(number: float, kind: type) -> None:
    converted = convert_integral_to_int(number)
    assert (converted, type(converted)) == (number, kind)


@pytest.mark.parametrize(
    ("value", "expected"), [(math.nan, 5), ("3", 5), (True, 5), (2.9, 2), (-1, 0), (9, 8), (math.inf, 8)]
)
def test_numbers_are_clamped_and_others_replaced(value: object, expected: int) -> None:
    assert clamp_to_integer(value, 5, 0, 8) == expected


@pytest.mark.parametrize(("text", "units"), [("ab", 2), ("é", 1), ("\uffff", 1), ("\U00010000é", 3)])
def test_lengths_count_utf16_units(text: str, units: int) -> None:
    assert count_utf16_units(text) == units


def test_keys_up_to_4294967294_come_first() -> None:
    keys = ["b", "4294967295", "01", "4294967294", "a", "2", "10", "0"]
    ordered = order_integer_keys_first((key, key) for key in keys)
    assert list(ordered) == ["0", "2", "10", "4294967294", "b", "4294967295", "01", "a"]


def test_data_is_walked_to_its_greatest_depth_and_no_further() -> None:
    assert enter_level(MAX_DATA_DEPTH - 1, "text") == MAX_DATA_DEPTH
    with pytest.raises(ExpressionError):
        enter_level(MAX_DATA_DEPTH, "text")


def test_joined_text_has_at_most_the_length_of_a_value() -> None:
    half = "a" * (DEFAULT_OUTPUT_CHARS // 2)
    assert len(join_within_limit("text", "", [half, half])) == 2 * len(half)
    with pytest.raises(ExpressionError):
        join_within_limit("text", "", [half, half, "aa"])
