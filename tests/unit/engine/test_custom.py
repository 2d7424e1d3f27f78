"""Custom calls as the engine makes them; `tests/integration/test_wire_formats.py` holds them over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import load_integration
from isthmus.engine import custom
from isthmus.engine.calls import NO_BODY, ValueResult
from isthmus.engine.custom import CustomCall, is_read, select_forwarded_headers
from isthmus.errors import BadRequest


async def _call(method_config: dict[str, Any], body: Any = NO_BODY, *, is_trusted: bool) -> MemoryUpstream:
    upstream = MemoryUpstream([answer({"ok": True})])
    config = integration({}, query={"key": "{{credentials.api_key}}"})
    call = CustomCall(
        verb="POST",
        path="things",
        parameters=parse_call("custom", body=body),
        method_config=method_config,
        is_trusted=is_trusted,
    )
    result = await custom.call_custom(upstream, config, call)
    assert isinstance(result, ValueResult)
    return upstream


READS_QUERY = {"get_cursor_from_response_expression": "requestOptions.query.key"}


@pytest.mark.parametrize(
    ("method_config", "field"),
    [
        ({"base_url": "https://api.acme.test/v1"}, "base_url"),
        ({"authorization": {"format": "bearer"}}, "authorization"),
        ({"body": {"note": "{{context.api_key}}"}}, "body"),
        ({"body": {"note": "{{body.x|api_key}}"}}, "body"),
        ({"headers": {"X-Note": "{{credentials.api_key}}"}}, "headers"),
        ({"query": "{'note': context.api_key}"}, "query"),
        ({"path": "/x/{{api_key}}"}, "path"),
        ({"pagination": {"format": "page"}, "pagination_path": "/x/{{api_key}}"}, "pagination_path"),
        ({"pagination": {"format": "dynamic", "config": READS_QUERY}}, "pagination"),
        ({"error_expression": "data.ok"}, "error_expression"),
        ({"response_path": "$map([1..200000], $string)"}, "response_path"),
        ({"timeout_seconds": 61}, "timeout_seconds"),
    ],
)
async def test_the_token_of_one_account_cannot_read_or_redirect_its_credentials(
    method_config: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        await _call(method_config, {"x": 1}, is_trusted=False)
    assert refused.value.details["failures"][0]["path"] == f"methodConfig.{field}"


async def test_it_may_use_what_it_sends_and_the_definition_its_credentials() -> None:
    upstream = await _call({"body": {"y": "{{body.x:any}}"}}, {"x": 1}, is_trusted=False)
    assert upstream.body == {"y": 1}
    assert upstream.query == [("key", "k")]
    config = {"body": {"y": "{{id|query.x|body.x:any}}"}, "response_path": "ok", "timeout_seconds": 60}
    upstream = await _call(config, {"x": 1}, is_trusted=False)
    assert upstream.body == {"y": 1}


async def test_a_field_that_no_method_has_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="did you mean response_path") as refused:
        await _call({"respones_path": "data"}, is_trusted=True)
    assert refused.value.details["failures"][0]["path"] == "methodConfig.respones_path"


async def test_notes_beside_the_fields_of_a_method_are_no_matter() -> None:
    pagination = {"format": "page", "config": {"page_param": "p", "note": "n"}, "x-note": "n"}
    upstream = await _call({"label": "Things", "x-note": 1, "pagination": pagination}, is_trusted=True)
    assert upstream.request.url.startswith("https://api.acme.test/")


async def test_nobody_waits_longer_than_ten_minutes() -> None:
    upstream = await _call({"timeout_seconds": 600}, is_trusted=True)
    assert upstream.request.timeout_seconds == 600
    with pytest.raises(BadRequest, match="timeout_seconds may be 600 at most"):
        await _call({"timeout_seconds": 601}, is_trusted=True)


async def test_another_base_url_keeps_the_host() -> None:
    upstream = await _call({"base_url": "https://api.acme.test/v2", "path": "/a"}, is_trusted=True)
    assert upstream.request.url == "https://api.acme.test/v2/a?key=k"
    with pytest.raises(BadRequest, match="must keep the scheme, host and port"):
        await _call({"base_url": "https://api.acme.test:444/v2"}, is_trusted=True)


async def test_a_base_url_is_not_brought_by_the_caller_where_the_integration_has_none() -> None:
    call = CustomCall(
        verb="GET",
        path="things",
        parameters=parse_call("custom"),
        method_config={"base_url": "https://api.acme.test"},
    )
    with pytest.raises(BadRequest, match="must keep the scheme, host and port"):
        await custom.call_custom(MemoryUpstream([]), load_integration({"resources": {}}), call)


@pytest.mark.parametrize(
    ("verb", "method_config", "yes"),
    [
        ("GET", None, True),
        ("HEAD", None, True),
        ("OPTIONS", None, True),
        ("POST", None, False),
        ("GET", {"method": "DELETE"}, False),
        ("POST", {"method": "get"}, False),
        ("GET", {}, True),
    ],
)
def test_what_a_sandbox_takes_for_a_read(verb: str, method_config: dict[str, Any] | None, yes: bool) -> None:
    assert is_read(verb, method_config) is yes


def test_headers_of_one_connection_and_those_for_this_server_are_not_forwarded() -> None:
    hop_by_hop = (
        "keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer upgrade x-named"
    )
    of_proxies = "forwarded via x-real-ip x-forwarded-for x-forwarded-proto"
    for_this_server = "authorization cookie host idempotency-key"
    set_by_the_client = "accept-encoding content-length content-type expect transfer-encoding"
    names = f"{hop_by_hop} {of_proxies} {for_this_server} {set_by_the_client}".split()
    headers = {**dict.fromkeys(names, "x"), "connection": "close, X-Named", "accept": "text/csv"}
    assert select_forwarded_headers(headers) == {"accept": "text/csv"}
