from __future__ import annotations

import gc
from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import load_integration
from isthmus.definitions.methods import BodyFormatConfig
from isthmus.engine import proxy
from isthmus.engine.calls import ListResult, StreamResult, ValueResult
from isthmus.engine.method_plans import plan_method
from isthmus.engine.responses import find_raw_records, should_stream
from isthmus.engine.xml import XmlUnreadable, _check_size, parse_xml
from isthmus.errors import DefinitionError, RemoteError, UpstreamInvalid
from isthmus.http.messages import HttpResponse


async def _get(response: HttpResponse, **method: Any) -> Any:
    upstream = MemoryUpstream([response])
    result = await proxy.call_method(
        upstream, integration({"get": {"path": "/x", **method}}), "things", parse_call("get")
    )
    assert isinstance(result, ValueResult)
    return result.body


@pytest.mark.parametrize(
    ("body", "kind", "value"),
    [
        (b'{"a":1}', "application/json", {"a": 1}),
        (b'\xef\xbb\xbf{"a":1}', "application/vnd.api+json; charset=utf-8", {"a": 1}),
        ('{"a":"ü"}'.encode("latin-1"), "application/json; charset=ISO-8859-1", {"a": "ü"}),
        ("ü".encode("latin-1"), "text/plain; charset=latin1", "ü"),
        (b"a,b\n1,2", "text/csv", "a,b\n1,2"),
        (b"<a/>", "application/xml", {"a": None}),
        (b"<a/>", "application/xhtml+xml", "<a/>"),
        (b'{"a":1}', "text/html", '{"a":1}'),
        (b'{"a":1}', "", {"a": 1}),
        (b"hello", "", "hello"),
        (b"x", "text/plain; charset=nonsense", "x"),
    ],
)
async def test_the_content_type_chooses_the_parser(body: bytes, kind: str, value: Any) -> None:
    assert await _get(answer(body, content_type=kind)) == value


async def test_a_whole_number_is_exact_up_to_64_bits_and_a_double_beyond() -> None:
    given = answer(
        b'{"exact":18446744073709551615,"least":-9223372036854775808,"longer":123456789012345678901234}'
    )
    read = await _get(given)
    assert read == {"exact": 2**64 - 1, "least": -(2**63), "longer": 1.2345678901234569e23}
    assert isinstance(read["exact"], int)
    assert isinstance(read["longer"], float)


async def test_a_definition_can_force_the_parser() -> None:
    assert await _get(answer(b'{"a":1}', content_type="text/html"), api_response_format="json") == {"a": 1}
    assert await _get(answer(b'{"a":1}'), api_response_format="text") == '{"a":1}'
    csv = b'\xef\xbb\xbfa,b\r\n1,"x ""y"", z"\r\n\r\n2\r\n3,4,5'
    assert await _get(answer(csv, content_type="text/plain"), api_response_format="csv") == [
        {"a": "1", "b": 'x "y", z'},
        {"a": "2", "b": ""},
        {"a": "3", "b": "4", "column_3": "5"},
    ]


@pytest.mark.parametrize("format", ["binary", "csv", "text"])
async def test_no_bytes_are_nothing_in_a_format_that_has_no_sign_for_it(format: str) -> None:
    assert await _get(answer(b""), api_response_format=format) is None


@pytest.mark.parametrize("status", [204, 205])
async def test_a_status_without_content_brings_nothing_whatever_is_sent_with_it(status: int) -> None:
    for body in (b"", b"{}"):
        given = HttpResponse(status, {"content-type": "application/json"}, body, "https://a.test/")
        assert await _get(given) is None


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii"])
async def test_json_is_utf_8_by_whichever_name(charset: str) -> None:
    kind = f"application/json; charset={charset}"
    assert await _get(answer('{"a":"ü"}'.encode(), content_type=kind)) == {"a": "ü"}
    with pytest.raises(UpstreamInvalid, match="not valid JSON"):
        await _get(answer(b'{"a":"\xff"}', content_type=kind))


async def test_an_empty_answer_brings_a_write_nothing_and_is_no_record() -> None:
    upstream = MemoryUpstream([answer(b"")])
    config = integration({"create": {"path": "/x", "method": "post"}})
    result = await proxy.call_method(upstream, config, "things", parse_call("create"))
    assert isinstance(result, ValueResult)
    assert result.body is None
    with pytest.raises(UpstreamInvalid, match="status 200 and an empty body"):
        await _get(answer(b""))
    assert await _get(answer(b""), throw_error_on_parse_error=False) is None
    assert await _get(answer(b"", 204)) is None


async def test_text_is_a_list_only_where_the_definition_asks_for_text() -> None:
    async def list_things(**method: Any) -> Any:
        """Returns the records of a list that is answered with a page of HTML."""
        upstream = MemoryUpstream([answer(b"<p>back soon", content_type="text/html")])
        config = integration({"list": {"path": "/x", **method}})
        result = await proxy.call_method(upstream, config, "things", parse_call("list"))
        assert isinstance(result, ListResult)
        return result.records

    with pytest.raises(UpstreamInvalid, match=r"the list with 200 and text \(text/html\)"):
        await list_things()
    assert await list_things(api_response_format="text") == ["<p>back soon"]


