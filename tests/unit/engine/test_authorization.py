from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.engine import proxy
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest, MappingFailed


async def _headers(
    spec: Any, context: dict[str, Any], format: str | None = "api_key", **method: Any
) -> dict[str, str]:
    upstream = MemoryUpstream([answer({})], method=format)
    upstream.context = context
    config = integration({"create": {"path": "/x", "method": "post", **method}}, authorization=spec)
    call = parse_call("create", query=parse_query("q=1"), body={"b": 2})
    await proxy.call_method(upstream, config, "things", call)
    headers = dict(upstream.request.headers)
    headers.pop("Content-Type")
    return headers


def _basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _pair(username: str, password: str) -> dict[str, Any]:
    return {"format": "basic", "config": {"username": username, "password": password}}


def _header(**config: str) -> dict[str, Any]:
    return {"format": "header", "config": config}


@pytest.mark.parametrize(
    ("spec", "context", "sent"),
    [
        ({"format": "bearer"}, {"oauth": {"token": {"access_token": "o"}}, "token": "t"}, _bearer("o")),
        ({"format": "bearer"}, {"access_token": "", "token": "t", "api_key": "k"}, _bearer("t")),
        ({"format": "bearer"}, {"api_key": 12}, _bearer("12")),
        ({"format": "bearer", "config": {"token": "{{context.x}}"}}, {"x": "y"}, _bearer("y")),
        (_pair("{{user}}/token", "{{pw}}"), {"user": "ü", "pw": "p"}, _basic("ü/token:p")),
        (_pair("{{key}}", "{{no}}"), {"key": "k"}, _basic("k:")),
        (_header(header_name="X-K", header_value="a {{credentials.k}}"), {"k": 1}, {"X-K": "a 1"}),
        (
            _header(
                header_name="X-K",
                header_value="no",
                expression="{'X-U': url, 'X-C': context.k, 'X-N': null, 'X-M': requestOptions.method "
                "& requestOptions.query.q & requestOptions.body.b}",
            ),
            {"k": "c"},
            {"X-U": "https://api.acme.test/v1/x?q=1", "X-M": "POST12", "X-C": "c"},
        ),
        (None, {"api_key": "k"}, _bearer("k")),
    ],
)
async def test_each_format_builds_its_headers(
    spec: Any, context: dict[str, Any], sent: dict[str, str]
) -> None:
    assert await _headers(spec, context) == sent


async def test_an_oauth_account_without_a_block_sends_its_token() -> None:
    sent = await _headers(None, {"oauth": {"token": {"access_token": "o"}}}, "oauth2")
    assert sent == {"Authorization": "Bearer o"}


async def test_no_auth_sends_nothing() -> None:
    assert await _headers({"format": "bearer"}, {"token": "t"}, no_auth=True) == {}


async def test_a_method_replaces_the_integrations_block() -> None:
    own = {"format": "header", "config": {"header_name": "X-Own", "header_value": "1"}}
    assert await _headers({"format": "bearer"}, {"token": "t"}, authorization=own) == {"X-Own": "1"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"format": "bearer"}, "has no token"),
        ({"format": "bearer", "config": {"token": "{{context.x}}"}}, r"\{\{context\.x\}\} in authorization"),
        (
            {"format": "header", "config": {"header_name": "X", "header_value": "{{x}}"}},
            r"\{\{x\}\} in authorization",
        ),
        (None, r"\{\{credentials\.api_key\}\}"),
    ],
)
async def test_a_credential_without_a_value_stops_the_call(spec: Any, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        await _headers(spec, {})


async def test_an_authorization_expression_that_gives_no_object_is_the_definitions_fault() -> None:
    with pytest.raises(MappingFailed, match="must return an object of header names") as caught:
        await _headers({"format": "header", "config": {"expression": "'text'"}}, {})
    assert caught.value.details == {
        "field": "authorization.config.expression",
        "expression_position": None,
        "code": "wrong_result",
    }


async def test_an_authorization_expression_that_fails_is_told_without_data() -> None:
    spec = {"format": "header", "config": {"expression": "{'X': $number(context.secret)}"}}
    with pytest.raises(MappingFailed) as caught:
        await _headers(spec, {"secret": "s3cr3t"})
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(("flag", "dropped"), [(True, {"x-k"}), (False, set())])
async def test_redirects_drop_what_authorization_built_where_the_method_says_so(
    flag: bool, dropped: set[str]
) -> None:
    upstream = MemoryUpstream([answer({})])
    spec = {"format": "header", "config": {"header_name": "X-K", "header_value": "1"}}
    config = integration({"get": {"path": "/x", "ignore_credentials_on_redirect": flag}}, authorization=spec)
    await proxy.call_method(upstream, config, "things", parse_call("get"))
    assert upstream.request.credential_headers == dropped
