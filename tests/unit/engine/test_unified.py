"""What a unified call answers: records, values and errors as the mapping makes them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.mapped_calls import (
    RAW,
    RECORD,
    listed,
    records_of,
    run,
    value_of,
)
from tests.unit.engine.upstreams import MemoryUpstream, answer

from isthmus.api.call_parsing import parse_call
from isthmus.engine.provider_errors import make_account_closed_error
from isthmus.engine.queries import parse_query
from isthmus.engine.unified.response_mapping import key_records
from isthmus.errors import BadRequest, MappingFailed, NotFound, RemoteError, UpstreamInvalid
from isthmus.http.messages import HttpResponse


async def test_a_list_maps_each_record_and_keeps_its_raw_one() -> None:
    page = await listed(
        MemoryUpstream([answer({"items": RAW})]),
        {"response_mapping": RECORD, "response_mapping_method": "item"},
    )
    assert page.records == [
        {"id": "1", "name": "a", "remote_data": RAW[0]},
        {"id": "2", "name": "b", "remote_data": RAW[1]},
    ]


@pytest.mark.parametrize("raw", [[], RAW[:1], RAW])
async def test_array_mode_restores_the_list_that_expressions_collapse(raw: list[Any]) -> None:
    page = await listed(
        MemoryUpstream([answer({"items": raw})]), {"response_mapping": "response.{'id': $string(no)}"}
    )
    assert page.records == [{"id": str(item["no"]), "remote_data": item} for item in raw]


async def test_nulls_are_removed_and_remote_data_still_fits() -> None:
    mapping = {
        "response_mapping": "$map(response, function($v) { $v.no = 1 ? null : {'id': $string($v.no)} })"
    }
    page = await listed(MemoryUpstream([answer({"items": RAW})]), mapping)
    assert page.records == [{"id": "2", "remote_data": RAW[1]}]


async def test_remote_data_is_matched_by_id_where_lengths_differ_and_own_keys_win() -> None:
    raw = [{"id": 1, "v": "x"}, {"id": 2, "v": "y"}]
    mapping = {"response_mapping": "[response[v='y'].{'id': $string(id)}]"}
    page = await listed(MemoryUpstream([answer({"items": raw})]), mapping)
    assert page.records == [{"id": "2", "remote_data": raw[1]}]
    mapping = {"response_mapping": "response.{'id': v, 'remote_data': 'mine'}"}
    records = await records_of(MemoryUpstream([answer({"items": raw})]), mapping)
    assert [record["remote_data"] for record in records] == ["mine", "mine"]


async def test_a_mapping_may_return_an_envelope_with_its_own_cursor() -> None:
    mapping = {"response_mapping": "{'result': [response.{'id': $string(no)}], 'next_cursor': 'n'}"}
    page = await listed(MemoryUpstream([answer({"items": RAW})]), mapping)
    assert (page.next_cursor, len(page.records)) == ("n", 2)


async def test_a_list_without_a_response_path_maps_the_whole_body() -> None:
    methods = {"list": {"path": "/x"}}
    upstream = MemoryUpstream([answer({"items": RAW, "total": 2})] * 3)
    records = await records_of(
        upstream, {"response_mapping": "response.items.{'id': $string(no)}"}, methods=methods
    )
    assert [record["remote_data"] for record in records] == RAW
    records = await records_of(
        upstream,
        {"response_mapping": "{'id': $string(response.no)}", "response_mapping_method": "item"},
        methods=methods,
    )
    assert [record["id"] for record in records] == ["1", "2"]
    page = await listed(upstream, {}, methods=methods)
    assert page.records == [{"items": RAW, "total": 2}]


async def test_response_has_the_parts_of_the_answer_beside_the_datas_own_keys() -> None:
    upstream = MemoryUpstream([answer({"body": "own", "n": 1}, x_a="h")] * 3)
    call = parse_call("get", id="1", query=parse_query("truto_ignore_remote_data=true"))
    mapping = {
        "response_mapping": "{'s': response.statusCode, 'b': response.body, 'h': response.headers.`x-a`}"
    }
    assert await value_of(upstream, mapping, call) == {"s": 200, "b": "own", "h": "h"}
    assert await value_of(upstream, {"response_mapping": "response"}, call) == {"body": "own", "n": 1}
    mapping = {"response_mapping": "{'n': body.n, 'q': query.x, 'h': headers.`x-a`}"}
    assert await value_of(upstream, mapping, call) == {"n": 1, "h": "h"}


async def test_response_is_the_whole_answer_where_the_data_is_no_object_and_the_mapping_reads_it() -> None:
    upstream = MemoryUpstream([answer([1, 2])])
    mapping = {"response_mapping": "{'count': $count(response.body), 's': response.statusCode}"}
    assert await value_of(upstream, mapping, parse_call("get", id="1")) == {
        "count": 2,
        "s": 200,
        "remote_data": [1, 2],
    }


async def test_resource_and_method_are_chosen_from_their_lists() -> None:
    upstream = MemoryUpstream([answer({"items": RAW})])
    choice = {"expression": "query.q ? 'search' : 'list'", "methods": ["search", "list"]}
    page = await listed(upstream, {"method": choice, "request_body_mapping": "{'term': query.q}"}, "q=x")
    assert (upstream.request.method, upstream.body, len(page.records)) == ("POST", {"term": "x"}, 2)
    assert upstream.sent[0].operation.kind == "list"
    with pytest.raises(BadRequest, match="resource expression chose none of things"):
        await listed(upstream, {"resource": {"expression": "query.r", "resources": ["things"]}}, "r=users")


async def test_a_method_the_model_does_not_allow_and_one_that_is_not_there_are_not_found() -> None:
    with pytest.raises(NotFound, match=r"crm/contacts has no method 'serch'. Did you mean search\?"):
        await run(MemoryUpstream([]), {}, parse_call("serch"))
    with pytest.raises(NotFound, match="no method 'zap'"):
        await run(MemoryUpstream([]), {}, parse_call("zap"))


async def test_delete_answers_the_id_and_a_custom_method_its_result() -> None:
    upstream = MemoryUpstream([answer(status=204), answer({"no": 9}), answer({"items": [{"no": 1}]})])
    assert await value_of(upstream, {}, parse_call("delete", id="7")) == {"id": "7"}
    methods = {"delete": {"path": "/things/{{body.ref}}", "method": "delete"}}
    call = parse_call("delete", body={"ref": "r"})
    mapping = {"response_mapping": "{'id': response.no}"}
    assert await value_of(upstream, mapping, call, methods=methods) == {"id": "9"}
    mapping = {"response_mapping": "response.{'id': $string(no)}"}
    found = await value_of(upstream, mapping, parse_call("search", body={}))
    assert found == {"result": {"id": "1", "remote_data": [{"no": 1}]}}


async def test_an_error_is_worded_by_error_mapping() -> None:
    body = {"fault": {"text": "bad", "id": 12}}
    upstream = MemoryUpstream([answer(body, 418, x_kind="k", x_ratelimit_limit="5")])
    mapping = {
        "error_mapping": "{'message': error.fault.text, 'code': error.fault.id, 'status': 422, "
        "'error': 'Refused', 'kind': headers.`x-kind`, 'raw_response': 'mine', 'who': id, 'statusCode': 500, "
        "'truto_is_remote_error': false, 'truto_error_insight': {'own': 1}}"
    }
    with pytest.raises(RemoteError) as caught:
        await value_of(upstream, mapping, parse_call("get", id="5"))
    error = caught.value
    assert (error.status, error.message, error.error) == (422, "bad", "Refused")
    assert error.extra == {"code": 12, "kind": "k", "who": "5"}
    assert error.raw_response == body
    assert error.remote_details is None
    assert error.headers == {"x-ratelimit-limit": "5"}
    assert set(error.insight) == {"remote_error"}


async def test_an_error_of_a_list_is_worded_too() -> None:
    upstream = MemoryUpstream([answer({"fault": "bad"}, 418)])
    with pytest.raises(RemoteError, match="bad") as caught:
        await listed(upstream, {"error_mapping": "{'message': error.fault, 'status': 422}"})
    assert caught.value.status == 422


async def test_throttling_is_worded_by_error_mapping_and_stays_what_it_is() -> None:
    upstream = MemoryUpstream([answer({"fault": "slow down"}, 429, retry_after="7")])
    mapping = {"error_mapping": "{'message': error.fault, 'status': 400}"}
    with pytest.raises(RemoteError, match="slow down") as caught:
        await value_of(upstream, mapping, parse_call("get", id="1"))
    assert (caught.value.status, caught.value.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize("mapping", ["$error('x')", "nothing", "5"])
async def test_an_error_mapping_without_a_usable_result_leaves_the_default(mapping: str) -> None:
    upstream = MemoryUpstream([answer({"errors": ["first"]}, 500)])
    with pytest.raises(RemoteError, match="first"):
        await value_of(upstream, {"error_mapping": mapping}, parse_call("get", id="5"))


async def test_insights_follow_the_status() -> None:
    methods = {"get": {"path": "/x", "scopes": ["read", "write"]}}
    upstream = MemoryUpstream([answer({}, 403), answer("slow", 429)], {"oauth": {"scope": "read"}})
    with pytest.raises(RemoteError) as caught:
        await value_of(upstream, {}, parse_call("get"), methods=methods)
    assert caught.value.insight["forbidden_error"]["value"] == {"missing_scopes": ["write"]}
    with pytest.raises(RemoteError) as caught:
        await value_of(upstream, {}, parse_call("get"), methods=methods)
    assert set(caught.value.insight) == {"remote_error", "rate_limit_error"}
    assert (caught.value.headers, caught.value.raw_response) == ({"retry-after": "10"}, "slow")


async def test_a_closed_account_answers_as_its_provider_would() -> None:
    class Closed(MemoryUpstream):
        async def send(self, request: Any) -> Any:
            raise make_account_closed_error(2.2)

    for answered in (value_of(Closed([]), {}, parse_call("get", id="1")), listed(Closed([]), {})):
        with pytest.raises(RemoteError) as caught:
            await answered
        assert (caught.value.status, caught.value.headers) == (429, {"retry-after": "3"})
        assert "rate_limit_error" in caught.value.insight


async def test_an_expression_that_fails_is_told_without_its_data() -> None:
    upstream = MemoryUpstream([answer({"secret": "s3cr3t"})])
    with pytest.raises(MappingFailed) as caught:
        await value_of(upstream, {"response_mapping": "$number(response.secret)"}, parse_call("get", id="1"))
    assert caught.value.details["field"] == "response_mapping"
    assert caught.value.details["code"] == "D3030"
    assert "s3cr3t" not in caught.value.message


async def test_an_expression_in_an_object_that_fails_is_told_by_its_path() -> None:
    mapping = {"title": "response.title", "owner": [{"name": "$uppercase(response.owner)"}]}
    upstream = MemoryUpstream([answer({"title": "t", "owner": None})])
    with pytest.raises(MappingFailed) as caught:
        await value_of(upstream, {"response_mapping": mapping}, parse_call("get", id="1"))
    assert caught.value.details["field"] == "response_mapping.owner.0.name"
    assert "position 11 (T0410): argument 1 of $uppercase must be a string" in caught.value.message


async def test_a_mapping_that_fails_on_an_empty_answer_of_a_write_is_logged_by_its_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    upstream = MemoryUpstream([answer(b"")])
    await value_of(upstream, {"response_mapping": "$number('s3cr3t')"}, parse_call("create", body={}))
    assert [record.getMessage() for record in caplog.records] == [
        "response_mapping failed on an empty answer: D3030"
    ]


async def test_a_partial_page_is_flagged() -> None:
    upstream = MemoryUpstream([answer({"items": RAW, "more": True})])
    assert (
        await listed(upstream, {"is_partial_expression": "data.more and rawQuery.a = '1'"}, "a=1")
    ).is_partial_response


async def test_response_headers_are_mapped_and_those_of_the_connection_refused() -> None:
    upstream = MemoryUpstream([answer({"a": 1}, x_total="5")])
    refused = (
        "Connection Keep-Alive Proxy-Authenticate Proxy-Authorization TE Trailer Transfer-Encoding Upgrade "
        "Set-Cookie Content-Type Content-Length"
    )
    entries = ", ".join(f"'{name}': 'x'" for name in refused.split())
    mapping = {
        "response_header_mapping": f"{{'X-Total': headers.`x-total`, 'X-A': response.a, {entries}}}",
    }
    result = await run(upstream, mapping, parse_call("get", id="1"))
    assert result.headers == {"x-total": "5", "x-a": "1"}


@pytest.mark.parametrize("value", ["null", "nothing", "{'X-A': null, 'X-B': nothing}"])
async def test_a_response_header_without_a_value_is_none(value: str) -> None:
    upstream = MemoryUpstream([answer({"a": 1})])
    result = await run(upstream, {"response_header_mapping": value}, parse_call("get", id="1"))
    assert result.headers == {}


async def test_answers_are_shaped_as_the_caller_asks() -> None:
    async def shaped(query: str) -> Any:
        upstream = MemoryUpstream([answer({"items": [{"no": 1, "label": "a", "o": {"p": 1, "q": 2}}]})])
        mapping = {
            "response_mapping": "{'id': $string(response.no), 'name': response.label, 'o': response.o}",
            "response_mapping_method": "item",
        }
        return (await listed(upstream, mapping, query)).records

    record = {"id": "1", "name": "a", "o": {"p": 1, "q": 2}}
    raw = {"no": 1, "label": "a", "o": {"p": 1, "q": 2}}
    assert await shaped("truto_ignore_remote_data=true") == [record]
    assert await shaped("truto_exclude_fields=name,o.p,remote_data") == [{"id": "1", "o": {"q": 2}}]
    assert await shaped("truto_key_by=id&truto_ignore_remote_data=true") == {"1": record}
    assert await shaped("truto_response_format=normalized") == [{**record, "size": None}]
    assert await shaped("truto_response_format=raw") == [raw]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (answer(None), "with 200 and nothing instead"),
        (answer(5), r"a single value \(application/json\)"),
        (answer("text", content_type="text/plain; charset=utf-8"), r"a single value \(text/plain\)"),
        (answer("text", content_type=""), r"a single value \(of no type\)"),
    ],
)
async def test_a_record_is_not_invented_of_an_answer_that_is_none(found: HttpResponse, said: str) -> None:
    with pytest.raises(UpstreamInvalid, match=f"things.get {said}" if "nothing" in said else said):
        await value_of(MemoryUpstream([found]), {"response_mapping": "{'id': 1}"}, parse_call("get", id="1"))


async def test_a_record_may_be_text_where_the_definition_says_so() -> None:
    text = answer("a", content_type="text/plain")
    methods = {"get": {"path": "/x", "api_response_format": "text"}}
    mapping = {"response_mapping": "{'id': response}"}
    found = await value_of(MemoryUpstream([text]), mapping, parse_call("get", id="1"), methods=methods)
    assert found == {"id": "a", "remote_data": "a"}


def test_records_that_lack_the_key_they_are_wanted_by_are_told_with_their_fields() -> None:
    record = {"n": 1, "deep": {}}
    assert key_records([record, "x"], ["shaped", "y"], "n") == {"1": "shaped"}
    with pytest.raises(BadRequest, match="The records have deep, n"):
        key_records([record], ["shaped"], "deep")
    with pytest.raises(BadRequest, match="The records have no fields"):
        key_records(["x"], ["y"], "n")