@pytest.mark.parametrize("throws", [{}, {"throw_error_on_parse_error": True}], ids=["unsaid", "true"])
async def test_json_that_does_not_parse_is_an_error_unless_the_definition_says_no(
    throws: dict[str, Any],
) -> None:
    garbage = answer(b"<html>oops")
    with pytest.raises(UpstreamInvalid, match="not valid JSON"):
        await _get(garbage, **throws)
    value = await _get(garbage, response_path="data", throw_error_on_parse_error=False)
    assert value["raw"] == "<html>oops"
    assert "line 1" in value["parse_error"]


@pytest.mark.parametrize(
    ("body", "raw"), [(b"<h1>down</h1>", "<h1>down</h1>"), (b'{"a":1}', {"a": 1}), (b"", None)]
)
async def test_an_errors_body_is_json_where_it_parses_whatever_its_type(body: bytes, raw: Any) -> None:
    with pytest.raises(RemoteError) as caught:
        await _get(answer(body, 500, content_type="text/html"))
    assert caught.value.raw_response == raw


@pytest.mark.parametrize(
    ("status", "kind", "length", "yes"),
    [
        (200, "application/pdf", "9", True),
        (200, "application/octet-stream", None, True),
        (200, "image/png", None, True),
        (200, "application/json", None, False),
        (200, "application/hal+json", None, False),
        (200, "image/svg+xml", None, False),
        (200, "text/csv", None, False),
        (200, "application/javascript", None, False),
        (200, "application/x-www-form-urlencoded", None, False),
        (200, "", None, False),
        (200, "application/pdf", "0", False),
        (204, "application/pdf", None, False),
        (399, "application/pdf", None, True),
        (400, "application/pdf", None, False),
        (500, "application/pdf", None, False),
    ],
)
def test_what_is_no_text_is_handed_on_as_it_arrives(
    status: int, kind: str, length: str | None, yes: bool
) -> None:
    headers = {"content-type": kind, **({"content-length": length} if length else {})}
    assert should_stream(None, status, headers) is yes
    assert should_stream("binary", 200, headers) is (length != "0")
    assert should_stream("json", 200, headers) is False


async def test_a_list_of_garbage_that_is_asked_for_is_one_record_that_tells() -> None:
    upstream = MemoryUpstream([answer(b"oops")])
    config = integration(
        {"list": {"path": "/x", "response_path": "rows", "throw_error_on_parse_error": False}}
    )
    result = await proxy.call_method(upstream, config, "things", parse_call("list"))
    assert isinstance(result, ListResult)
    assert isinstance(result.records, list)
    assert result.records[0]["raw"] == "oops"


@pytest.mark.parametrize(
    ("data", "records"),
    [
        ([1, 2], [1, 2]),
        (None, []),
        ({"a": [{"b": 1}], "n": [1, 2]}, [{"b": 1}]),
        ({"a": []}, []),
        ({"a": [{"b": 1}], "c": [{"d": 1}]}, [{"a": [{"b": 1}], "c": [{"d": 1}]}]),
        ({"a": 1}, [{"a": 1}]),
        ("x", ["x"]),
    ],
)
def test_the_raw_records_of_a_list(data: Any, records: list[Any]) -> None:
    assert find_raw_records(data) == records


def test_a_plan_is_made_once_for_a_definition_and_goes_with_it() -> None:
    config = integration({"list": {"path": "/x"}})
    plan = plan_method(config, "things", "list")
    assert plan_method(config, "things", "list") is plan
    assert plan_method(integration({"list": {"path": "/x"}}), "things", "list") is not plan
    del config, plan
    gc.collect()


def test_a_definition_without_a_base_url_says_so() -> None:
    config = load_integration({"resources": {"things": {"list": {"path": "/x"}}}})
    with pytest.raises(DefinitionError, match="has no base_url"):
        plan_method(config, "things", "list")


def test_stream_results_carry_no_body_of_their_own() -> None:
    assert not hasattr(StreamResult, "body")


XML = b"""<?xml version="1.0" encoding="iso-8859-1"?>
<rows page="1"><row id="7">caf\xe9</row><row id="8"><tag/>text</row></rows>"""


async def test_xml_is_read_with_its_attributes_and_texts() -> None:
    rows = [{"@id": "7", "#text": "café"}, {"@id": "8", "tag": None, "#text": "text"}]
    assert await _get(answer(XML, content_type="text/xml")) == {"rows": {"@page": "1", "row": rows}}
    assert await _get(answer(XML, content_type="application/xml"), response_path="rows.row") == rows
    renamed = {"attribute_prefix": "_", "text_key": "value"}
    found = await _get(answer(XML, content_type="text/xml"), body_format_config=renamed)
    assert found["rows"]["row"][0] == {"_id": "7", "value": "café"}
    utf8 = "<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>".encode()
    assert await _get(answer(utf8, content_type="text/xml; charset=utf-8")) == {"a": "é"}


