from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.engine import proxy
from isthmus.engine.calls import ListResult
from isthmus.engine.method_plans import plan_method
from isthmus.engine.pagination.provider_cursors import parse_link_header, seal_address
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest, MappingFailed, UpstreamInvalid
from isthmus.http.messages import HttpRequest, HttpResponse

NONE = (None, None)


def _token(path: str) -> str:
    """As it is issued to the account of `MemoryUpstream`, whose key is empty."""
    return seal_address(f"https://api.acme.test{path}", b"")


def _forged(path: str) -> str:
    """What anybody can write."""
    return base64.urlsafe_b64encode(path.encode()).rstrip(b"=").decode()


def _rows(count: int, **body: Any) -> HttpResponse:
    return answer({"rows": [{"n": number} for number in range(count)], **body})


async def _page(
    upstream: MemoryUpstream, pages: Any, query: str = "", **method: Any
) -> tuple[list[Any], str | None, str | None]:
    config = integration({"list": {"path": "/things", "response_path": "rows", **method}}, pagination=pages)
    result = await proxy.call_method(upstream, config, "things", parse_call("list", query=parse_query(query)))
    assert isinstance(result, ListResult)
    assert isinstance(result.records, list)
    return result.records, result.next_cursor, result.prev_cursor


def _pages(format: str, **config: Any) -> dict[str, Any]:
    return {"format": format, "config": config}


@pytest.mark.parametrize(
    ("config", "query", "response", "sent", "cursors"),
    [
        ({}, "", _rows(2), [("page", "1")], ("2", None)),
        ({}, "", _rows(0), [("page", "1")], NONE),
        ({}, "limit=2", _rows(2), [("page", "1"), ("per_page", "2")], ("2", None)),
        ({}, "limit=3", _rows(2), [("page", "1"), ("per_page", "3")], NONE),
        ({}, "next_cursor=3&limit=2", _rows(2), [("page", "3"), ("per_page", "2")], ("4", "2")),
        ({}, "prev_cursor=2", _rows(2), [("page", "2")], ("3", "1")),
        ({"start_page": 0}, "", _rows(1), [("page", "0")], ("1", None)),
        ({"start_page": 0}, "next_cursor=1", _rows(0), [("page", "1")], (None, "0")),
        (
            {"total_pages_path": "last"},
            "limit=9",
            _rows(1, last=2),
            [("page", "1"), ("per_page", "9")],
            ("2", None),
        ),
        ({"total_pages_path": "last"}, "next_cursor=2", _rows(5, last="2"), [("page", "2")], (None, "1")),
        (
            {"default_limit": 5, "max_limit": 10},
            "",
            _rows(5),
            [("page", "1"), ("per_page", "5")],
            ("2", None),
        ),
        ({"max_limit": 3}, "limit=50", _rows(3), [("page", "1"), ("per_page", "3")], ("2", None)),
        ({"page_param": "p", "limit_param": "s"}, "limit=2", _rows(2), [("p", "1"), ("s", "2")], ("2", None)),
        ({"limit_param": None}, "limit=9", _rows(1), [("limit", "9"), ("page", "1")], ("2", None)),
        ({}, "page=4&per_page=1", _rows(1), [("page", "4"), ("per_page", "1")], ("5", "3")),
        ({}, "page=4&next_cursor=6", _rows(1), [("page", "6")], ("7", "5")),
    ],
)
async def test_page(config: Any, query: str, response: HttpResponse, sent: Any, cursors: Any) -> None:
    upstream = MemoryUpstream([response])
    _, *found = await _page(upstream, _pages("page", **config), query)
    assert upstream.query == sent
    assert tuple(found) == cursors


@pytest.mark.parametrize(
    ("config", "query", "response", "sent", "cursors"),
    [
        ({}, "", _rows(2), [("offset", "0")], ("2", None)),
        ({}, "limit=2", _rows(2), [("offset", "0"), ("limit", "2")], ("2", None)),
        ({}, "limit=3", _rows(2), [("offset", "0"), ("limit", "3")], NONE),
        ({}, "next_cursor=4&limit=2", _rows(2), [("offset", "4"), ("limit", "2")], ("6", "2")),
        ({}, "next_cursor=1&limit=2", _rows(2), [("offset", "1"), ("limit", "2")], ("3", "0")),
        (
            {"total_path": "total"},
            "limit=9",
            _rows(2, total=3),
            [("offset", "0"), ("limit", "9")],
            ("2", None),
        ),
        ({"total_path": "total"}, "next_cursor=2", _rows(1, total=3), [("offset", "2")], (None, "1")),
        ({"total_path": "total"}, "next_cursor=2", _rows(0, total=9), [("offset", "2")], (None, "2")),
        ({"start_offset": 1, "offset_param": "start"}, "", _rows(2), [("start", "1")], ("3", None)),
    ],
)
async def test_offset(config: Any, query: str, response: HttpResponse, sent: Any, cursors: Any) -> None:
    upstream = MemoryUpstream([response])
    _, *found = await _page(upstream, _pages("offset", **config), query)
    assert upstream.query == sent
    assert tuple(found) == cursors


