from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, unquote

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.definitions import UnifiedResource, load_mapping
from isthmus.engine import unified
from isthmus.engine.calls import Call, read_call
from isthmus.engine.rate_limits import closed
from isthmus.engine.results import ListResult, ValueResult
from isthmus.engine.unified import Target
from isthmus.errors import BadRequest, MappingFailed, NotFound, RemoteError
from isthmus.http.messages import HttpRequest, HttpResponse

METHODS = {
    "list": {"path": "/things", "response_path": "items"},
    "get": {"path": "/things/{{id}}"},
    "create": {"path": "/things", "method": "post"},
    "update": {"path": "/things/{{id}}", "method": "put"},
    "delete": {"path": "/things/{{id}}", "method": "delete"},
    "search": {"path": "/search", "method": "post", "response_path": "items"},
}
SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "size": {}}}
RECORD = "{'id': $string(response.no), 'name': response.label}"
RAW = [{"no": 1, "label": "a"}, {"no": 2, "label": "b"}]


def _target(**extra: Any) -> Target:
    definition = UnifiedResource.model_validate({"schema": SCHEMA, "methods": [*METHODS, "zap"], **extra})
    return Target("crm", "contacts", definition)


async def _run(
    upstream: MemoryUpstream, mapping: dict[str, Any], call: Call, methods: Any = None, **config: Any
) -> Any:
    given = {"resource": "things", **mapping}
    return await unified.call(
        upstream, integration(methods or METHODS, **config), _target(), load_mapping(given), call
    )


async def _list(
    upstream: MemoryUpstream, mapping: dict[str, Any], query: str = "", **config: Any
) -> ListResult:
    result = await _run(upstream, mapping, read_call("list", query_string=query), **config)
    assert isinstance(result, ListResult)
    return result


async def _records(upstream: MemoryUpstream, mapping: dict[str, Any], **config: Any) -> list[Any]:
    records = (await _list(upstream, mapping, **config)).records
    assert isinstance(records, list)
    return records


async def _value(upstream: MemoryUpstream, mapping: dict[str, Any], call: Call, **config: Any) -> Any:
    result = await _run(upstream, mapping, call, **config)
    assert isinstance(result, ValueResult)
    return result.body


async def test_a_list_maps_each_record_and_keeps_its_raw_one() -> None:
    page = await _list(
        MemoryUpstream([answer({"items": RAW})]),
        {"response_mapping": RECORD, "response_mapping_method": "item"},
    )
    assert page.records == [
        {"id": "1", "name": "a", "remote_data": RAW[0]},
        {"id": "2", "name": "b", "remote_data": RAW[1]},
    ]


@pytest.mark.parametrize("raw", [[], RAW[:1], RAW])
async def test_array_mode_restores_the_list_that_expressions_collapse(raw: list[Any]) -> None:
    page = await _list(
        MemoryUpstream([answer({"items": raw})]), {"response_mapping": "response.{'id': $string(no)}"}
    )
    assert page.records == [{"id": str(item["no"]), "remote_data": item} for item in raw]


async def test_nulls_are_removed_and_remote_data_still_fits() -> None:
    mapping = {
        "response_mapping": "$map(response, function($v) { $v.no = 1 ? null : {'id': $string($v.no)} })"
    }
    page = await _list(MemoryUpstream([answer({"items": RAW})]), mapping)
    assert page.records == [{"id": "2", "remote_data": RAW[1]}]


async def test_remote_data_is_matched_by_id_where_lengths_differ_and_own_keys_win() -> None:
    raw = [{"id": 1, "v": "x"}, {"id": 2, "v": "y"}]
    mapping = {"response_mapping": "[response[v='y'].{'id': $string(id)}]"}
    page = await _list(MemoryUpstream([answer({"items": raw})]), mapping)
    assert page.records == [{"id": "2", "remote_data": raw[1]}]
    mapping = {"response_mapping": "response.{'id': v, 'remote_data': 'mine'}"}
    records = await _records(MemoryUpstream([answer({"items": raw})]), mapping)
    assert [record["remote_data"] for record in records] == ["mine", "mine"]


