from __future__ import annotations

import pytest

from isthmus.api.call_parsing import parse_call
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest, NotExecutable


def test_platform_parameters_are_taken_out() -> None:
    call = parse_call(
        "list",
        query=parse_query(
            "integrated_account_id=1&next_cursor=c&limit=5&truto_exclude_fields=a,b.c&remote_query[x]=1"
            "&truto_ignore_remote_data=true&truto_key_by=id&cursor=k&a[gt]=1"
        ),
    )
    assert call.query.nested == {"limit": "5", "cursor": "k", "a": {"gt": "1"}}
    assert (call.cursor, call.limit, call.remote_query) == ("c", 5, {"x": "1"})
    assert call.response_options.exclude_fields == ("a", "b.c")
    assert call.response_options.ignore_remote_data
    assert call.response_options.key_by == "id"


def test_a_bare_call_has_no_body_and_no_query() -> None:
    assert parse_call("get", id="1") == Call(method="get", id="1")
    assert parse_call("get").body is NO_BODY


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
        parse_call("list", query=parse_query(query))
    assert caught.value.details["failures"][0]["path"] == path


def test_a_parameter_that_is_not_executed_is_refused() -> None:
    with pytest.raises(NotExecutable, match="truto_super_query"):
        parse_call("list", query=parse_query("truto_super_query=wnam"))