@pytest.mark.parametrize(
    ("config", "query", "response", "sent", "cursors"),
    [
        ({}, "", _rows(1, meta={"next": "c2"}), [], ("c2", None)),
        ({}, "next_cursor=", _rows(1, meta={"next": 7}), [], ("7", None)),
        ({}, "next_cursor=c&limit=3", _rows(1, meta={"next": None}), [("cursor", "c"), ("limit", "3")], NONE),
        ({}, "cursor=c2", _rows(1), [("cursor", "c2")], NONE),
        ({}, "", _rows(1, meta={"next": ""}), [], NONE),
        ({}, "", _rows(1, meta={"next": False}), [], NONE),
        ({}, "", _rows(1, meta={"next": 0}), [], ("0", None)),
        ({}, "next_cursor=c2", _rows(0, meta={"next": "c2"}), [("cursor", "c2")], NONE),
        ({"has_more_path": "more"}, "", _rows(1, meta={"next": "c"}, more=False), [], NONE),
        ({"has_more_path": "more"}, "", _rows(1, meta={"next": "c"}, more=True), [], ("c", None)),
        ({"prev_cursor_path": "meta.back"}, "", _rows(1, meta={"next": "n", "back": "b"}), [], ("n", "b")),
        (
            {"cursor_param": "after", "limit_param": "size", "max_limit": 2},
            "next_cursor=x&limit=9",
            _rows(1),
            [("after", "x"), ("size", "2")],
            NONE,
        ),
        ({}, "", _rows(1, meta={"next": "https://api.acme.test/v1/x?a=1"}), [], (_token("/v1/x?a=1"), None)),
    ],
)
async def test_cursor(config: Any, query: str, response: HttpResponse, sent: Any, cursors: Any) -> None:
    upstream = MemoryUpstream([response])
    _, *found = await _page(upstream, _pages("cursor", **{"cursor_path": "meta.next", **config}), query)
    assert upstream.query == sent
    assert tuple(found) == cursors


@pytest.mark.parametrize(
    ("format", "config", "field"),
    [
        ("cursor", {"cursor_path": "$match(meta.next, /x/)"}, "cursor_path"),
        ("cursor", {"cursor_path": "n", "prev_cursor_path": "$match(meta.next, /x/)"}, "prev_cursor_path"),
        ("cursor", {"cursor_path": "n", "has_more_path": "$match(meta.next, /x/)"}, "has_more_path"),
        ("page", {"total_pages_path": "$match(meta.next, /x/)"}, "total_pages_path"),
        ("offset", {"total_path": "$match(meta.next, /x/)"}, "total_path"),
        (
            "dynamic",
            {"get_cursor_from_response_expression": "$match(body.meta.next, /x/)"},
            "get_cursor_from_response_expression",
        ),
    ],
)
async def test_an_expression_of_a_pagination_that_fails_is_told_by_its_field(
    format: str, config: Any, field: str
) -> None:
    upstream = MemoryUpstream([_rows(1, meta={"next": None})])
    with pytest.raises(MappingFailed) as caught:
        await _page(upstream, _pages(format, **config))
    field = f"pagination.config.{field}"
    assert caught.value.message.startswith(
        f"The expression of {field} failed at position 7 (T0410): argument 1 of $match must be a string. "
    )
    assert caught.value.details == {"field": field, "expression_position": 7, "code": "T0410"}


async def test_an_expression_of_a_pagination_path_that_fails_is_told_by_its_field() -> None:
    upstream = MemoryUpstream([_rows(1, meta={"next": None})])
    with pytest.raises(MappingFailed, match=r"resources\.things\.list\.pagination_path failed at position 7"):
        await _page(upstream, _pages("cursor", cursor_path="n"), pagination_path="$match(meta.next, /x/)")


