"""What a call does because an expression reads a name, or gives a key, hangs on its tree: a comment, a longer
name and text that is data change nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.mapped_calls import listed, records_of, value_of
from tests.unit.engine.upstreams import MemoryUpstream, answer

from isthmus.api.call_parsing import parse_call
from isthmus.engine.calls import Call
from isthmus.errors import BadRequest


@pytest.mark.parametrize(
    ("mapping", "page"),
    [
        ("{'page': $number(query.cursor) + 10}", 12),
        ("{'page': $number($lookup(query, 'next_cursor')) + 10}", 12),
        ("{'page': $number(query.cursor ? query.cursor : '1') + 10} /* the page */", 12),
        ("{'page': 10} /* the cursor is put in */", 2),
        ("{'page': 10, 'color': query.cursor_color}", 2),
        ("{'page': 10, 'order': 'cursor'}", 2),
    ],
)
async def test_a_page_is_kept_only_by_a_body_mapping_that_reads_the_cursor(mapping: str, page: int) -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    method = {
        "path": "/find",
        "method": "post",
        "paginate_in_body": True,
        "pagination": {"format": "page", "config": {"limit_param": "size"}},
    }
    given = {"request_body_mapping": mapping}
    await listed(upstream, given, "next_cursor=2&cursor_color=red", methods={"list": method})
    assert upstream.body["page"] == page


@pytest.mark.parametrize(
    ("mapping", "sent"),
    [
        ("{'name': body.name, 'more': body.remote_data.extra}", {"name": "n", "more": 1}),
        ("{'name': body.name} /* remote_data is laid under it */", {"name": "n", "extra": 1}),
        ("{'name': body.name, 'kind': body.remote_data_kind}", {"name": "n", "extra": 1}),
        ("{'name': body.name, 'from': 'remote_data'}", {"name": "n", "from": "remote_data", "extra": 1}),
    ],
)
async def test_further_fields_are_sent_unless_the_body_mapping_reads_them(mapping: str, sent: Any) -> None:
    upstream = MemoryUpstream([answer({})])
    call = Call(method="create", body={"name": "n", "remote_data": {"extra": 1}})
    await value_of(upstream, {"request_body_mapping": mapping}, call)
    assert upstream.body == sent


@pytest.mark.parametrize(
    ("mapping", "is_taken"),
    [
        ("{'result': response.items.{'id': no}, 'next_cursor': response.more}", True),
        ("response.items.{'id': no} /* without a next_cursor */", False),
        ("response.items.{'id': no, 'next_cursors': response.more}", False),
        ("response.items.{'id': no, 'how': 'next_cursor'}", False),
    ],
)
async def test_a_cursor_is_taken_where_the_mapping_of_the_answer_gives_some(
    mapping: str, is_taken: bool
) -> None:
    upstream = MemoryUpstream([answer({"items": [{"no": 1}]})])
    given = {"response_mapping": mapping}
    methods = {"list": {"path": "/things"}}
    if is_taken:
        assert (await listed(upstream, given, "next_cursor=m2", methods=methods)).records
        return
    with pytest.raises(BadRequest, match="only one page"):
        await listed(upstream, given, "next_cursor=m2", methods=methods)


@pytest.mark.parametrize(
    ("mapping", "is_taken"),
    [
        ("{'result': response.items.{'id': no}, 'prev_cursor': response.before}", True),
        ("response.items.{'id': no} /* no prev_cursor */", False),
    ],
)
async def test_a_way_back_is_taken_where_the_mapping_of_the_answer_gives_one(
    mapping: str, is_taken: bool
) -> None:
    upstream = MemoryUpstream([answer({"items": [{"no": 1}]})])
    pages = {"format": "cursor", "config": {"cursor_path": "more"}}
    given, methods = {"response_mapping": mapping}, {"list": {"path": "/things", "pagination": pages}}
    if is_taken:
        assert (await listed(upstream, given, "prev_cursor=m1", methods=methods)).records
        return
    with pytest.raises(BadRequest, match="cannot go back"):
        await listed(upstream, given, "prev_cursor=m1", methods=methods)


@pytest.mark.parametrize(
    ("mapping", "beside"),
    [
        ("{'all': response, 'status': response.statusCode}", {"statusCode"}),
        ("{'all': response} /* without body, headers and statusCode */", set()),
        ("{'all': response, 'html': response.body_html}", set()),
        ("{'all': response, 'reads': 'headers'}", set()),
    ],
)
async def test_an_answer_has_beside_its_data_only_what_the_mapping_reads(
    mapping: str, beside: set[str]
) -> None:
    upstream = MemoryUpstream([answer({"no": 1, "body_html": "<b>"})])
    value = await value_of(upstream, {"response_mapping": mapping}, parse_call("get", id="1"))
    assert value["all"].keys() == {"no", "body_html"} | beside


@pytest.mark.parametrize(
    "path", ["data.items", "/* the records */ data . items", "$.data.items", "$$.data.items"]
)
async def test_a_path_of_names_is_one_however_it_is_written(path: str) -> None:
    upstream = MemoryUpstream([answer({"data": {"items": {"inner": [{"no": 1}], "no": 0}}})])
    methods = {"list": {"path": "/things", "response_path": path}}
    records = await records_of(upstream, {"response_mapping": "response.inner.{'id': no}"}, methods=methods)
    assert [record["id"] for record in records] == [1]
