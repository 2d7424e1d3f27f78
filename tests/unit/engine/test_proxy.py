from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.engine import proxy
from isthmus.engine.bodies import MAX_DEPTH
from isthmus.engine.calls import Call, CallResult, ListResult, ValueResult
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest, MappingFailed, NotFound, RemoteError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
GET = {"get": {"path": "/things/{{id}}"}}


async def _value(upstream: MemoryUpstream, methods: dict[str, Any], call: Call, **config: Any) -> Any:
    result = await proxy.call_method(upstream, integration(methods, **config), "things", call)
    assert isinstance(result, ValueResult)
    return result.body


async def _page(
    upstream: MemoryUpstream, method: dict[str, Any], query: str = "", **config: Any
) -> ListResult:
    result: CallResult = await proxy.call_method(
        upstream,
        integration({"list": method}, **config),
        "things",
        parse_call("list", query=parse_query(query)),
    )
    assert isinstance(result, ListResult)
    return result


async def test_a_get_is_sent_to_the_path_with_its_id_and_the_default_key() -> None:
    upstream = MemoryUpstream([answer({"id": 1})])
    assert await _value(upstream, GET, parse_call("get", id="a b/c:d@e")) == {"id": 1}
    assert upstream.request.method == "GET"
    assert upstream.request.url == "https://api.acme.test/v1/things/a%20b/c%3Ad%40e"
    assert upstream.request.headers == {"Authorization": "Bearer k"}
    assert upstream.request.body is None
    operation = upstream.sent[0].operation
    assert (operation.kind, operation.resource, operation.method, operation.id) == (
        "get",
        "things",
        "get",
        "a b/c:d@e",
    )


@pytest.mark.parametrize(("given", "sent"), [("7", []), ("8", [("id", "8")])])
async def test_an_id_that_is_sent_as_a_parameter_too_is_no_parameter(
    given: str, sent: list[tuple[str, str]]
) -> None:
    upstream = MemoryUpstream([answer({})])
    await _value(upstream, GET, parse_call("get", id="7", query=parse_query(f"id={given}&a=1")))
    assert upstream.query == [*sent, ("a", "1")]


@pytest.mark.parametrize("id", ["..", "a/../b", "%2e%2e"])
async def test_an_id_cannot_climb_out_of_the_path(id: str) -> None:
    upstream = MemoryUpstream([])
    if "%" in id:
        upstream = MemoryUpstream([answer({})])
        await _value(upstream, GET, parse_call("get", id=id))
        assert upstream.request.url.endswith("/things/%252e%252e")
        return
    with pytest.raises(BadRequest, match=r"'\.\.' segment"):
        await _value(upstream, GET, parse_call("get", id=id))
    assert upstream.sent == []


async def test_a_placeholder_without_a_value_stops_the_call_and_is_named() -> None:
    upstream = MemoryUpstream([])
    with pytest.raises(
        BadRequest, match=r"\{\{query\.project\}\} in resources\.things\.get\.path has no value"
    ):
        await _value(upstream, {"get": {"path": "/p/{{query.project}}"}}, parse_call("get", id="1"))


async def test_what_a_path_reads_of_the_query_is_sent_in_the_query_too() -> None:
    """The caller's query goes out whole: a product may read it there."""
    upstream = MemoryUpstream([answer([])])
    await _page(upstream, {"path": "/p/{{query.project}}/t"}, "project=7&open=true")
    assert upstream.request.url.endswith("/p/7/t?project=7&open=true")


async def test_headers_merge_without_case_and_null_removes_them_at_any_level() -> None:
    upstream = MemoryUpstream([answer({})])
    method = {
        "path": "/x",
        "headers": {
            "x-two": "method",
            "X-Three": None,
            "X-Four": "{{nothing}}",
            "X-Gone": "m",
            "X-Five": "{{context.n}}",
        },
    }
    await _value(
        upstream,
        {"get": method},
        parse_call("get"),
        headers={"X-One": "1", "X-Two": "config", "X-Three": "3", "x-gone": None},
        authorization={
            "format": "header",
            "config": {"header_name": "x-one", "header_value": "{{credentials.api_key}}"},
        },
    )
    assert upstream.request.headers == {"x-one": "k", "x-two": "method"}