async def test_a_page_with_records_that_leads_to_itself_is_no_end_of_the_list() -> None:
    pages = _pages("cursor", cursor_path="next")
    with pytest.raises(UpstreamInvalid, match="page leads to itself"):
        await _page(MemoryUpstream([_rows(1, next="c")]), pages, "next_cursor=c")
    link = '</v1/things?after=x>; rel="next"'
    cursor = f"next_cursor={_token('/v1/things?after=x')}"
    with pytest.raises(UpstreamInvalid, match="page leads to itself"):
        await _page(MemoryUpstream([answer({"rows": [{}]}, link=link)]), _pages("link_header"), cursor)
    empty = await _page(MemoryUpstream([answer({"rows": []}, link=link)]), _pages("link_header"), cursor)
    assert empty == ([], None, None)


async def test_an_address_as_cursor_is_followed_as_it_stands() -> None:
    upstream = MemoryUpstream([_rows(1)])
    token = _token("/v1/things?after=x&n=1")
    await _page(upstream, _pages("cursor", cursor_path="next"), f"next_cursor={token}&limit=5&a=1")
    assert upstream.request.url == "https://api.acme.test/v1/things?after=x&n=1"


@pytest.mark.parametrize("cursor", [_forged("/v1/things?after=x"), _forged("/etc"), "L3Yx.L3Yx"])
async def test_a_providers_own_cursor_is_never_taken_for_an_address(cursor: str) -> None:
    upstream = MemoryUpstream([_rows(1)])
    await _page(upstream, _pages("cursor", cursor_path="next"), f"next_cursor={cursor}")
    assert upstream.request.url == f"https://api.acme.test/v1/things?cursor={cursor}"


async def test_an_address_of_one_account_is_none_for_another() -> None:
    token = seal_address("https://api.acme.test/v1/things?page=2", b"another account's")
    with pytest.raises(BadRequest, match="not a cursor of this list"):
        await _page(MemoryUpstream([]), _pages("link_header"), f"next_cursor={token}")


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        (_pages("cursor", cursor_path="next"), "its cursor pagination names no prev_cursor_path"),
        (_pages("dynamic"), "dynamic pagination only goes forward"),
    ],
)
async def test_a_list_that_cannot_go_back_refuses_to(pages: Any, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason) as caught:
        await _page(MemoryUpstream([]), pages, "prev_cursor=x")
    assert caught.value.details["failures"][0]["path"] == "prev_cursor"


async def test_a_list_that_names_its_way_back_takes_it() -> None:
    upstream = MemoryUpstream([_rows(1)])
    await _page(upstream, _pages("cursor", cursor_path="next", prev_cursor_path="back"), "prev_cursor=b")
    assert upstream.query == [("cursor", "b")]


async def test_a_cursor_that_is_an_object_is_a_fault_of_the_definition() -> None:
    with pytest.raises(UpstreamInvalid, match=r"no cursor at meta, but a whole object"):
        await _page(MemoryUpstream([_rows(1, meta={"a": 1})]), _pages("cursor", cursor_path="meta"))


async def test_link_header_pages_are_opaque_and_replace_path_and_query() -> None:
    link = '<https://api.acme.test/v1/things?page=2&q=a%20b>; rel="next", </v1/things?page=9>; rel="last"'
    back = '<https://api.acme.test/v1/things?page=1>; rel="prev"'
    upstream = MemoryUpstream([answer([1], link=link), answer([2], link=back)])
    config = integration(
        {"list": {"path": "/things"}}, pagination=_pages("link_header", limit_param="n"), query={"fixed": "1"}
    )
    first = await proxy.call_method(
        upstream, config, "things", parse_call("list", query=parse_query("limit=1"))
    )
    assert isinstance(first, ListResult)
    assert upstream.query == [("fixed", "1"), ("n", "1")]
    assert first.next_cursor == _token("/v1/things?page=2&q=a%20b")
    following = parse_call("list", query=parse_query(f"limit=1&next_cursor={first.next_cursor}"))
    second = await proxy.call_method(upstream, config, "things", following)
    assert isinstance(second, ListResult)
    assert upstream.request.url == "https://api.acme.test/v1/things?page=2&q=a%20b"
    assert (second.next_cursor, second.prev_cursor) == (None, _token("/v1/things?page=1"))


