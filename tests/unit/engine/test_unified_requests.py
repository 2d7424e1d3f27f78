"""What a unified call sends: query, body, path and headers as the mapping makes them."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, unquote

import pytest
from tests.unit.engine.mapped_calls import (
    RAW,
    RECORD,
    listed,
    value_of,
)
from tests.unit.engine.upstreams import MemoryUpstream, answer

from isthmus.api.call_parsing import parse_call
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest, MappingFailed
from isthmus.http.messages import HttpRequest, HttpResponse


async def test_query_mapping_replaces_the_query_and_defaults_lie_under_it() -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    mapping = {
        "query": {"expand": "owner", "lang": "{{context.lang}}", "gone": "{{context.nope}}"},
        "query_mapping": "{'after': query.updated_at.gt, 'expand': query.wide ? 'all', 'no': null, "
        "'page[size]': 5}",
    }
    query = "updated_at[gt]=2020&wide=1&limit=7&other=1&remote_query[raw]=r&remote_query[after]=2021"
    await listed(upstream, mapping, query)
    assert upstream.query == [("expand", "all"), ("after", "2021"), ("page[size]", "5"), ("raw", "r")]


async def test_without_query_mapping_the_query_goes_out_less_limit_and_cursor() -> None:
    upstream = MemoryUpstream([answer({"items": [], "next": None})] * 3)
    await listed(upstream, {}, "a=1&limit=7")
    assert upstream.query == [("a", "1")]
    pages = {
        "format": "cursor",
        "config": {"cursor_path": "next", "cursor_param": "after", "limit_param": "size"},
    }
    for name in ("cursor", "next_cursor"):
        await listed(upstream, {}, f"a=1&limit=7&{name}=c", pagination=pages)
        assert upstream.query == [("a", "1"), ("after", "c"), ("size", "7")]


async def test_the_paginator_leaves_a_parameter_alone_that_the_mapping_sets() -> None:
    upstream = MemoryUpstream([answer({"items": RAW})])
    pages = {"format": "page", "config": {"limit_param": "size"}}
    mapping = {"query_mapping": "{'size': 2, 'page': query.cursor ? $number(query.cursor) : 1}"}
    page = await listed(upstream, mapping, "limit=50&next_cursor=3", pagination=pages)
    assert upstream.query == [("size", "2"), ("page", "3")]
    assert (page.next_cursor, page.prev_cursor) == ("4", "2")


async def test_the_query_is_coerced_by_its_schema_and_raw_query_is_not() -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    properties = {
        "n": {"type": "integer"},
        "b": {"type": "boolean"},
        "ids": {"type": "array", "items": {"type": "integer"}},
        "at": {"type": "number"},
        "d": {"type": "string", "default": "x"},
    }
    mapping = {
        "query_schema": {"type": "object", "properties": properties},
        "query_mapping": "{'t': $type(query.n) & $type(query.b) & $type(query.ids) & $type(query.at.gt) "
        "& query.d, 'in': $sum(query.at.in), 'u': query.unknown, 'raw': rawQuery.n}",
    }
    await listed(upstream, mapping, "n=1&b=true&ids=1,2&at[gt]=2.5&at[in]=1,2&unknown=z")
    assert upstream.query == [("t", "numberbooleanarraynumberx"), ("in", "3"), ("u", "z")]


async def test_operators_that_take_a_list_read_commas_and_no_others_do() -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    schema = {"properties": {"n": {"type": "number"}}}
    mapping = {"query_schema": schema, "query_mapping": "{'n': $string(query.n)}"}
    await listed(upstream, mapping, "n[in]=1,2&n[nin]=3&n[gt]=5,6&n[lt]=1e999")
    assert json.loads(dict(upstream.query)["n"]) == {"in": [1, 2], "nin": [3], "gt": "5,6", "lt": "1e999"}


@pytest.mark.parametrize(("digits", "kind"), [(40, "number"), (41, "string")])
async def test_a_number_has_at_most_40_digits(digits: int, kind: str) -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    schema = {"properties": {"n": {"type": "integer"}}}
    mapping = {"query_schema": schema, "query_mapping": "{'t': $type(query.n)}"}
    await listed(upstream, mapping, f"n={'1' * digits}")
    assert upstream.query == [("t", kind)]


async def test_what_is_no_json_schema_asks_for_nothing_and_its_values_pass_as_they_are() -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    properties: dict[str, Any] = {
        "since": {"type": "date"},
        "ids": {"type": "array", "items": "integer"},
        "state": {"type": "string", "enum": "open, closed"},
        "a": {"type": {"type": "string"}},
        "b": {"type": [{"type": "string"}, "null"]},
        "n": {"type": "integer"},
        "no": "integer",
        "owner": {"required": [7, ["x"]], "properties": {"id": {"type": "file"}}},
    }
    mapping = {
        "query_schema": {"properties": properties, "required": [{"n": True}], "anyOf": ["n"]},
        "query_mapping": "{'all': $string(query)}",
    }
    await listed(upstream, mapping, "since=1&ids=1,2&state=odd&a[gt]=2&b=1&n=1&no=1&owner[id]=5")
    sent = json.loads(dict(upstream.query)["all"])
    assert {name: sent[name] for name in properties} == {
        "since": "1",
        "a": {"gt": "2"},
        "ids": ["1", "2"],
        "state": "odd",
        "b": "1",
        "n": 1,
        "no": "1",
        "owner": {"id": "5"},
    }


async def test_fields_of_objects_are_coerced_and_only_what_is_a_number_becomes_one() -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    owner = {"type": "object", "properties": {"id": {"type": "integer"}, "is_active": {"type": "boolean"}}}
    names = {name: {"type": "integer"} for name in "abcde"}
    mapping = {
        "query_schema": {"type": "object", "properties": {"owner": owner, **names}},
        "query_mapping": "{'all': $string(query)}",
    }
    await listed(
        upstream, mapping, "owner[id]=7&owner[is_active]=true&owner[x]=1&a=1_0&b=٣&c=5.0&d=5.5&e=%205"
    )
    assert json.loads(dict(upstream.query)["all"]) == {
        "owner": {"id": 7, "is_active": True, "x": "1"},
        "a": "1_0",
        "b": "٣",
        "c": 5,
        "d": "5.5",
        "e": 5,
    }


async def test_missing_required_parameters_and_fields_are_named_before_anything_is_sent() -> None:
    upstream = MemoryUpstream([])
    mapping = {
        "query_schema": {
            "required": ["account"],
            "properties": {"region": {"type": "string", "required": True}},
        },
        "request_body_schema": {
            "properties": {"name": {}, "phone": {"x-required-if": "body.kind = 'call'"}},
            "required": ["name"],
        },
    }
    with pytest.raises(BadRequest, match="query parameters account, region and body fields name") as caught:
        await value_of(upstream, mapping, parse_call("create", body={"x": 1}))
    insight = caught.value.insight
    assert insight["missing_required_query_parameters"]["value"] == ["account", "region"]
    assert insight["missing_required_body_fields"]["value"] == ["name"]
    assert insight["conditionally_required_body_fields"]["value"] == {"phone": "body.kind = 'call'"}
    assert upstream.sent == []


@pytest.mark.parametrize(
    ("query", "body", "parameters", "fields"),
    [
        ("ticket[id]=", {"lines": {"first": {"sku": ""}}}, ["ticket[id]"], ["lines.first.sku"]),
        ("ticket=5", {"lines": 5}, ["ticket[id]"], ["lines.first"]),
        ("ticket[in]=5", {"lines": {}}, ["ticket[id]"], ["lines.first"]),
        ("ticket=", {"lines": None}, ["ticket"], None),
        ("a=1", {}, ["ticket"], None),
    ],
)
async def test_what_an_object_requires_is_missed_where_the_object_is_given(
    query: str, body: Any, parameters: list[str], fields: list[str] | None
) -> None:
    identified = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    first = {"type": "object", "properties": {"sku": {"required": True}}}
    mapping = {
        "query_schema": {
            "type": "object",
            "required": ["ticket"],
            "properties": {"ticket": identified, "owner": identified},
        },
        "request_body_schema": {
            "properties": {
                "lines": {"type": ["object", "null"], "properties": {"first": first}, "required": ["first"]},
                "by": {"type": ["object", "string"], "properties": {"id": {}}, "required": ["id"]},
            }
        },
    }
    call = parse_call("create", query=parse_query(query), body={"by": "me", **body})
    with pytest.raises(BadRequest, match=re.escape(parameters[0])) as caught:
        await value_of(MemoryUpstream([]), mapping, call)
    insight = caught.value.insight
    assert insight["missing_required_query_parameters"]["value"] == parameters
    assert insight.get("missing_required_body_fields", {}).get("value") == fields
    paths = [each["path"] for each in caught.value.details["failures"]]
    assert paths[0] == "query." + parameters[0].replace("[", ".").rstrip("]")


async def test_an_object_with_all_that_it_requires_is_sent() -> None:
    identified = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    mapping = {
        "query_schema": {"required": ["ticket"], "properties": {"ticket": identified, "owner": identified}}
    }
    upstream = MemoryUpstream([answer({"no": 1})])
    await value_of(upstream, mapping, parse_call("create", query=parse_query("ticket[id]=5&owner="), body={}))
    assert len(upstream.sent) == 1


async def test_the_body_is_mapped_over_its_default() -> None:
    upstream = MemoryUpstream([answer({"no": 1, "label": "n"})] * 4)
    call = parse_call("create", body={"name": "n", "k": 1})
    value = await value_of(
        upstream,
        {
            "request_body_mapping": "{'label': body.name, 'kind': kind, 'who': context.user}",
            "body": {"kind": "{{body.k:int}}"},
            "response_mapping": RECORD,
        },
        call,
    )
    assert upstream.body == {"label": "n", "kind": 1}
    assert value == {"id": "1", "name": "n", "remote_data": {"no": 1, "label": "n"}}
    await value_of(upstream, {"body": {"kind": 1, "name": "default"}}, call)
    assert upstream.body == {"kind": 1, "name": "n", "k": 1}
    await value_of(
        upstream,
        {"request_body_mapping": "nothing", "body": {"kind": 1}},
        parse_call("create", body={}),
    )
    assert upstream.body == {"kind": 1}
    await value_of(
        upstream, {"request_body_mapping": {"a": "body.name", "b": {"$literal": 1}, "c": "no"}}, call
    )
    assert upstream.body == {"a": "n", "b": 1}


async def test_the_methods_templates_see_the_mapped_query_and_body() -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    methods = {"list": {"path": "/boards/{{query.board}}/things", "response_path": "items"}}
    await listed(upstream, {"query_mapping": "{'board': 'b' & query.project}"}, "project=7", methods=methods)
    assert upstream.request.url.startswith("https://api.acme.test/v1/boards/b7/things?")


@pytest.mark.parametrize("value", ["{{api_key}}", "a?admin=1", "a#b", "{{context.api_key}}"])
async def test_a_callers_value_means_nothing_in_a_mapped_path(value: str) -> None:
    upstream = MemoryUpstream([answer({"items": []})], context={"api_key": "SECRET"})
    await listed(upstream, {"path_mapping": "'/p/' & query.x", "query_mapping": "{}"}, f"x={quote(value)}")
    url = upstream.sent[0].http.url
    assert "SECRET" not in url
    assert unquote(url.partition("/p/")[2]) == value
    assert "?" not in url


async def test_path_mapping_replaces_the_path_and_stays_on_the_origin() -> None:
    upstream = MemoryUpstream([answer({"items": []})] * 3)
    await listed(upstream, {"path_mapping": "'/p/' & query.x & '/{{query.x}}'"}, "x=a b")
    assert upstream.request.url.partition("?")[0] == "https://api.acme.test/v1/p/a%20b/a%20b"
    await listed(upstream, {"path_mapping": "'https://api.acme.test/v2/x'"})
    assert upstream.request.url == "https://api.acme.test/v2/x"
    for path in (
        "https://evil.test/x",
        "http://api.acme.test/x",
        "https://api.acme.test:8443/",
        "https://a@evil.test",
    ):
        with pytest.raises(BadRequest, match="another origin"):
            await listed(upstream, {"path_mapping": f"'{path}'"})
    with pytest.raises(BadRequest, match=r"'\.\.' segment"):
        await listed(upstream, {"path_mapping": "'/a/' & query.x"}, "x=..")
    with pytest.raises(MappingFailed, match="path_mapping must return a string"):
        await listed(upstream, {"path_mapping": "1"})


async def test_an_undefined_path_mapping_leaves_the_methods_path() -> None:
    upstream = MemoryUpstream([answer({"items": []})] * 2)
    mapping = {"path_mapping": "query.board ? '/boards/' & query.board", "query_mapping": "{}"}
    methods = {"list": {"path": "/things", "response_path": "items"}}
    await listed(upstream, mapping, "board=7", methods=methods)
    assert upstream.request.url == "https://api.acme.test/v1/boards/7"
    await listed(upstream, mapping, methods=methods)
    assert upstream.request.url == "https://api.acme.test/v1/things"


async def test_request_header_mapping_replaces_the_set_and_authorization_still_wins() -> None:
    upstream = MemoryUpstream([answer({"no": 1})])
    mapping = {
        "request_header_mapping": "$merge([headers, {'X-B': requestBody.n, 'X-C': null}, "
        "{'Authorization': 'no'}])"
    }
    await value_of(upstream, mapping, parse_call("create", body={"n": 2}), headers={"X-A": "1"})
    assert upstream.request.headers == {
        "X-A": "1",
        "X-B": "2",
        "Content-Type": "application/json",
        "Authorization": "Bearer k",
    }


async def test_what_the_definition_removes_a_mapping_cannot_send() -> None:
    upstream = MemoryUpstream([answer({"no": 1})] * 2)
    mapping = {"request_header_mapping": "{'X-Beta': '1', 'X-A': '2', 'content-type': null}"}
    call = parse_call("create", body={"n": 2})
    await value_of(upstream, mapping, call, headers={"x-beta": None})
    assert upstream.request.headers == {"X-A": "2", "Authorization": "Bearer k"}


async def test_headers_and_choices_see_no_more_names_than_they_are_given() -> None:
    upstream = MemoryUpstream([answer({"no": 1})])
    mapping = {
        "before": [{"type": "transform", "name": "b", "config": "1"}],
        "request_header_mapping": "{'X-Sees': $string([before, id])}",
        "method": {"expression": "$exists(before) or $exists(id) ? 'none' : 'get'", "methods": ["get"]},
    }
    await value_of(upstream, mapping, parse_call("get", id="1"))
    assert upstream.request.headers["X-Sees"] == "[]"


async def test_a_mapped_address_may_lead_to_the_methods_origin_and_to_the_integrations() -> None:
    upstream = MemoryUpstream([answer({"items": []})] * 2)
    methods = {"list": {"path": "/x", "base_url": "https://files.acme.test/v1"}}
    for address in ("https://files.acme.test/y", "https://api.acme.test/v2/y"):
        await listed(upstream, {"path_mapping": f"'{address}'"}, methods=methods)
        assert upstream.request.url == address
    with pytest.raises(BadRequest, match="another origin"):
        await listed(upstream, {"path_mapping": "'https://evil.test/'"}, methods=methods)


async def test_the_integrations_base_is_not_asked_for_where_the_methods_own_will_do() -> None:
    upstream = MemoryUpstream([answer({"items": []})] * 2)
    methods = {"list": {"path": "/x", "base_url": "https://files.acme.test/v1"}}
    base = "https://{{region}}.acme.test"
    for path in ("/y", "https://files.acme.test/v1/y"):
        await listed(upstream, {"path_mapping": f"'{path}'"}, methods=methods, base_url=base)
        assert upstream.request.url == "https://files.acme.test/v1/y"
    with pytest.raises(BadRequest, match=r"\{\{region\}\} in base_url has no value"):
        await listed(upstream, {"path_mapping": "'https://eu.acme.test/y'"}, methods=methods, base_url=base)


@pytest.mark.parametrize("pages", [None, {"format": "page", "config": {}}, {"format": "link_header"}])
async def test_a_list_takes_the_cursors_that_its_mapping_gives(pages: Any) -> None:
    def provider(request: HttpRequest) -> HttpResponse:
        is_last = "after=m2" in request.url
        return answer({"items": [{"no": 2 if is_last else 1}], "more": None if is_last else "m2"})

    methods = {"list": {"path": "/things", "pagination": pages}}
    mapping = {
        "query_mapping": "{'after': query.cursor}",
        "response_mapping": "{'result': response.items.{'id': $string(no)}, 'next_cursor': response.more}",
    }
    first = await listed(MemoryUpstream(provider), mapping, methods=methods)
    assert first.next_cursor == "m2"
    second = await listed(MemoryUpstream(provider), mapping, "next_cursor=m2", methods=methods)
    assert (second.records, second.next_cursor) == ([{"id": "2", "remote_data": {"no": 2}}], None)
    plain = {"response_mapping": "response.items"}
    with pytest.raises(BadRequest, match="not a cursor of this list"):
        await listed(MemoryUpstream(provider), plain, "next_cursor=m2", methods=methods)


async def test_a_mapped_body_keeps_the_page_that_it_sets() -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    methods = {
        "list": {
            "path": "/graphql",
            "method": "post",
            "paginate_in_body": True,
            "body": {"query": "{ q }", "variables": "{{body.variables:json}}"},
            "pagination": {
                "format": "cursor",
                "config": {
                    "cursor_path": "next",
                    "cursor_param": "variables.after",
                    "limit_param": "variables.first",
                },
            },
        }
    }
    mapping = {"request_body_mapping": "{'variables': {'first': 7, 'after': 'at ' & query.cursor}}"}
    await listed(upstream, mapping, "limit=3&next_cursor=c", methods=methods)
    assert upstream.body == {"query": "{ q }", "variables": {"first": 7, "after": "at c"}}


@pytest.mark.parametrize(
    ("query", "page"), [("", 1), ("next_cursor=2", 2), ("limit=50", 1), ("limit=50&next_cursor=3", 3)]
)
async def test_a_constant_page_of_a_mapped_body_is_the_first_one(query: str, page: int) -> None:
    upstream = MemoryUpstream([answer({"items": RAW})])
    pages = {"format": "page", "config": {"limit_param": "size"}}
    method = {"path": "/find", "method": "post", "paginate_in_body": True, "pagination": pages}
    mapping = {"request_body_mapping": "{'page': 1, 'size': 2, 'sort': 'id'}"}
    await listed(upstream, mapping, query, methods={"list": method})
    assert upstream.body == {"page": page, "size": 2, "sort": "id"}