async def test_a_mapping_may_return_an_envelope_with_its_own_cursor() -> None:
    mapping = {"response_mapping": "{'result': [response.{'id': $string(no)}], 'next_cursor': 'n'}"}
    page = await _list(MemoryUpstream([answer({"items": RAW})]), mapping)
    assert (page.next_cursor, len(page.records)) == ("n", 2)


async def test_a_list_without_a_response_path_maps_the_whole_body() -> None:
    methods = {"list": {"path": "/x"}}
    upstream = MemoryUpstream([answer({"items": RAW, "total": 2})] * 3)
    records = await _records(
        upstream, {"response_mapping": "response.items.{'id': $string(no)}"}, methods=methods
    )
    assert [record["remote_data"] for record in records] == RAW
    records = await _records(
        upstream,
        {"response_mapping": "{'id': $string(response.no)}", "response_mapping_method": "item"},
        methods=methods,
    )
    assert [record["id"] for record in records] == ["1", "2"]
    page = await _list(upstream, {}, methods=methods)
    assert page.records == [{"items": RAW, "total": 2}]


async def test_response_has_the_parts_of_the_answer_beside_the_datas_own_keys() -> None:
    upstream = MemoryUpstream([answer({"body": "own", "n": 1}, x_a="h")] * 3)
    call = read_call("get", id="1", query_string="truto_ignore_remote_data=true")
    mapping = {
        "response_mapping": "{'s': response.statusCode, 'b': response.body, 'h': response.headers.`x-a`}"
    }
    assert await _value(upstream, mapping, call) == {"s": 200, "b": "own", "h": "h"}
    assert await _value(upstream, {"response_mapping": "response"}, call) == {"body": "own", "n": 1}
    mapping = {"response_mapping": "{'n': body.n, 'q': query.x, 'h': headers.`x-a`}"}
    assert await _value(upstream, mapping, call) == {"n": 1, "h": "h"}


async def test_response_is_the_whole_answer_where_the_data_is_no_object_and_the_mapping_reads_it() -> None:
    upstream = MemoryUpstream([answer([1, 2])])
    mapping = {"response_mapping": "{'count': $count(response.body), 's': response.statusCode}"}
    assert await _value(upstream, mapping, read_call("get", id="1")) == {
        "count": 2,
        "s": 200,
        "remote_data": [1, 2],
    }


async def test_query_mapping_replaces_the_query_and_defaults_lie_under_it() -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    mapping = {
        "query": {"expand": "owner", "lang": "{{context.lang}}", "gone": "{{context.nope}}"},
        "query_mapping": "{'after': query.updated_at.gt, 'expand': query.wide ? 'all', 'no': null, "
        "'page[size]': 5}",
    }
    query = "updated_at[gt]=2020&wide=1&limit=7&other=1&remote_query[raw]=r&remote_query[after]=2021"
    await _list(upstream, mapping, query)
    assert upstream.query == [("expand", "all"), ("after", "2021"), ("page[size]", "5"), ("raw", "r")]


async def test_without_query_mapping_the_query_goes_out_less_limit_and_cursor() -> None:
    upstream = MemoryUpstream([answer({"items": [], "next": None})] * 2)
    await _list(upstream, {}, "a=1&limit=7")
    assert upstream.query == [("a", "1")]
    pages = {"format": "cursor", "config": {"cursor_path": "next", "limit_param": "size"}}
    await _list(upstream, {}, "a=1&limit=7&cursor=c", pagination=pages)
    assert upstream.query == [("a", "1"), ("cursor", "c"), ("size", "7")]