async def test_query_levels_override_each_other_and_the_caller_wins() -> None:
    upstream = MemoryUpstream([answer({})])
    method = {
        "path": "/x",
        "query": {"b": "method", "c": "{{query.seen:undefined}}", "d": "{{gone}}", "e": "m", "n": None},
    }
    call = parse_call(
        "get", query=parse_query("e=caller&seen=1&f[gt]=2&integrated_account_id=9&truto_exclude_fields=a")
    )
    await _value(upstream, {"get": method}, call, query={"a": "config", "b": "config", "n": "config"})
    assert upstream.query == [
        ("a", "config"), ("b", "method"), ("c", "1"), ("e", "caller"), ("seen", "1"), ("f[gt]", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ("comma", "ids=a,b"),
        ("brackets", "ids%5B%5D=a&ids%5B%5D=b"),
        ("indices", "ids%5B0%5D=a&ids%5B1%5D=b"),
        ("repeat", "ids=a&ids=b"),
        (None, "ids=a&ids=b"),
    ],
)
async def test_arrays_are_written_as_the_definition_says(form: str | None, sent: str) -> None:
    upstream = MemoryUpstream([answer({})])
    call = parse_call("get", query=parse_query("ids[]=a&ids[]=b"))
    await _value(upstream, {"get": {"path": "/x"}}, call, query_array_format=form)
    assert upstream.request.url.partition("?")[2] == sent


@pytest.mark.parametrize(
    ("method", "given", "sent", "content_type"),
    [
        ({}, {"a": 1}, b'{"a":1}', JSON),
        ({"body": {"b": "{{body.a:int}}", "c": "{{body.n:undefined}}"}}, {"a": "1"}, b'{"b":1}', JSON),
        ({"body": {"k": 1, "$truto_merge": "{{body:json}}"}}, {"a": 2}, b'{"k":1,"a":2}', JSON),
        ({"body": "{'a': body.a + 1}"}, {"a": 1}, b'{"a":2}', JSON),
        ({"body_format": "form"}, {"a": ["x", "y"], "b": {"c": True}}, b"a=x&a=y&b%5Bc%5D=true", FORM),
        (
            {"body_format": "form", "body_format_config": {"array_format": "brackets"}},
            {"a": ["x"]},
            b"a%5B%5D=x",
            FORM,
        ),
        ({"ignore_body": True, "set_body_to_null": True}, {"a": 1}, None, None),
        ({"set_body_to_null": True}, {"a": 1}, b"null", JSON),
        ({"add_query_to_body": True}, {"a": 1}, b'{"a":1,"q":"2"}', JSON),
        ({"headers": {"content-type": "application/vnd.api+json"}}, {"a": 1}, b'{"a":1}', None),
        ({}, {"big": 2**70}, b'{"big":1180591620717411303424}', JSON),
    ],
)  # fmt: skip
async def test_the_body_follows_the_rules_of_the_method(
    method: dict[str, Any], given: Any, sent: bytes | None, content_type: str | None
) -> None:
    upstream = MemoryUpstream([answer({"ok": True})])
    query = "a=9&q=2" if "add_query_to_body" in method else ""
    methods = {"create": {"path": "/things", "method": "POST", **method}}
    await _value(upstream, methods, parse_call("create", body=given, query=parse_query(query)))
    assert upstream.request.body == sent
    assert upstream.request.headers.get("Content-Type") == content_type
    if query:
        assert upstream.query == []


