"""What a provider's answer, or a caller's value, may cost or reach."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, integration

from isthmus.api.call_parsing import parse_call
from isthmus.engine import proxy
from isthmus.engine.calls import ValueResult
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest
from isthmus.http.messages import HttpResponse


async def read(body: bytes, kind: str, **method: Any) -> Any:
    """Returns the data of this answer; of one that cannot be parsed, what tells why."""
    method = {"throw_error_on_parse_error": False, **method}
    response = HttpResponse(200, {"content-type": kind}, body, "https://api.acme.test/x")
    upstream = MemoryUpstream([response])
    definition = integration({"get": {"path": "/x", **method}})
    result = await proxy.call_method(upstream, definition, "things", parse_call("get"))
    assert isinstance(result, ValueResult)
    return result.body


async def test_a_wide_first_row_does_not_make_much_of_little_text() -> None:
    body = b",".join(b"c%d" % index for index in range(2_000)) + b"\nx" * 5_000
    value = await read(body, "text/csv", api_response_format="csv")
    assert "cells" in value["parse_error"]


async def test_xml_is_counted_before_anything_is_built() -> None:
    began = time.process_time()
    value = await read(b"<a>" * 300_000, "application/xml")
    assert "deeper" in value["parse_error"]
    value = await read(b"<a>" + b"<b/>" * 1_000_001 + b"</a>", "application/xml")
    assert "elements" in value["parse_error"]
    assert time.process_time() - began < 5


@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "unicode_escape", "nonsense", "hex"])
async def test_a_charset_that_is_none_is_read_as_utf_8(charset: str) -> None:
    assert await read("aü".encode(), f"text/plain; charset={charset}") == "aü"


@pytest.mark.parametrize("charset", ["shift_jis", "windows-1252", "iso-8859-15", "utf-16", "gb18030"])
async def test_a_real_charset_is_read(charset: str) -> None:
    assert await read("abc".encode(charset), f"text/plain; charset={charset}") == "abc"


@pytest.mark.parametrize("query", ["truto_ignore_limit=true", "truto_x=1", "limit=5&truto_key=id"])
def test_a_parameter_of_ours_that_does_not_exist_is_refused(query: str) -> None:
    with pytest.raises(BadRequest, match="is not a parameter of this API"):
        parse_call("list", query=parse_query(query))