async def test_the_paginator_leaves_a_parameter_alone_that_the_mapping_sets() -> None:
    upstream = MemoryUpstream([answer({"items": RAW})])
    pages = {"format": "page", "config": {"limit_param": "size"}}
    mapping = {"query_mapping": "{'size': 2, 'page': query.cursor ? $number(query.cursor) : 1}"}
    page = await _list(upstream, mapping, "limit=50&next_cursor=3", pagination=pages)
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
    await _list(upstream, mapping, "n=1&b=true&ids=1,2&at[gt]=2.5&at[in]=1,2&unknown=z")
    assert upstream.query == [("t", "numberbooleanarraynumberx"), ("in", "3"), ("u", "z")]


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
    await _list(upstream, mapping, "since=1&ids=1,2&state=odd&a[gt]=2&b=1&n=1&no=1&owner[id]=5")
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
    await _list(
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
        await _value(upstream, mapping, read_call("create", body={"x": 1}))
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
    call = read_call("create", query_string=query, body={"by": "me", **body})
    with pytest.raises(BadRequest, match=re.escape(parameters[0])) as caught:
        await _value(MemoryUpstream([]), mapping, call)
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
    await _value(upstream, mapping, read_call("create", query_string="ticket[id]=5&owner=", body={}))
    assert len(upstream.sent) == 1


async def test_the_body_is_mapped_over_its_default() -> None:
    upstream = MemoryUpstream([answer({"no": 1, "label": "n"})] * 4)
    call = read_call("create", body={"name": "n", "k": 1})
    value = await _value(
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
    await _value(upstream, {"body": {"kind": 1, "name": "default"}}, call)
    assert upstream.body == {"kind": 1, "name": "n", "k": 1}
    await _value(upstream, {"request_body_mapping": "nothing", "body": {"kind": 1}}, call)
    assert upstream.body == {"kind": 1}
    await _value(
        upstream, {"request_body_mapping": {"a": "body.name", "b": {"$literal": 1}, "c": "no"}}, call
    )
    assert upstream.body == {"a": "n", "b": 1}


async def test_the_methods_templates_see_the_mapped_query_and_body() -> None:
    upstream = MemoryUpstream([answer({"items": []})])
    methods = {"list": {"path": "/boards/{{query.board}}/things", "response_path": "items"}}
    await _list(upstream, {"query_mapping": "{'board': 'b' & query.project}"}, "project=7", methods=methods)
    assert upstream.request.url.startswith("https://api.acme.test/v1/boards/b7/things?")


@pytest.mark.parametrize("value", ["{{api_key}}", "a?admin=1", "a#b", "{{context.api_key}}"])
async def test_a_callers_value_means_nothing_in_a_mapped_path(value: str) -> None:
    upstream = MemoryUpstream([answer({"items": []})], context={"api_key": "SECRET"})
    await _list(upstream, {"path_mapping": "'/p/' & query.x", "query_mapping": "{}"}, f"x={quote(value)}")
    url = upstream.sent[0].http.url
    assert "SECRET" not in url
    assert unquote(url.partition("/p/")[2]) == value
    assert "?" not in url


async def test_path_mapping_replaces_the_path_and_stays_on_the_origin() -> None:
    upstream = MemoryUpstream([answer({"items": []})] * 3)
    await _list(upstream, {"path_mapping": "'/p/' & query.x & '/{{query.x}}'"}, "x=a b")
    assert upstream.request.url.partition("?")[0] == "https://api.acme.test/v1/p/a%20b/a%20b"
    await _list(upstream, {"path_mapping": "'https://api.acme.test/v2/x'"})
    assert upstream.request.url == "https://api.acme.test/v2/x"
    for path in (
        "https://evil.test/x",
        "http://api.acme.test/x",
        "https://api.acme.test:8443/",
        "https://a@evil.test",
    ):
        with pytest.raises(BadRequest, match="another origin"):
            await _list(upstream, {"path_mapping": f"'{path}'"})
    with pytest.raises(BadRequest, match=r"'\.\.' segment"):
        await _list(upstream, {"path_mapping": "'/a/' & query.x"}, "x=..")
    with pytest.raises(MappingFailed, match="path_mapping must return a string"):
        await _list(upstream, {"path_mapping": "1"})


async def test_request_header_mapping_replaces_the_set_and_authorization_still_wins() -> None:
    upstream = MemoryUpstream([answer({"no": 1})])
    mapping = {
        "request_header_mapping": "$merge([headers, {'X-B': requestBody.n, 'X-C': null}, "
        "{'Authorization': 'no'}])"
    }
    await _value(upstream, mapping, read_call("create", body={"n": 2}), headers={"X-A": "1"})
    assert upstream.request.headers == {
        "X-A": "1",
        "X-B": "2",
        "Content-Type": "application/json",
        "Authorization": "Bearer k",
    }


async def test_what_the_definition_removes_a_mapping_cannot_send() -> None:
    upstream = MemoryUpstream([answer({"no": 1})] * 2)
    mapping = {"request_header_mapping": "{'X-Beta': '1', 'X-A': '2', 'content-type': null}"}
    call = read_call("create", body={"n": 2})
    await _value(upstream, mapping, call, headers={"x-beta": None})
    assert upstream.request.headers == {"X-A": "2", "Authorization": "Bearer k"}


async def test_headers_and_choices_see_no_more_names_than_they_are_given() -> None:
    upstream = MemoryUpstream([answer({"no": 1})])
    mapping = {
        "before": [{"type": "transform", "name": "b", "config": "1"}],
        "request_header_mapping": "{'X-Sees': $string([before, id])}",
        "method": {"expression": "$exists(before) or $exists(id) ? 'none' : 'get'", "methods": ["get"]},
    }
    await _value(upstream, mapping, read_call("get", id="1"))
    assert upstream.request.headers["X-Sees"] == "[]"


async def test_a_mapped_address_may_lead_to_the_methods_origin_and_to_the_integrations() -> None:
    upstream = MemoryUpstream([answer({"items": []})] * 2)
    methods = {"list": {"path": "/x", "base_url": "https://files.acme.test/v1"}}
    for address in ("https://files.acme.test/y", "https://api.acme.test/v2/y"):
        await _list(upstream, {"path_mapping": f"'{address}'"}, methods=methods)
        assert upstream.request.url == address
    with pytest.raises(BadRequest, match="another origin"):
        await _list(upstream, {"path_mapping": "'https://evil.test/'"}, methods=methods)


async def test_the_integrations_base_is_not_asked_for_where_the_methods_own_will_do() -> None:
    upstream = MemoryUpstream([answer({"items": []})] * 2)
    methods = {"list": {"path": "/x", "base_url": "https://files.acme.test/v1"}}
    base = "https://{{region}}.acme.test"
    for path in ("/y", "https://files.acme.test/v1/y"):
        await _list(upstream, {"path_mapping": f"'{path}'"}, methods=methods, base_url=base)
        assert upstream.request.url == "https://files.acme.test/v1/y"
    with pytest.raises(BadRequest, match=r"\{\{region\}\} in base_url has no value"):
        await _list(upstream, {"path_mapping": "'https://eu.acme.test/y'"}, methods=methods, base_url=base)


async def test_throttling_is_worded_by_error_mapping_and_stays_what_it_is() -> None:
    upstream = MemoryUpstream([answer({"fault": "slow down"}, 429, retry_after="7")])
    mapping = {"error_mapping": "{'message': error.fault, 'status': 400}"}
    with pytest.raises(RemoteError, match="slow down") as caught:
        await _value(upstream, mapping, read_call("get", id="1"))
    assert (caught.value.status, caught.value.headers["retry-after"]) == (429, "7")


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
    first = await _list(MemoryUpstream(provider), mapping, methods=methods)
    assert first.next_cursor == "m2"
    second = await _list(MemoryUpstream(provider), mapping, "next_cursor=m2", methods=methods)
    assert (second.records, second.next_cursor) == ([{"id": "2", "remote_data": {"no": 2}}], None)
    plain = {"response_mapping": "response.items"}
    with pytest.raises(BadRequest, match="not a cursor of this list"):
        await _list(MemoryUpstream(provider), plain, "next_cursor=m2", methods=methods)


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
    await _list(upstream, mapping, "limit=3&next_cursor=c", methods=methods)
    assert upstream.body == {"query": "{ q }", "variables": {"first": 7, "after": "at c"}}


@pytest.mark.parametrize(
    ("query", "page"), [("", 1), ("next_cursor=2", 2), ("limit=50", 1), ("limit=50&next_cursor=3", 3)]
)
async def test_a_constant_page_of_a_mapped_body_is_the_first_one(query: str, page: int) -> None:
    upstream = MemoryUpstream([answer({"items": RAW})])
    pages = {"format": "page", "config": {"limit_param": "size"}}
    method = {"path": "/find", "method": "post", "paginate_in_body": True, "pagination": pages}
    mapping = {"request_body_mapping": "{'page': 1, 'size': 2, 'sort': 'id'}"}
    await _list(upstream, mapping, query, methods={"list": method})
    assert upstream.body == {"page": page, "size": 2, "sort": "id"}


async def test_resource_and_method_are_chosen_from_their_lists() -> None:
    upstream = MemoryUpstream([answer({"items": RAW})])
    choice = {"expression": "query.q ? 'search' : 'list'", "methods": ["search", "list"]}
    page = await _list(upstream, {"method": choice, "request_body_mapping": "{'term': query.q}"}, "q=x")
    assert (upstream.request.method, upstream.body, len(page.records)) == ("POST", {"term": "x"}, 2)
    assert upstream.sent[0].operation.kind == "list"
    with pytest.raises(BadRequest, match="resource expression chose none of things"):
        await _list(upstream, {"resource": {"expression": "query.r", "resources": ["things"]}}, "r=users")


async def test_a_method_the_model_does_not_allow_and_one_that_is_not_there_are_not_found() -> None:
    with pytest.raises(NotFound, match=r"crm/contacts has no method 'serch'. Did you mean search\?"):
        await _run(MemoryUpstream([]), {}, read_call("serch"))
    with pytest.raises(NotFound, match="no method 'zap'"):
        await _run(MemoryUpstream([]), {}, read_call("zap"))


async def test_delete_answers_the_id_and_a_custom_method_its_result() -> None:
    upstream = MemoryUpstream([answer(status=204), answer({"no": 9}), answer({"items": [{"no": 1}]})])
    assert await _value(upstream, {}, read_call("delete", id="7")) == {"id": "7"}
    methods = {"delete": {"path": "/things/{{body.ref}}", "method": "delete"}}
    call = read_call("delete", body={"ref": "r"})
    mapping = {"response_mapping": "{'id': response.no}"}
    assert await _value(upstream, mapping, call, methods=methods) == {"id": "9"}
    mapping = {"response_mapping": "response.{'id': $string(no)}"}
    found = await _value(upstream, mapping, read_call("search", body={}))
    assert found == {"result": {"id": "1", "remote_data": [{"no": 1}]}}


async def test_an_error_is_worded_by_error_mapping() -> None:
    body = {"fault": {"text": "bad", "id": 12}}
    upstream = MemoryUpstream([answer(body, 418, x_kind="k", x_ratelimit_limit="5")])
    mapping = {
        "error_mapping": "{'message': error.fault.text, 'code': error.fault.id, 'status': 422, "
        "'error': 'Refused', 'kind': headers.`x-kind`, 'raw_response': 'mine', 'who': id}"
    }
    with pytest.raises(RemoteError) as caught:
        await _value(upstream, mapping, read_call("get", id="5"))
    error = caught.value
    assert (error.status, error.message, error.error) == (422, "bad", "Refused")
    assert error.extra == {"code": 12, "kind": "k", "who": "5"}
    assert error.raw_response == body
    assert error.remote_details is None
    assert error.headers == {"x-ratelimit-limit": "5"}
    assert set(error.insight) == {"remote_error"}


@pytest.mark.parametrize("mapping", ["$error('x')", "nothing", "5"])
async def test_an_error_mapping_without_a_usable_result_leaves_the_default(mapping: str) -> None:
    upstream = MemoryUpstream([answer({"errors": ["first"]}, 500)])
    with pytest.raises(RemoteError, match="first"):
        await _value(upstream, {"error_mapping": mapping}, read_call("get", id="5"))


async def test_insights_follow_the_status() -> None:
    methods = {"get": {"path": "/x", "scopes": ["read", "write"]}}
    upstream = MemoryUpstream([answer({}, 403), answer("slow", 429)], {"oauth": {"scope": "read"}})
    with pytest.raises(RemoteError) as caught:
        await _value(upstream, {}, read_call("get"), methods=methods)
    assert caught.value.insight["forbidden_error"]["value"] == {"missing_scopes": ["write"]}
    with pytest.raises(RemoteError) as caught:
        await _value(upstream, {}, read_call("get"), methods=methods)
    assert set(caught.value.insight) == {"remote_error", "rate_limit_error"}
    assert (caught.value.headers, caught.value.raw_response) == ({"retry-after": "10"}, "slow")


async def test_a_closed_account_answers_as_its_provider_would() -> None:
    class Closed(MemoryUpstream):
        async def send(self, request: Any) -> Any:
            raise closed(2.2)

    with pytest.raises(RemoteError) as caught:
        await _value(Closed([]), {}, read_call("get", id="1"))
    assert (caught.value.status, caught.value.headers) == (429, {"retry-after": "3"})
    assert "rate_limit_error" in caught.value.insight


async def test_an_expression_that_fails_is_told_without_its_data() -> None:
    upstream = MemoryUpstream([answer({"secret": "s3cr3t"})])
    with pytest.raises(MappingFailed) as caught:
        await _value(upstream, {"response_mapping": "$number(response.secret)"}, read_call("get", id="1"))
    assert caught.value.details["field"] == "response_mapping"
    assert caught.value.details["code"] == "D3030"
    assert "s3cr3t" not in caught.value.message


async def test_a_partial_page_is_flagged() -> None:
    upstream = MemoryUpstream([answer({"items": RAW, "more": True})])
    assert (
        await _list(upstream, {"is_partial_expression": "data.more and rawQuery.a = '1'"}, "a=1")
    ).is_partial_response


async def test_response_headers_are_mapped_and_those_of_the_connection_refused() -> None:
    upstream = MemoryUpstream([answer({"a": 1}, x_total="5")])
    mapping = {
        "response_header_mapping": "{'X-Total': headers.`x-total`, 'X-A': response.a, 'Content-Type': 'x', "
        "'Connection': 'close', 'Set-Cookie': 'a=b'}"
    }
    result = await _run(upstream, mapping, read_call("get", id="1"))
    assert result.headers == {"x-total": "5", "x-a": "1"}


async def test_answers_are_shaped_as_the_caller_asks() -> None:
    async def shaped(query: str) -> Any:
        upstream = MemoryUpstream([answer({"items": [{"no": 1, "label": "a", "o": {"p": 1, "q": 2}}]})])
        mapping = {
            "response_mapping": "{'id': $string(response.no), 'name': response.label, 'o': response.o}",
            "response_mapping_method": "item",
        }
        return (await _list(upstream, mapping, query)).records

    record = {"id": "1", "name": "a", "o": {"p": 1, "q": 2}}
    raw = {"no": 1, "label": "a", "o": {"p": 1, "q": 2}}
    assert await shaped("truto_ignore_remote_data=true") == [record]
    assert await shaped("truto_exclude_fields=name,o.p,remote_data") == [{"id": "1", "o": {"q": 2}}]
    assert await shaped("truto_key_by=id&truto_ignore_remote_data=true") == {"1": record}
    assert await shaped("truto_response_format=normalized") == [{**record, "size": None}]
    assert await shaped("truto_response_format=raw") == [raw]