@pytest.mark.parametrize(
    ("method", "given", "sent"),
    [
        ({"ignore_body": True}, {"b": 1}, None),
        ({"set_body_to_null": True}, {"b": 1}, b"null"),
        ({}, [1], b"[1]"),
        ({}, b"raw", b"raw"),
    ],
)
async def test_a_query_that_no_body_has_room_for_stays_in_the_url(
    method: dict[str, Any], given: Any, sent: bytes | None
) -> None:
    upstream = MemoryUpstream([answer({"ok": True})])
    methods = {"create": {"path": "/things", "method": "post", "add_query_to_body": True, **method}}
    is_raw = isinstance(given, bytes)
    query = "q=2&truto_body_passthrough=true" if is_raw else "q=2"
    call = parse_call("create", body=given, query=parse_query(query), raw_body=given if is_raw else None)
    await _value(upstream, methods, call)
    assert (upstream.request.body, upstream.query) == (sent, [("q", "2")])


async def test_headers_of_an_expression_lie_over_those_of_the_integration_whatever_their_case() -> None:
    upstream = MemoryUpstream([answer({"ok": True})])
    methods = {"get": {"path": "/x", "headers": "{'x-a': 9, 'X-B': null, 'X-Gone': 'x', 'X-D': 'd'}"}}
    shared = {"X-A": "1", "X-B": "2", "X-C": "3", "x-gone": None}
    await _value(upstream, methods, parse_call("get"), headers=shared)
    assert upstream.request.headers == {"X-C": "3", "x-a": "9", "X-D": "d", "Authorization": "Bearer k"}


@pytest.mark.parametrize("verb", ["post", "put", "patch", "get", "delete"])
async def test_only_a_verb_that_has_a_body_takes_one(verb: str) -> None:
    upstream = MemoryUpstream([answer({"ok": True})])
    methods = {"create": {"path": "/x", "method": verb, "add_query_to_body": True}}
    await _value(upstream, methods, parse_call("create", body={"a": 1}, query=parse_query("q=2")))
    if verb in ("get", "delete"):
        assert (upstream.request.body, upstream.query) == (None, [("q", "2")])
    else:
        assert (upstream.body, upstream.query) == ({"a": 1, "q": "2"}, [])


@pytest.mark.parametrize("level", ["config", "method"])
async def test_a_null_content_type_is_none_at_all(level: str) -> None:
    upstream = MemoryUpstream([answer({"ok": True})])
    null = {"headers": {"content-type": None}}
    own, shared = (null, {}) if level == "method" else ({}, null)
    methods = {"create": {"path": "/things", "method": "post", **own}}
    await _value(upstream, methods, parse_call("create", body={"a": 1}), **shared)
    assert upstream.request.headers == {"Authorization": "Bearer k"}


async def test_a_method_switches_error_expressions_off_by_null_and_not_by_nothing() -> None:
    for own, fails in ((None, False), ("", True), ("false", False)):
        methods = {"get": {"path": "/x", "error_expression": own}}
        result = _value(
            MemoryUpstream([answer({})]), methods, parse_call("get", id="1"), error_expression="true"
        )
        if fails:
            with pytest.raises(RemoteError):
                await result
        else:
            assert await result == {}


