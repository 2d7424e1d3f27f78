from __future__ import annotations

from typing import Any

import pytest

from isthmus.engine.calls import NO_BODY, Call, read_call
from isthmus.engine.queries import ArrayFormat, parse, serialize
from isthmus.errors import BadRequest, NotExecutable


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
        ("x+y=a+b%2Bc", {"x y": "a b+c"}),
        ("a=%C3%BC&b=%FF", {"a": "ü", "b": "\ufffd"}),
        ("[a]=1&a]=2&a[=3&a[b=4", {"[a]": "1", "a]": "2", "a[": "3", "a[b": "4"}),
    ],
)
def test_every_clients_spelling_is_read(text: str, nested: Any) -> None:
    assert parse(text).nested == nested
    assert parse(text.encode()).nested == nested


def test_reading_is_bounded() -> None:
    with pytest.raises(BadRequest, match="2001 parameters"):
        parse("&".join(["a=1"] * 2001))
    with pytest.raises(BadRequest, match="9 levels"):
        parse("a" + "[b]" * 9 + "=1")


@pytest.mark.parametrize("form", ["comma", "brackets", "indices", "repeat"])
def test_what_is_written_reads_back(form: ArrayFormat) -> None:
    values = {
        "a": "x y&z=",
        "b": {"c": {"d": "1"}},
        "e": ["1", "2"],
        "f": [{"g": "h"}, {"g": "i"}],
        "ü[x]": "ä",
    }
    back = dict(parse(serialize(values, form)).nested)
    assert back.pop("ü") == {"x": "ä"}
    expected = {**values, "e": "1,2"} if form == "comma" else dict(values)
    del expected["ü[x]"]
    assert back == expected


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
    assert serialize(values) == "t=true&f=false&i=3&w=2&r=2.5&l=1&s=a,b"
    assert serialize({"e": []}, "comma") == ""
    assert serialize({"half": "\ud83d"}) == "half=%3F"


def test_platform_parameters_are_taken_out() -> None:
    call = read_call(
        "list",
        query_string="integrated_account_id=1&next_cursor=c&limit=5&truto_exclude_fields=a,b.c&remote_query[x]=1"
        "&truto_ignore_remote_data=true&truto_key_by=id&cursor=k&a[gt]=1",
    )
    assert call.query.nested == {"limit": "5", "cursor": "k", "a": {"gt": "1"}}
    assert (call.cursor, call.limit, call.remote_query) == ("c", 5, {"x": "1"})
    assert call.shaping.exclude_fields == ("a", "b.c")
    assert call.shaping.ignore_remote_data
    assert call.shaping.key_by == "id"


def test_a_bare_call_has_no_body_and_no_query() -> None:
    assert read_call("get", id="1") == Call(method="get", id="1")
    assert read_call("get").body is NO_BODY


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1000001", "limit"),
        ("limit=1&limit=2", "limit"),
        ("next_cursor=a&next_cursor=b", "next_cursor"),
        ("next_cursor=a&prev_cursor=b", "prev_cursor"),
        ("truto_response_format=xml", "truto_response_format"),
        ("remote_query=1", "remote_query"),
    ],
)
def test_a_malformed_platform_parameter_is_named(query: str, path: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_call("list", query_string=query)
    assert caught.value.details["failures"][0]["path"] == path


def test_a_parameter_that_is_not_executed_is_refused() -> None:
    with pytest.raises(NotExecutable, match="truto_super_query"):
        read_call("list", query_string="truto_super_query=wnam")
