"""Each body format, as it goes out."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.engine import proxy
from isthmus.engine.multipart import as_file
from isthmus.errors import BadRequest
from isthmus.expressions.host import Blob
from isthmus.http.messages import HttpRequest

PDF = Blob(b"%PDF \x00\xff", "application/pdf", 'o"ne\r\n.pdf')


async def _sent(body: Any, body_format: str, **method: Any) -> HttpRequest:
    upstream = MemoryUpstream([answer({})])
    options = method.pop("options", {})
    if "template" in method:
        method["body"] = method.pop("template")
    definition = {"path": "/x", "method": "post", "body_format": body_format, "body_format_config": options}
    config = integration({"create": {**definition, **method}})
    await proxy.call_method(upstream, config, "things", parse_call("create", body=body))
    return upstream.request


async def _bytes(body: Any, body_format: str, **method: Any) -> bytes:
    sent = await _sent(body, body_format, **method)
    assert isinstance(sent.body, bytes)
    return sent.body


def _parts(request: HttpRequest) -> list[tuple[Any, str | None, str, Any]]:
    """(name, filename, content type, content) of each, as another reader of MIME sees them."""
    assert isinstance(request.body, bytes)
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type() if "content-type" in part else "",
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


async def test_multipart_has_one_part_a_key_and_files_as_file_parts() -> None:
    body = {
        "title": "é",
        "size": 3,
        "nothing": None,
        "tags": ["a", "b"],
        "owner": {"id": 7},
        "scan": PDF,
        "note": {"filename": "n.txt", "content_type": "text/plain", "data": "hi"},
    }
    assert _parts(await _sent(body, "multipart")) == [
        ("title", None, "", "é".encode()),
        ("size", None, "", b"3"),
        ("tags", None, "", b"a"),
        ("tags", None, "", b"b"),
        ("owner[id]", None, "", b"7"),
        ("scan", "o%22ne%0D%0A.pdf", "application/pdf", PDF.data),
        ("note", "n.txt", "text/plain", b"hi"),
    ]


async def test_the_options_of_multipart() -> None:
    options = {"boundary": "line", "file_fields": ["csv"], "array_format": "brackets"}
    sent = await _sent({"csv": "a,b", "n": [1, 2]}, "multipart", options=options)
    assert sent.headers["Content-Type"] == "multipart/form-data; boundary=line"
    assert _parts(sent) == [
        ("csv", "csv", "application/octet-stream", b"a,b"),
        ("n[]", None, "", b"1"),
        ("n[]", None, "", b"2"),
    ]


@pytest.mark.parametrize(
    ("body", "options", "message"),
    [
        ([1], {}, "must be an object"),
        ({"a": "--line"}, {"boundary": "line"}, "stands in the data"),
        ({"a": "x"}, {"boundary": "a\nb"}, "must be a boundary"),
        ({"a": {"content_type": "x\r\nEvil: 1", "data": "x"}}, {}, "media type"),
    ],
)
async def test_what_multipart_cannot_hold_is_refused(body: Any, options: Any, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        await _sent(body, "multipart", options=options)


async def test_raw_sends_text_and_bytes_as_they_are() -> None:
    assert await _bytes("héllo", "raw") == "héllo".encode()
    assert await _bytes(b"\x00\xff", "raw") == b"\x00\xff"
    assert (await _sent(b"x", "raw")).headers["Content-Type"] == "application/octet-stream"
    typed = await _sent(b"x", "raw", options={"content_type": "image/png"})
    assert typed.headers["Content-Type"] == "image/png"
    assert (await _sent("x", "raw")).headers["Content-Type"] == "application/octet-stream"
    assert (await _sent(PDF, "raw")).headers["Content-Type"] == "application/pdf"
    assert await _bytes(PDF, "raw") == PDF.data
    assert (await _sent(Blob(b"x"), "raw")).headers["Content-Type"] == "application/octet-stream"
    chosen = await _sent("x", "raw", options={"content_type": "text/csv"})
    assert chosen.headers["Content-Type"] == "text/csv"
    own = await _sent("x", "raw", headers={"content-type": "text/turtle"}, options={"content_type": "a/b"})
    assert own.headers == {"content-type": "text/turtle", "Authorization": "Bearer k"}
    templated = await _bytes({"query": "{ me }"}, "raw", template="{{body.query}}")
    assert templated == b"{ me }"
    with pytest.raises(BadRequest, match="text or bytes"):
        await _sent({"a": 1}, "raw")


async def test_xml_has_attributes_texts_and_repeated_elements() -> None:
    body = {"@version": 2, "name": "a & <b>", "ok": True, "tag": ["x", {"@k": "v", "#text": "y"}], "e": None}
    sent = await _sent(body, "xml", options={"root": "thing"})
    assert sent.headers["Content-Type"] == "application/xml"
    assert sent.body == (
        b'<?xml version="1.0" encoding="utf-8"?>\n<thing version="2"><name>a &amp; &lt;b&gt;</name>'
        b'<ok>true</ok><tag>x</tag><tag k="v">y</tag><e></e></thing>'
    )


async def test_the_options_of_xml() -> None:
    options = {"declaration": False, "attribute_prefix": "_", "text_key": "$"}
    assert await _bytes({"a": {"_b": 1, "$": "c"}}, "xml", options=options) == b'<a b="1">c</a>'
    wrapped = {"root": "a", "declaration": False}
    assert await _bytes({"a": {"b": 1}}, "xml", options=wrapped) == b"<a><b>1</b></a>"
    rows = await _bytes({"row": [1, 2]}, "xml", options={"root": "row", "declaration": False})
    assert rows == b"<row><row>1</row><row>2</row></row>"
    soap = await _sent({"a": None}, "xml", headers={"Content-Type": "text/xml"})
    assert soap.headers["Content-Type"] == "text/xml"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"a": 1, "b": 2}, "one key"),
        ([1], "one key"),
        ("text", "one key"),
        ({"a": [1, 2]}, "one outermost element"),
        ({"a><b": 1}, "name of an XML element"),
        ({"a": {"@x y": 1}}, "name of an XML element"),
        ({"a": {"#comment": "x"}}, "name of an XML element"),
        ({"a": "bell \x07"}, "control characters"),
        ({"a": PDF}, "must hold text"),
    ],
)
async def test_what_xml_cannot_hold_is_refused(body: Any, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        await _sent(body, "xml")


@pytest.mark.parametrize(("depth", "is_written"), [(200, True), (201, False)])
async def test_xml_is_written_200_elements_deep_at_the_most(depth: int, is_written: bool) -> None:
    body: Any = "x"
    for _ in range(depth):
        body = {"a": body}
    if is_written:
        assert (await _bytes(body, "xml")).count(b"<a>") == depth
    else:
        with pytest.raises(BadRequest, match="nested deeper than 200 elements"):
            await _sent(body, "xml")


@pytest.mark.parametrize(
    ("value", "is_file"),
    [
        ({"data": "x", "filename": "f"}, True),
        ({"data": "x", "content_type": "text/plain"}, True),
        ({"data": "x", "filename": "f", "content_type": "text/plain"}, True),
        ({"data": "x"}, False),
        ({"data": "x", "size": 1}, False),
        ({"data": {"x": "y"}, "filename": "f"}, False),
        ({"filename": "f", "content_type": "text/plain"}, False),
    ],
)
def test_an_object_is_a_file_by_its_keys(value: Any, is_file: bool) -> None:
    assert (as_file(value) is not None) is is_file


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}])
async def test_what_json_has_no_form_for_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest, match="cannot be written as JSON"):
        await _sent({"a": value, "b": 1 << 70}, "json")


async def test_a_file_is_no_json() -> None:
    with pytest.raises(BadRequest, match="a body of type application/pdf cannot be mapped"):
        await _sent(PDF, "json")
    with pytest.raises(BadRequest, match="a body of type application/octet-stream cannot be mapped"):
        await _sent(Blob(b"x"), "json")
    with pytest.raises(BadRequest, match="cannot be written as JSON"):
        await _sent({"a": PDF}, "json")