def nest_lists(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


async def test_a_body_nested_as_deeply_as_allowed_is_sent() -> None:
    upstream = MemoryUpstream([answer({})])
    methods = {"create": {"path": "/x", "method": "post"}}
    await _value(upstream, methods, parse_call("create", body=nest_lists(MAX_DEPTH)))
    assert upstream.request.body == b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH


@pytest.mark.parametrize(
    "body", [nest_lists(MAX_DEPTH + 1), nest_lists(5000), {"x": float("nan"), "y": 2**70}]
)
async def test_a_body_without_a_json_form_is_refused(body: Any) -> None:
    methods = {"create": {"path": "/x", "method": "post"}}
    with pytest.raises(BadRequest, match="nested too deeply, or holds what has no form"):
        await _value(MemoryUpstream([]), methods, parse_call("create", body=body))


async def test_a_delete_without_a_body_of_its_own_sends_none_and_answers_the_id() -> None:
    upstream = MemoryUpstream([answer(status=204)])
    methods = {"delete": {"path": "/things/{{id}}", "method": "delete"}}
    assert await _value(upstream, methods, parse_call("delete", id="7", body={"x": 1})) == {"id": "7"}
    assert upstream.request.body is None
    own: dict[str, Any] = {"delete": {"path": "/x", "method": "delete", "body": {"id": "{{body.id}}"}}}
    upstream = MemoryUpstream([answer(status=204)])
    assert await _value(upstream, own, parse_call("delete", body={"id": 8})) == {"id": "8"}


async def test_bytes_are_passed_through_with_their_content_type() -> None:
    upstream = MemoryUpstream([answer({})])
    call = parse_call(
        "create",
        query=parse_query("truto_body_passthrough=true"),
        raw_body=b"\x00\x01",
        content_type="image/png",
        headers={"accept": "*/*", "x-other": "1"},
    )
    await _value(upstream, {"create": {"path": "/files", "method": "post", "body": {"a": 1}}}, call)
    assert upstream.request.body == b"\x00\x01"
    assert upstream.request.headers == {
        "Authorization": "Bearer k",
        "Content-Type": "image/png",
        "Accept": "*/*",
    }


async def test_a_custom_method_takes_its_id_from_query_or_body() -> None:
    upstream = MemoryUpstream([answer({"done": 1})] * 2)
    methods = {"close": {"path": "/things/{{id}}/close", "method": "post"}}
    assert await _value(upstream, methods, parse_call("close", body={"id": 5})) == {"done": 1}
    assert upstream.request.url.endswith("/things/5/close")
    await _value(upstream, methods, parse_call("close", query=parse_query("id=6"), body={"id": 5}))
    assert "/things/6/close" in upstream.request.url
    assert upstream.sent[0].operation.kind == "custom"
    for given in ({"x": 1}, [1]):
        assert parse_call("close", body={"id": given}).record_id is None


async def test_required_headers_are_asked_for_and_forwarded() -> None:
    upstream = MemoryUpstream([answer({})])
    with pytest.raises(BadRequest, match="needs the headers X-Shop"):
        await _value(upstream, {"get": {"path": "/x"}}, parse_call("get"), required_headers=["X-Shop"])
    call = parse_call("get", headers={"x-shop": "9", "x-no": "1"})
    await _value(upstream, {"get": {"path": "/x"}}, call, required_headers=["X-Shop"])
    assert upstream.request.headers["X-Shop"] == "9"
    assert "x-no" not in upstream.request.headers


async def test_response_path_and_list_rules() -> None:
    async def listed(body: Any, path: str | None) -> list[Any]:
        method = {"path": "/x", **({"response_path": path} if path else {})}
        page = await _page(MemoryUpstream([answer(body)]), method)
        assert isinstance(page.records, list)
        return page.records

    assert await listed({"data": {"rows": [{"a": 1}]}}, "data.rows") == [{"a": 1}]
    assert await listed({"data": {}}, "data.rows") == []
    assert await listed({"data": None}, "data") == []
    assert await listed({"data": {"a": 1}}, "data") == [{"a": 1}]
    assert await listed([{"a": 1}], None) == [{"a": 1}]
    assert await listed({"rows": [{"v": 1}, {"v": 2}]}, "rows.v") == [1, 2]
    assert await listed({"rows": [{"v": 1}]}, "rows[v=1]") == [{"v": 1}]
    assert await listed({"rows": [None, [1]]}, "rows") == [None, [1]]
    methods = {"get": {"path": "/", "response_path": "data"}}
    upstream = MemoryUpstream([answer({"data": {"a": 1}}), answer({})])
    assert await _value(upstream, methods, parse_call("get")) == {"a": 1}
    assert await _value(upstream, methods, parse_call("get")) is None


async def test_the_list_envelope_has_all_its_keys() -> None:
    page = await _page(MemoryUpstream([answer([{"a": 1}])]), {"path": "/x"})
    assert page.body == {
        "result": [{"a": 1}],
        "next_cursor": None,
        "prev_cursor": None,
        "result_count": 1,
        "is_partial_response": False,
    }


async def test_an_unknown_resource_or_method_names_what_is_close() -> None:
    config = integration({"list": {"path": "/x"}, "search": {"path": "/x"}})
    with pytest.raises(NotFound, match=r"no resource 'thing'. Did you mean things\?"):
        await proxy.call_method(MemoryUpstream([]), config, "thing", parse_call("list"))
    with pytest.raises(NotFound, match=r"no method 'serch'. Did you mean search\?"):
        await proxy.call_method(MemoryUpstream([]), config, "things", parse_call("serch"))
    with pytest.raises(NotFound, match=r"Its methods are list, search"):
        await proxy.call_method(MemoryUpstream([]), config, "things", parse_call("zap"))


@pytest.mark.parametrize(("count", "end"), [(10, "k9."), (11, "k9, ….")])
async def test_up_to_ten_names_are_listed(count: int, end: str) -> None:
    config = integration({f"k{number:x}": {"path": "/x"} for number in range(count)})
    with pytest.raises(NotFound, match=rf"Its methods are k0, .*{re.escape(end)} Methods are defined"):
        await proxy.call_method(MemoryUpstream([]), config, "things", parse_call("zap"))


async def test_an_error_of_the_provider_is_handed_on_with_its_body_and_headers() -> None:
    body = {"error": {"message": "no such thing"}, "code": 7}
    upstream = MemoryUpstream(
        [answer(body, 403, retry_after="0.4", x_ratelimit_remaining="3", set_cookie="a", x_request_id="r")],
        {"oauth": {"scope": ["a"]}},
    )
    with pytest.raises(RemoteError) as caught:
        await _value(upstream, {"get": {"path": "/x", "scopes": ["a", "b"]}}, parse_call("get"))
    error = caught.value
    assert (error.status, error.message, error.raw_response, error.remote_details) == (
        403,
        "Acme answered 403: no such thing",
        body,
        body,
    )
    assert error.insight["forbidden_error"]["value"] == {"missing_scopes": ["b"]}
    assert error.headers == {"retry-after": "1", "x-ratelimit-remaining": "3", "x-request-id": "r"}


@pytest.mark.parametrize(
    ("expression", "body", "status", "wire", "message"),
    [
        ("data.ok = false ? data.why", {"ok": False, "why": "broken"}, 200, 502, "which means 502: broken"),
        ("data.ok = false", {"ok": False, "message": "own"}, 200, 502, "which means 502: own"),
        ("{'message': 'm', 'status': 409, 'error': 'Clash', 'x': 1}", {}, 200, 409, "which means 409: m"),
        ("status = 404 ? 'gone'", {}, 404, 404, "answered 404: gone"),
        ("status = 404 ? {'message': ' '}", {"message": "own"}, 404, 404, "answered 404: own"),
        ("$error('fails')", {"message": "own"}, 500, 500, "answered 500: own"),
        ("false", {"detail": "d"}, 422, 422, "answered 422: d"),
    ],
)
async def test_an_error_expression_adds_errors_and_never_hides_one(
    expression: str, body: Any, status: int, wire: int, message: str
) -> None:
    with pytest.raises(RemoteError) as caught:
        await _value(
            MemoryUpstream([answer(body, status)]),
            {"get": {"path": "/x"}},
            parse_call("get"),
            error_expression=expression,
        )
    said = caught.value.message.removeprefix(f"Acme answered {status}, ").removeprefix("Acme ")
    assert (caught.value.status, said) == (wire, message)


async def test_an_error_expression_that_fails_on_a_success_counts_as_no_error() -> None:
    upstream = MemoryUpstream([answer({"a": 1})])
    assert await _value(
        upstream, {"get": {"path": "/x"}}, parse_call("get"), error_expression="$error('x')"
    ) == {"a": 1}


@pytest.mark.parametrize("field", ["query", "headers"])
async def test_an_expression_that_gives_no_object_is_the_definitions_fault(field: str) -> None:
    upstream = MemoryUpstream([])
    with pytest.raises(MappingFailed, match=f"{field} must return an object") as failed:
        await _value(upstream, {"get": {"path": "/x", field: "'a=1'"}}, parse_call("get"))
    assert failed.value.status == 500
    assert failed.value.details["code"] == "wrong_result"
    assert upstream.sent == []