@pytest.mark.parametrize("status", [400, 401, 599])
async def test_a_status_from_400_on_is_an_error_with_its_body(status: int) -> None:
    with pytest.raises(RemoteError, match="wrong") as caught:
        await _get(answer({"message": "wrong"}, status))
    assert (caught.value.status, caught.value.raw_response) == (status, {"message": "wrong"})
    file = HttpResponse(
        status, {"content-type": "application/pdf"}, b'{"message": "wrong"}', "https://a.test/"
    )
    with pytest.raises(RemoteError, match="wrong"):
        await _get(file)


@pytest.mark.parametrize("status", [300, 304])
async def test_a_status_from_300_on_brings_no_record(status: int) -> None:
    assert await _get(answer({"id": 1}, 299)) == {"id": 1}
    with pytest.raises(UpstreamInvalid, match=f"status {status}, which brings no records"):
        await _get(answer({"id": 1}, status))


@pytest.mark.parametrize(("rows", "is_read"), [(999, True), (1_000, True), (1_001, False)])
async def test_csv_has_a_million_cells_at_the_most(rows: int, is_read: bool) -> None:
    text = ",".join(map(str, range(1_000))) + "\n" + "x\n" * rows
    value = await _get(
        answer(text.encode(), content_type="text/csv"),
        api_response_format="csv",
        throw_error_on_parse_error=False,
    )
    if is_read:
        assert len(value) == rows
    else:
        assert value["parse_error"] == "more than 1000000 cells"


@pytest.mark.parametrize(
    "text", [b'a\n"x', b'a\n"x"y'], ids=["a quote that does not end", "text behind a quote"]
)
async def test_csv_that_is_broken_is_an_error_unless_the_definition_says_no(text: bytes) -> None:
    broken = answer(text, content_type="text/csv")
    with pytest.raises(UpstreamInvalid, match="not valid CSV"):
        await _get(broken, api_response_format="csv")
    value = await _get(broken, api_response_format="csv", throw_error_on_parse_error=False)
    assert value["raw"] == text.decode()


@pytest.mark.parametrize(("depth", "is_read"), [(200, True), (201, False)])
def test_xml_is_nested_200_elements_deep_at_the_most(depth: int, is_read: bool) -> None:
    text = b"<a>" * depth + b"</a>" * depth
    if is_read:
        assert parse_xml(text, BodyFormatConfig())["a"]
    else:
        with pytest.raises(XmlUnreadable, match="nested deeper than 200 elements"):
            parse_xml(text, BodyFormatConfig())


def test_xml_has_a_million_elements_and_attributes_at_the_most() -> None:
    rows = "<b c='1'/>" * 499_999
    _check_size(f"<a d='1'>{rows}</a>")
    with pytest.raises(XmlUnreadable, match="more than 1000000 elements and attributes"):
        _check_size(f"<a d='1'>{rows}<b/></a>")


@pytest.mark.parametrize(
    "text",
    [
        b"<?xml version='1.0' encoding='nonsense'?><a/>",
        b"<?xml version='1.0' encoding='rot13'?><a/>",
        b"",
        "\ud800",
    ],
)
def test_xml_in_an_unknown_encoding_is_unreadable(text: bytes | str) -> None:
    with pytest.raises(XmlUnreadable):
        parse_xml(text, BodyFormatConfig())


BOMB = (
    b'<!DOCTYPE a [<!ENTITY x "boom"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>',
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    b'<!DOCTYPE a [<!ATTLIST b c CDATA "default">]><a><b/></a>',
    b"<a>" * 300 + b"</a>" * 300,
    b"<a>",
)


@pytest.mark.parametrize("body", BOMB)
async def test_xml_that_is_broken_or_a_trap_is_an_error_unless_the_definition_says_no(body: bytes) -> None:
    broken = answer(body, content_type="text/xml")
    with pytest.raises(UpstreamInvalid, match="not valid XML"):
        await _get(broken)
    value = await _get(broken, response_path="a", throw_error_on_parse_error=False)
    assert value["raw"] == body.decode()
    assert "passwd" not in value["parse_error"]


async def test_an_error_in_xml_is_shown_as_text_and_read_as_an_object() -> None:
    body = b"<fault><message>no such thing</message></fault>"
    with pytest.raises(RemoteError, match="no such thing") as caught:
        await _get(answer(body, 404, content_type="application/xml"))
    assert caught.value.raw_response == body.decode()
    judged = "data.fault.code = '7' ? 'seven' : false"
    told = answer(b"<fault><code>7</code></fault>", content_type="application/xml")
    with pytest.raises(RemoteError, match="seven"):
        await _get(told, error_expression=judged)
