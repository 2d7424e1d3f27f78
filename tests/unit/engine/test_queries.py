from __future__ import annotations

from typing import Any

import pytest

from isthmus.engine.queries import (
    ArrayFormat,
    format_scalar,
    parse_query,
    parse_whole_number,
    serialize_query,
)
from isthmus.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "nested"),
    [
        ("", {}),
        ("&&", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a[b]=c", {"a": {"b": "c"}}),
        ("a%5Bb%5D=c&a[d]=e", {"a": {"b": "c", "d": "e"}}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("a[0]=x&a[1]=y", {"a": ["x", "y"]}),
        ("a[1]=y&a[0]=x", {"a": ["x", "y"]}),
        ("a[]=x&a[]=y", {"a": ["x", "y"]}),
        ("a[]=x", {"a": ["x"]}),
        ("a=x&a=y&a=z", {"a": ["x", "y", "z"]}),
        ("a[b][]=x&a[b][]=y", {"a": {"b": ["x", "y"]}}),
        ("a[b]=x&a[b]=y", {"a": {"b": ["x", "y"]}}),
        ("a[0][b]=1&a[1][b]=2", {"a": [{"b": "1"}, {"b": "2"}]}),
        ("by[117]=x", {"by": {"117": "x"}}),
        ("a=1&a[b]=2", {"a": ["1", {"b": "2"}]}),
        ("a[b]=2&a=1", {"a": [{"b": "2"}, "1"]}),
        ("a=1&a[b]=2&a[c]=3", {"a": ["1", {"b": "2", "c": "3"}]}),
        ("a=1&a=2&a[b]=3", {"a": ["1", "2", {"b": "3"}]}),
        ("x+y=a+b%2Bc", {"x y": "a b+c"}),
        ("a=%C3%BC&b=%FF", {"a": "ü", "b": "\ufffd"}),
        ("[a]=1&a]=2&a[=3&a[b=4", {"[a]": "1", "a]": "2", "a[": "3", "a[b": "4"}),
    ],
)
def test_every_clients_spelling_is_read(text: str, nested: Any) -> None:
    assert parse_query(text).nested == nested
    assert parse_query(text.encode()).nested == nested


def test_reading_is_bounded() -> None:
    assert len(parse_query("&".join(["a=1"] * 2000)).pairs) == 2000
    assert "a" in parse_query("a" + "[b]" * 8 + "=1").nested
    with pytest.raises(BadRequest, match="2001 parameters"):
        parse_query("&".join(["a=1"] * 2001))
    with pytest.raises(BadRequest, match="9 levels"):
        parse_query("a" + "[b]" * 9 + "=1")


def test_a_query_of_up_to_512_characters_is_read_once() -> None:
    longest = "a=" + "x" * 510
    assert parse_query(longest) is parse_query(longest)
    assert parse_query(longest + "x") is not parse_query(longest + "x")


@pytest.mark.parametrize("form", ["comma", "brackets", "indices", "repeat"])
def test_what_is_written_reads_back(form: ArrayFormat) -> None:
    values = {
        "a": "x y&z=",
        "b": {"c": {"d": "1"}},
        "e": ["1", "2"],
        "f": [{"g": "h"}, {"g": "i"}],
        "ü[x]": "ä",
    }
    back = dict(parse_query(serialize_query(values, form)).nested)
    assert back.pop("ü") == {"x": "ä"}
    expected = {**values, "e": "1,2"} if form == "comma" else dict(values)
    del expected["ü[x]"]
    assert back == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (1e20, "100000000000000000000"),
        (-1e20, "-100000000000000000000"),
        (1e21, "1e+21"),
        (-1e21, "-1e+21"),
        (float("inf"), "inf"),
        (0.5, "0.5"),
    ],
)
def test_a_scalar_has_one_text(value: Any, text: str) -> None:
    assert format_scalar(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (7.0, 7),
        (7.5, None),
        (True, None),
        (" 7 ", 7),
        ("9" * 15, int("9" * 15)),
        ("9" * 16, None),
        ("-1", None),
        ("", None),
        ("٣", None),
        (None, None),
    ],
)
def test_a_whole_number_is_read_from_numbers_and_digits(value: Any, number: int | None) -> None:
    assert parse_whole_number(value) == number


def test_values_are_written_as_providers_expect_them() -> None:
    values = {
        "t": True,
        "f": False,
        "n": None,
        "i": 3,
        "w": 2.0,
        "r": 2.5,
        "l": [None, 1],
        "e": [],
        "s": "a,b",
    }
    assert serialize_query(values) == "t=true&f=false&i=3&w=2&r=2.5&l=1&s=a,b"
    assert serialize_query({"e": []}, "comma") == ""
    assert serialize_query({"half": "\ud83d"}) == "half=%3F"
