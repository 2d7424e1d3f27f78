"""Lists keep their form: of one record, of none, through XML, through arrays on the way."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import UnifiedResource, load_mapping
from isthmus.engine import unified
from isthmus.engine.calls import ListResult, ValueResult
from isthmus.engine.queries import parse_query
from isthmus.engine.unified import UnifiedTarget
from isthmus.errors import UpstreamInvalid
from isthmus.http.messages import HttpResponse

BY_ITEM = {"response_mapping_method": "item", "response_mapping": "{'id': $string(response.id)}"}
MARKED = [{"id": 1, "labels": [{"n": "a"}, {"n": "b"}]}, {"id": 2, "labels": [{"n": "c"}]}]


async def _mapped(found: HttpResponse, mapping: dict[str, Any], call: str = "list", **method: Any) -> Any:
    path, verb = "/things", "get" if call in ("list", "get") else "post"
    config = integration({call: {"path": path, "method": verb, **method}})
    target = UnifiedTarget("crm", "things", UnifiedResource.model_validate({}))
    name, _, query = call.partition("?")
    asked = parse_call(name, id="1" if name == "get" else None, query=parse_query(query))
    return await unified.call_method(MemoryUpstream([found]), config, target, load_mapping(mapping), asked)


class _Page(NamedTuple):
    records: list[Any]
    next_cursor: str | None


async def _page(found: HttpResponse, mapping: dict[str, Any], **method: Any) -> _Page:
    page = await _mapped(found, mapping, **method)
    assert isinstance(page, ListResult)
    assert isinstance(page.records, list)
    return _Page(page.records, page.next_cursor)


async def _value(found: HttpResponse, mapping: dict[str, Any], call: str) -> Any:
    result = await _mapped(found, mapping, call)
    assert isinstance(result, ValueResult)
    return result.body


@pytest.mark.parametrize("nodes", [MARKED, MARKED[:1], []])
@pytest.mark.parametrize("mapping", [BY_ITEM, {"response_mapping": "response.{'id': $string(id)}"}])
async def test_a_record_reached_through_an_array_is_no_holder_of_records(
    nodes: list[Any], mapping: dict[str, Any]
) -> None:
    body = {"data": {"edges": [{"node": node} for node in nodes]}}
    page = await _page(answer(body), mapping, response_path="data.edges.node")
    assert page.records == [{"id": str(node["id"]), "remote_data": node} for node in nodes]


async def test_what_names_alone_lead_to_may_hold_the_records() -> None:
    page = await _page(answer({"data-set": {"rows": MARKED}}), BY_ITEM, response_path="`data-set`")
    assert [record["id"] for record in page.records] == ["1", "2"]


CURSORS = {
    "response_path": "rows",
    "pagination": {"format": "cursor", "config": {"cursor_param": "c", "cursor_path": "next"}},
}
PAGES = {"format": "page", "config": {"default_limit": 2}}


@pytest.mark.parametrize(
    "path", ["$", "$$", "$.items", "$.data", "data", "data[0]", "$.data[0]", "data.{'rows': items}"]
)
async def test_a_wrapper_is_no_record_however_the_path_to_it_is_written(path: str) -> None:
    wrapper = {"items": MARKED}
    body = wrapper if path in ("$", "$$", "$.items") else {"data": [wrapper] if "[" in path else wrapper}
    page = await _page(answer(body), BY_ITEM, response_path=path, pagination=PAGES)
    assert ([record["id"] for record in page.records], page.next_cursor) == (["1", "2"], "2")


@pytest.mark.parametrize("path", ["$.data.edges.node", "data.edges.node", "data.edges[node.id > 0].node"])
async def test_one_record_stays_one(path: str) -> None:
    record = {"id": 1, "labels": []} if "[" not in path else {"id": 1}
    page = await _page(answer({"data": {"edges": [{"node": record}]}}), BY_ITEM, response_path=path)
    assert page.records == [{"id": "1", "remote_data": record}]


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_a_list_in_xml_has_as_many_records_as_it_has_elements(count: int) -> None:
    element = "<row><id>{}</id><cf><n>a</n></cf><cf><n>b</n></cf></row>"
    body = f"<rows total='9'>{''.join(element.format(number) for number in range(count))}</rows>"
    page = await _page(
        answer(body, content_type="application/xml"),
        BY_ITEM,
        response_path="rows.row",
        pagination={"format": "offset", "config": {"total_path": "rows.@total"}},
    )
    assert [record["id"] for record in page.records] == [str(number) for number in range(count)]
    assert all(len(record["remote_data"]["cf"]) == 2 for record in page.records)
    assert page.next_cursor == (str(count) if count else None)


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_an_envelope_is_one_however_many_records_it_holds(count: int) -> None:
    body = {"items": MARKED[:count], "next": "n" if count else None}
    mapping = {
        "response_mapping": "{'result': response.items.{'id': $string(id)}, 'next_cursor': response.next}"
    }
    page = await _page(answer(body), mapping)
    assert [record["id"] for record in page.records] == ["1", "2"][:count]
    assert page.next_cursor == ("n" if count else None)
    assert (await _page(answer({"items": []}), mapping)).records == []


async def test_an_answer_of_nothing_is_an_empty_list() -> None:
    for found in (answer(status=204), answer(None)):
        assert (await _page(found, {"response_mapping": "response.{'id': id}"})).records == []


async def test_nulls_among_the_providers_records_are_no_records() -> None:
    page = await _page(answer([None, {"id": 1}, None]), BY_ITEM)
    assert page.records == [{"id": "1", "remote_data": {"id": 1}}]


async def test_a_text_without_data_is_no_empty_list() -> None:
    down = answer("<html>Back soon</html>", content_type="text/html; charset=utf-8")
    with pytest.raises(UpstreamInvalid, match=r"text \(text/html\) in which response_path finds nothing"):
        await _page(down, {}, response_path="rows")
    lines = answer("a\nb", content_type="text/plain")
    page = await _page(lines, {"response_mapping": "response.{'id': $}"}, response_path="$split($, '\n')")
    assert [record["id"] for record in page.records] == ["a", "b"]


async def test_the_default_of_a_limit_is_the_limit() -> None:
    config = integration({"list": {"path": "/things"}}, pagination={"format": "page", "config": {}})
    upstream = MemoryUpstream([answer([])] * 2)
    mapping = load_mapping({"query_schema": {"properties": {"limit": {"type": "integer", "default": 25}}}})
    target = UnifiedTarget("crm", "things", UnifiedResource.model_validate({}))
    for query, size in (("", "25"), ("limit=7", "7")):
        await unified.call_method(
            upstream, config, target, mapping, parse_call("list", query=parse_query(query))
        )
        assert dict(upstream.query)["per_page"] == size


async def test_by_item_an_array_of_a_custom_method_is_mapped_element_by_element() -> None:
    assert await _value(answer([{"id": 1}]), BY_ITEM, "search") == {
        "result": [{"id": "1", "remote_data": {"id": 1}}]
    }
    assert await _value(answer([{"id": 1}]), BY_ITEM, "get") == {"id": "1", "remote_data": {"id": 1}}
    assert await _value(answer([]), BY_ITEM, "get") is None


async def test_a_step_after_that_leaves_nothing_leaves_an_empty_list() -> None:
    steps: list[dict[str, Any]] = [{"type": "transform", "config": "data[id = 7]"}]
    assert (await _page(answer(MARKED), {"after": steps})).records == []
    steps.append({"type": "transform", "config": "$exists(data) ? data : {'id': 'none'}"})
    assert (await _page(answer(MARKED), {"after": steps})).records == [{"id": "none"}]


async def test_a_page_that_a_step_after_leaves_empty_is_followed_to_the_next() -> None:
    config = integration(
        {"list": {"path": "/things"}}, pagination={"format": "offset", "config": {"default_limit": 1}}
    )
    upstream = MemoryUpstream([answer([{"id": number}]) for number in range(5)])
    mapping = load_mapping({"after": [{"type": "transform", "config": "data[id = 3]"}]})
    target = UnifiedTarget("crm", "things", UnifiedResource.model_validate({}))
    page = await unified.call_method(upstream, config, target, mapping, parse_call("list"))
    assert isinstance(page, ListResult)
    assert (page.records, page.next_cursor) == ([{"id": 3, "remote_data": {"id": 3}}], "4")


async def test_no_step_after_runs_for_an_empty_page_before_the_last() -> None:
    config = integration(
        {"list": {"path": "/things", **CURSORS}, "mark": {"path": "/mark", "method": "post"}}
    )
    pages: list[Any] = [{"rows": [], "next": str(number)} for number in range(3)]
    step = {"type": "request", "name": "marked", "config": {"resource": "things", "method": "mark"}}
    upstream = MemoryUpstream([*map(answer, pages), answer({"rows": []}), answer({})])
    target = UnifiedTarget("crm", "things", UnifiedResource.model_validate({}))
    page = await unified.call_method(
        upstream, config, target, load_mapping({"after": [step]}), parse_call("list")
    )
    assert isinstance(page, ListResult)
    assert page.next_cursor is None
    assert [request.method for request in upstream.requests] == [*["GET"] * 4, "POST"]