async def test_a_cursor_does_not_show_the_key_that_a_provider_repeats_in_its_address() -> None:
    upstream = MemoryUpstream([answer([], link='</v1/things?page=2&key=hush-é>; rel="next"'), answer([1])])
    config = integration({"list": {"path": "/things"}}, pagination=_pages("link_header"))
    result = await proxy.call_method(
        upstream, config, "things", parse_call("list", query=parse_query("limit=1"))
    )
    assert isinstance(result, ListResult)
    assert upstream.request.url == "https://api.acme.test/v1/things?page=2&key=hush-%C3%A9"
    token = _token("/v1/things?page=2&key=hush")
    padded = token + "=" * (-len(token) % 4)
    assert b"hush" not in base64.urlsafe_b64decode(padded)


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense!",
        _token("//evil.test/x"),
        _forged("/v1/things?page=2"),
        _token("/v1/things?page=2")[:-1],
        "%2F%2F",
    ],
)
async def test_a_cursor_never_leads_to_another_origin(cursor: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await _page(MemoryUpstream([]), _pages("link_header"), f"next_cursor={cursor}")
    assert caught.value.details["failures"][0]["code"] == "bad_cursor"


@pytest.mark.parametrize("pages", [_pages("page"), _pages("offset")])
@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 40])
async def test_a_numeric_cursor_has_to_be_a_number(pages: Any, cursor: str) -> None:
    with pytest.raises(BadRequest, match="not a cursor of this list"):
        await _page(MemoryUpstream([]), pages, f"next_cursor={cursor}")


async def test_a_list_of_one_page_refuses_a_cursor_and_forwards_what_it_does_not_know() -> None:
    upstream = MemoryUpstream([_rows(1)])
    with pytest.raises(BadRequest, match="only one page"):
        await _page(upstream, None, "next_cursor=x")
    assert await _page(upstream, None, "cursor=x&limit=5") == ([{"n": 0}], None, None)
    assert upstream.query == [("cursor", "x"), ("limit", "5")]


@pytest.mark.parametrize(
    ("name", "is_paged"),
    [
        ("list", True),
        ("search", True),
        ("get", False),
        ("create", False),
        ("update", False),
        ("delete", False),
    ],
)
def test_pagination_of_the_integration_is_for_lists_and_custom_methods(name: str, is_paged: bool) -> None:
    config = integration({name: {"path": "/things"}}, pagination=_pages("page"))
    assert (plan_method(config, "things", name).paginator is not None) is is_paged
    own = integration({name: {"path": "/things", "pagination": _pages("page")}})
    assert plan_method(own, "things", name).paginator is not None


async def test_a_method_may_switch_pagination_off() -> None:
    upstream = MemoryUpstream([_rows(1)])
    await _page(upstream, _pages("page"), pagination=None)
    assert upstream.query == []


