from __future__ import annotations

from typing import Any

import pytest
from tests.unit.api.test_incoming_request import request

from isthmus.api.call_parsing import (
    parse_account_id,
    parse_call,
    parse_node_call,
    read_data_call,
    wants_explanation,
)
from isthmus.api.incoming_request import IncomingRequest
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest
from isthmus.expressions.host import Blob


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


def test_super_query_is_refused_for_an_account_without_it() -> None:
    with pytest.raises(BadRequest, match="has no SuperQuery: its features") as caught:
        parse_call("list", query=parse_query("truto_super_query=wnam"))
    assert caught.value.details["failures"][0]["path"] == "truto_super_query"


@pytest.mark.parametrize(("text", "limit"), [("1", 1), ("1000000", 1_000_000), ("", None), ("007", 7)])
def test_a_limit_may_be_as_large_as_is_allowed(text: str, limit: int | None) -> None:
    assert parse_call("list", query=parse_query(f"limit={text}")).limit == limit


@pytest.mark.parametrize(
    "parameter",
    [
        "truto_key_by",
        "truto_body_passthrough",
        "truto_response_format",
        "isthmus_explain",
        "isthmus_repeat_unknown",
    ],
)
def test_a_parameter_of_requests_alone_is_not_for_a_node(parameter: str) -> None:
    with pytest.raises(BadRequest, match=f"{parameter} is not for a node") as caught:
        parse_node_call("n", "list", id=None, query={parameter: "true"}, body=NO_BODY)
    assert caught.value.details["failures"][0]["path"] == f"n.query.{parameter}"


@pytest.mark.parametrize("name", ["truto_limit", "isthmus_x", "truto_"])
def test_an_unknown_parameter_of_the_platform_is_named(name: str) -> None:
    with pytest.raises(BadRequest, match="is not a parameter of this API") as caught:
        parse_call("list", query=parse_query(f"{name}=1&a=2"))
    assert [each["path"] for each in caught.value.details["failures"]] == [name]


@pytest.mark.parametrize(
    ("id", "kept"), [("1", {"a": "2"}), ("2", {"a": "2", "id": "1"}), (None, {"a": "2", "id": "1"})]
)
def test_an_id_in_the_query_is_dropped_where_it_repeats_that_of_the_path(
    id: str | None, kept: dict[str, str]
) -> None:
    call = parse_call("get", id=id, query=parse_query("id=1&a=2"))
    assert call.query.nested == kept
    assert dict(call.query.pairs) == kept


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("isthmus_explain=true", True),
        ("isthmus_explain=1", True),
        ("isthmus_explain=TRUE", True),
        ("isthmus_explain=false", False),
        ("isthmus_explain=0", False),
        ("isthmus_explain=", False),
        ("isthmus_explain", False),
        ("a=isthmus_explain", False),
        ("", False),
    ],
)
def test_a_plan_is_wanted_where_the_parameter_is_true(query: str, wanted: bool) -> None:
    assert wants_explanation(_request(query.encode())) == wanted


def test_a_plan_is_asked_for_in_no_other_word() -> None:
    with pytest.raises(BadRequest, match="isthmus_explain must be one of true, 1, false, 0"):
        wants_explanation(_request(b"isthmus_explain=yes"))


def _request(query: bytes) -> IncomingRequest:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"method": "GET", "query_string": query, "headers": []}
    return IncomingRequest(scope, receive, ("proxy", "tickets"), "request-1", 1_000)


@pytest.mark.parametrize("query", ["", "integrated_account_id=", "other=1"])
def test_a_call_names_its_account(query: str) -> None:
    with pytest.raises(BadRequest, match="integrated_account_id is missing"):
        parse_account_id(parse_query(query))
    assert parse_account_id(parse_query("integrated_account_id=a")) == "a"
    with pytest.raises(BadRequest, match="more than once"):
        parse_account_id(parse_query("integrated_account_id=a&integrated_account_id=b"))


@pytest.mark.parametrize(
    ("content_type", "raw", "body"),
    [
        ("application/json", b"[1]", [1]),
        ("application/vnd.x+json", b"[1]", [1]),
        ("text/plain", b"[1]", [1]),
        ("text/csv", b"[1]", Blob(b"[1]", "text/csv")),
        ("text/csv", b" \n", NO_BODY),
        ("multipart/form-data; boundary=b", b"", NO_BODY),
    ],
)
async def test_a_body_is_json_or_a_file_by_its_type_and_blanks_are_none(
    content_type: str, raw: bytes, body: Any
) -> None:
    call = await read_data_call(request([raw], headers={"content-type": content_type}), "create", None)
    assert (type(call.body), call.body) == (type(body), body)


async def test_a_form_is_no_body_that_can_be_mapped() -> None:
    sent = request([b"a=1"], headers={"content-type": "application/x-www-form-urlencoded"})
    with pytest.raises(BadRequest, match="truto_body_passthrough"):
        await read_data_call(sent, "create", None)
