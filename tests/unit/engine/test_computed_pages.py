"""Pages by `Range` headers and by expressions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import UnifiedResource, load_mapping
from isthmus.engine import proxy, unified
from isthmus.engine.calls import ListResult
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest, MappingFailed, RemoteError
from isthmus.http.messages import HttpResponse

Rows = list[dict[str, int]]


async def _page(
    upstream: MemoryUpstream, pagination: dict[str, Any], query: str = "", **method: Any
) -> ListResult:
    config = integration({"list": {"path": "/rows", "pagination": pagination, **method}})
    result = await proxy.call_method(upstream, config, "things", parse_call("list", query=parse_query(query)))
    assert isinstance(result, ListResult)
    return result


def _ranged(rows: Rows, content_range: str | None, status: int = 206) -> HttpResponse:
    headers = {} if content_range is None else {"content_range": content_range}
    return answer(rows, status, **headers)


class TestRange:
    @pytest.mark.parametrize(
        ("query", "config", "sent"),
        [
            ("", {}, "items=0-99"),
            ("limit=10", {}, "items=0-9"),
            ("limit=10&next_cursor=20", {"range_unit": "rows"}, "rows=20-29"),
            ("limit=500", {"max_limit": 50, "default_limit": 5}, "items=0-49"),
            ("", {"default_limit": 5}, "items=0-4"),
        ],
    )
    async def test_the_range_is_sent(self, query: str, config: dict[str, Any], sent: str) -> None:
        upstream = MemoryUpstream([_ranged([{"n": 1}], "items 0-0/1")])
        await _page(upstream, {"format": "range", "config": config}, query)
        assert upstream.request.headers["Range"] == sent
        assert upstream.query == []

    @pytest.mark.parametrize(
        ("content_range", "following"),
        [
            ("items 0-1/5", "2"),
            ("items 0-1/2", None),
            ("items 0-1/*", "2"),
            ("items 0-0/*", None),
            ("items 0-0/5", "1"),
            (None, None),
            ("nonsense", None),
        ],
    )
    async def test_the_answer_says_whether_more_follows(
        self, content_range: str | None, following: str | None
    ) -> None:
        upstream = MemoryUpstream([_ranged([{"n": 0}, {"n": 1}], content_range)])
        page = await _page(upstream, {"format": "range"}, "limit=2")
        assert (page.next_cursor, page.prev_cursor) == (following, None)

    async def test_the_end_is_an_empty_page_and_no_error(self) -> None:
        upstream = MemoryUpstream([answer("", 416, "text/plain", content_range="items */4")])
        page = await _page(upstream, {"format": "range"}, "limit=2&next_cursor=4")
        assert (page.records, page.next_cursor, page.prev_cursor) == ([], None, "2")

    async def test_a_416_of_another_format_is_an_error(self) -> None:
        with pytest.raises(RemoteError):
            await _page(MemoryUpstream([answer({}, 416)]), {"format": "page", "config": {}})

    async def test_a_cursor_that_is_no_number_is_refused(self) -> None:
        with pytest.raises(BadRequest, match="next_cursor"):
            await _page(MemoryUpstream([]), {"format": "range"}, "next_cursor=abc")


SPEC_EXAMPLE = {
    "get_initial_pagination_values_expression": "{ 'from': $firstNonEmpty(query.cursor, '0') }",
    "get_pagination_values_expression": "$count(body.rows) > 0 ? { 'from': body.rows[-1].seq } : null",
    "get_cursor_from_response_expression": "$string(body.rows[-1].seq)",
}


def _dynamic(**config: str) -> dict[str, Any]:
    return {"format": "dynamic", "config": config}


class TestDynamic:
    async def test_a_walk_carries_its_values_in_the_cursor(self) -> None:
        pages = [{"rows": [{"seq": 4}, {"seq": 9}]}, {"rows": [{"seq": 12}]}, {"rows": []}]
        upstream = MemoryUpstream([answer(page) for page in pages])
        spec = _dynamic(**SPEC_EXAMPLE)
        first = await _page(upstream, spec, response_path="rows")
        assert upstream.query == [("from", "0")]
        second = await _page(upstream, spec, f"next_cursor={first.next_cursor}", response_path="rows")
        assert upstream.query == [("from", "9")]
        third = await _page(upstream, spec, f"next_cursor={second.next_cursor}", response_path="rows")
        assert upstream.query == [("from", "12")]
        assert (third.records, third.next_cursor) == ([], None)

    async def test_a_callers_own_cursor_starts_the_walk_there(self) -> None:
        upstream = MemoryUpstream([answer({"rows": []})])
        await _page(upstream, _dynamic(**SPEC_EXAMPLE), "next_cursor=77")
        assert upstream.query == [("from", "77")]

    async def test_without_next_values_the_cursor_is_handed_out_as_it_is(self) -> None:
        upstream = MemoryUpstream([answer({"after": 5}), answer({"after": 5})])
        spec = _dynamic(
            get_initial_pagination_values_expression="{'after': query.cursor}",
            get_cursor_from_response_expression="body.after",
        )
        assert (await _page(upstream, spec)).next_cursor == "5"
        assert (await _page(upstream, spec, "next_cursor=5")).next_cursor is None  # it leads to itself
        assert upstream.query == [("after", "5")]

    @pytest.mark.parametrize("said", ["null", "undefined", "''", "false"])
    async def test_either_expression_ends_the_walk(self, said: str) -> None:
        spec = _dynamic(get_pagination_values_expression="{'p': 1}", get_cursor_from_response_expression=said)
        assert (await _page(MemoryUpstream([answer({})]), spec)).next_cursor is None
        spec = _dynamic(get_pagination_values_expression=said, get_cursor_from_response_expression="'x'")
        assert (await _page(MemoryUpstream([answer({})]), spec)).next_cursor is None
        assert (await _page(MemoryUpstream([answer({})]), _dynamic())).next_cursor is None

    async def test_values_reach_each_part_of_the_request(self) -> None:
        upstream = MemoryUpstream([answer([])])
        values = (
            "{'query': {'q': 1}, 'body': {'b': 2}, 'path': '/other', 'plain': query.limit,"
            " 'headers': {'X-Page': 3, 'Host': 'evil', 'Authorization': 'x'}}"
        )
        spec = _dynamic(get_initial_pagination_values_expression=values)
        await _page(upstream, spec, "limit=5", method="post", body={"a": 1})
        assert upstream.request.url == "https://api.acme.test/v1/other?limit=5&q=1&plain=5"
        assert upstream.body == {"a": 1, "b": 2}
        assert upstream.request.headers["X-Page"] == "3"
        assert "Host" not in upstream.request.headers
        assert upstream.request.headers["Authorization"] == "Bearer k"

    async def test_no_header_of_the_connection_or_of_the_credentials_is_computed(self) -> None:
        names = "authorization connection content-length cookie host te transfer-encoding upgrade x-page"
        headers = json.dumps(dict.fromkeys(names.split(), "v"))
        upstream = MemoryUpstream([answer([])])
        await _page(upstream, _dynamic(get_initial_pagination_values_expression=f"{{'headers': {headers}}}"))
        assert upstream.request.headers == {"x-page": "v", "Authorization": "Bearer k"}

    async def test_parameters_go_where_the_query_goes(self) -> None:
        spec = _dynamic(get_initial_pagination_values_expression="{'p': 1}")
        upstream = MemoryUpstream([answer([]), answer([])])
        await _page(upstream, spec, "a=1", method="post", add_query_to_body=True)
        assert (upstream.query, upstream.body) == ([], {"a": "1", "p": 1})
        await _page(upstream, spec, "a=1", method="post", paginate_in_body=True)
        assert (upstream.query, upstream.body) == ([("a", "1")], {"p": 1})

    async def test_dotted_names_lead_into_the_body_they_go_to(self) -> None:
        spec = _dynamic(get_initial_pagination_values_expression="{'query': {'variables.after': 'c'}}")
        upstream, body = MemoryUpstream([answer([])]), {"variables": {"first": 5}}
        await _page(upstream, spec, method="post", body=body, paginate_in_body=True)
        assert (upstream.query, upstream.body) == ([], {"variables": {"first": 5, "after": "c"}})

    async def test_a_next_address_replaces_the_url_and_keeps_its_own_parameters(self) -> None:
        pages = [{"next": "https://api.acme.test/v1/rows?page=2&size=9", "rows": [1]}, {}]
        upstream = MemoryUpstream([answer(page) for page in pages])
        spec = _dynamic(get_pagination_values_expression="body.next ? {'url': body.next}")
        page = await _page(upstream, spec, response_path="rows")
        assert page.next_cursor
        await _page(upstream, spec, f"size=3&x=1&next_cursor={page.next_cursor}")
        assert upstream.request.url == "https://api.acme.test/v1/rows?page=2&size=9&x=1"

    async def test_a_next_address_elsewhere_is_refused(self) -> None:
        spec = _dynamic(get_initial_pagination_values_expression="{'url': 'https://evil.test/'}")
        with pytest.raises(BadRequest, match="another origin"):
            await _page(MemoryUpstream([]), spec)

    async def test_expressions_see_what_was_sent_and_answered(self) -> None:
        upstream = MemoryUpstream([answer({"a": 1}, x_next="z")])
        seen = (
            "{'v': [url, requestOptions.method, requestOptions.query.from, paginationValues.from,"
            " response.statusCode, response.headers.`x-next`, response.body.a, body.a, query.mine]}"
        )
        spec = _dynamic(
            get_initial_pagination_values_expression="{'from': 7}",
            get_pagination_values_expression=seen,
        )
        page = await _page(upstream, spec, "mine=m")
        assert page.next_cursor
        following = MemoryUpstream([answer({})])
        await _page(following, spec, f"next_cursor={page.next_cursor}")
        assert [value for _, value in following.query] == [
            "https://api.acme.test/v1/rows", "GET", "7", "7", "200", "z", "1", "1", "m",
        ]  # fmt: skip

    async def test_an_expression_that_gives_no_object_is_told(self) -> None:
        with pytest.raises(MappingFailed, match="get_initial_pagination_values_expression must return"):
            await _page(MemoryUpstream([]), _dynamic(get_initial_pagination_values_expression="5"))

    async def test_a_mapping_sees_the_cursor_that_was_computed_and_not_the_token(self) -> None:
        upstream = MemoryUpstream([answer({"rows": [{"seq": 4}]}), answer({"rows": [{"seq": 5}]})])
        config = integration(
            {"list": {"path": "/rows", "response_path": "rows", "pagination": _dynamic(**SPEC_EXAMPLE)}}
        )
        mapping = load_mapping({"resource": "things", "query_mapping": "{'seen': query.cursor}"})
        target = unified.UnifiedTarget("m", "r", UnifiedResource.model_validate({"schema": {}}))
        first = await unified.call_method(upstream, config, target, mapping, parse_call("list"))
        assert isinstance(first, ListResult)
        call = parse_call("list", query=parse_query(f"next_cursor={first.next_cursor}"))
        await unified.call_method(upstream, config, target, mapping, call)
        assert upstream.query == [("seen", "4"), ("from", "4")]


async def test_no_body_is_sent_after_the_first_page_where_the_method_says_so() -> None:
    upstream = MemoryUpstream([answer({"rows": [{"seq": 4}]}), answer({"rows": []})])
    method: dict[str, Any] = {"method": "post", "body": {"a": 1}, "ignore_body_in_pagination": True}
    page = await _page(upstream, _dynamic(**SPEC_EXAMPLE), **method)
    assert upstream.body == {"a": 1}
    await _page(upstream, _dynamic(**SPEC_EXAMPLE), f"next_cursor={page.next_cursor}", **method)
    assert upstream.request.body is None