def _walk(pages: list[HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Pages by the number in `page=`."""

    def respond(request: HttpRequest) -> HttpResponse:
        return pages[int(request.url.rpartition("page=")[2]) - 1]

    return respond


async def test_empty_pages_that_go_on_are_fetched_forward() -> None:
    pages = [_rows(0, last=4), _rows(0, last=4), _rows(2, last=4), _rows(1, last=4)]
    upstream = MemoryUpstream(_walk(pages))
    records, following, _ = await _page(upstream, _pages("page", total_pages_path="last"))
    assert (len(records), following, len(upstream.sent)) == (2, "4", 3)


async def test_an_empty_end_is_an_empty_page_without_a_cursor() -> None:
    upstream = MemoryUpstream(_walk([_rows(0, last=2), _rows(0, last=2)]))
    assert await _page(upstream, _pages("page", total_pages_path="last")) == ([], None, "1")


async def test_fetching_forward_is_bounded() -> None:
    upstream = MemoryUpstream(lambda request: _rows(0, last=1000))
    records, following, _ = await _page(upstream, _pages("page", total_pages_path="last"))
    assert (records, following, len(upstream.sent)) == ([], "22", 21)


async def test_pagination_can_go_into_the_body_and_later_pages_can_go_without_one() -> None:
    upstream = MemoryUpstream([_rows(1, next="c"), _rows(1)])
    method: dict[str, Any] = {
        "method": "post",
        "path": "/search",
        "body": {"q": "x"},
        "paginate_in_body": True,
    }
    pages = _pages("cursor", cursor_path="next")
    await _page(upstream, pages, "limit=2", **method)
    assert (upstream.body, upstream.query) == ({"q": "x", "limit": 2}, [])
    await _page(upstream, pages, "next_cursor=c", **method)
    assert upstream.body == {"q": "x", "cursor": "c"}
    upstream = MemoryUpstream([_rows(1, next="c"), _rows(1)])
    method = {"method": "post", "body": {"q": "x"}, "ignore_body_in_pagination": True}
    await _page(upstream, pages, **method)
    assert upstream.body == {"q": "x"}
    await _page(upstream, pages, "next_cursor=c", **method)
    assert upstream.request.body is None


async def test_a_dotted_parameter_leads_into_objects_of_the_body() -> None:
    upstream = MemoryUpstream([_rows(1, next="c"), _rows(1), _rows(1)])
    method: dict[str, Any] = {
        "method": "post",
        "body": {"query": "{ rows }", "variables": {"filter": {"a": "{{query.a:int}}"}}},
        "paginate_in_body": True,
    }
    names = {"cursor_param": "variables.after", "limit_param": "variables.first"}
    pages = _pages("cursor", cursor_path="next", **names)
    await _page(upstream, pages, "a=1&limit=2", **method)
    variables: dict[str, Any] = {"filter": {"a": 1}, "first": 2}
    assert upstream.body == {"query": "{ rows }", "variables": variables}
    await _page(upstream, pages, "a=1&limit=2&next_cursor=c", **method)
    assert upstream.body == {"query": "{ rows }", "variables": {**variables, "after": "c"}}
    await _page(upstream, pages, "next_cursor=c", method="post", paginate_in_body=True)
    assert upstream.body == {"variables": {"after": "c"}}


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", {"page": 3, "per_page": 10}),
        ("limit=5", {"page": 3, "per_page": 5}),
        ("next_cursor=4", {"page": 4, "per_page": 10}),
    ],
)
async def test_a_page_in_the_callers_body_holds_as_one_in_the_query_does(
    query: str, body: dict[str, Any]
) -> None:
    upstream = MemoryUpstream([_rows(1)])
    method = {"method": "post", "path": "/things", "response_path": "rows", "paginate_in_body": True}
    config = integration({"list": method}, pagination=_pages("page", default_limit=50))
    call = parse_call("list", query=parse_query(query), body={"page": 3, "per_page": 10})
    await proxy.call_method(upstream, config, "things", call)
    assert upstream.body == body


@pytest.mark.parametrize("body", [[1], "text"])
async def test_a_body_without_room_for_its_page_is_refused(body: Any) -> None:
    upstream = MemoryUpstream([])
    method = {"method": "post", "path": "/things", "paginate_in_body": True, "body_format": "raw"}
    config = integration({"list": method}, pagination=_pages("page"))
    with pytest.raises(BadRequest, match="must be an object, because this list puts its page into it"):
        await proxy.call_method(upstream, config, "things", parse_call("list", body=body))


@pytest.mark.parametrize("bytes_", [b"", b"{}", b"x"])
async def test_bytes_that_pass_through_are_the_first_page_and_no_other(bytes_: bytes) -> None:
    upstream = MemoryUpstream([_rows(1)])
    method = {"method": "post", "path": "/things", "response_path": "rows", "paginate_in_body": True}
    config = integration({"list": method}, pagination=_pages("page", default_limit=1))
    query = "truto_body_passthrough=true"
    await proxy.call_method(
        upstream, config, "things", parse_call("list", query=parse_query(query), raw_body=bytes_)
    )
    assert upstream.request.body == bytes_
    later = parse_call("list", query=parse_query(f"{query}&next_cursor=2"), raw_body=bytes_)
    with pytest.raises(BadRequest, match="bytes that are passed through cannot be paged"):
        await proxy.call_method(upstream, config, "things", later)
    assert len(upstream.sent) == 1


async def test_pagination_path_is_a_path_of_later_pages_or_a_place_in_the_body() -> None:
    upstream = MemoryUpstream([_rows(1, next="c"), _rows(1), _rows(1, meta={"next": "d"})])
    pages = _pages("cursor", cursor_path="next")
    await _page(upstream, pages, pagination_path="/things/next/{{query.next_cursor}}")
    assert upstream.request.url == "https://api.acme.test/v1/things"
    await _page(upstream, pages, "next_cursor=c", pagination_path="/things/next/{{query.next_cursor}}")
    assert upstream.request.url.startswith("https://api.acme.test/v1/things/next/c")
    _, following, _ = await _page(upstream, pages, pagination_path="meta")
    assert following == "d"


@pytest.mark.parametrize(
    ("header", "targets"),
    [
        ('<a>; rel="next"', {"next": "a"}),
        ("<a>; rel=next, <b>; rel=prev", {"next": "a", "prev": "b"}),
        ('<a,b;c>; title="x, <z>; rel=next"; rel="previous next"', {"prev": "a,b;c", "next": "a,b;c"}),
        ("<a>;REL=NEXT", {"next": "a"}),
        ("<a>; rel=next, <b>; rel=next", {"next": "a"}),
        ("<a>", {}),
        ("garbage", {}),
        ("<" * 60_000 + '<a>; rel="next"', {"next": "a"}),
        ('<a>; title="' + "x" * 60_000, {}),
        ("", {}),
    ],
)
def test_link_headers_are_read_as_the_standard_has_them(header: str, targets: dict[str, str]) -> None:
    assert parse_link_header(header) == targets
