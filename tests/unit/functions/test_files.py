"""Files and binary data."""

from __future__ import annotations

import pytest
from tests.unit.functions.running import check, error, value

from isthmus.expressions import UNDEFINED
from isthmus.expressions.host import ArrayBuffer, Blob


def test_blob_joins_parts_and_lowers_its_type() -> None:
    check('$blob("héllo").size', 6)
    check('$blob(["a", 1, null, $blob("b")]).text()', "a1nullb")
    check('$blob([["a", "b"]]).text()', "a,b")
    check('$blob("x", {"type": "A/B;charset=UTF-8"}).type', "a/b;charset=utf-8")
    check("$blob(0).size", 0)
    check('$blob("x", null).type', "")


@pytest.mark.parametrize(("length", "expected"), [(4_096, "application/pdf"), (4_097, None)])
def test_names_of_4096_characters_have_a_media_type(length: int, expected: str | None) -> None:
    check("$getMimeType(name)", expected, {"name": "a" * (length - 4) + ".pdf"})


def test_blob_members() -> None:
    check('$blob("hello").slice(1, 3, "A/B").[text(), type]', ["el", "a/b"])
    check('$blob("hello").slice(-2).text()', "lo")
    check('$blob("hello").slice($toNumber("x"), $toNumber("x")).text()', "hello")
    check('$blob("hello").arrayBuffer().byteLength', 5)
    check('$exists($blob("hello").name)', False)
    check("f.[name, size, lastModified]", ["n.txt", 2, 7], {"f": Blob(b"hi", "text/plain", "n.txt", 7)})


def test_a_blob_leaves_as_a_blob_and_has_no_json() -> None:
    assert value("$blob('x')") == Blob(b"x")
    check("$string($blob('x'))", "{}")
    check("$keys($blob('x'))", UNDEFINED)


def test_array_buffers() -> None:
    assert value('$getArrayBuffer($blob("hello")).slice(1, 2)') == ArrayBuffer(b"e")
    check('$type($getArrayBuffer($blob("x")))', "object")
    check('$getArrayBuffer("x")', UNDEFINED)
    check("$getArrayBuffer(missing)", UNDEFINED)


def test_data_uris_of_blobs_bytes_and_streams() -> None:
    check('$getDataUri($blob("hello"), "text/plain")', "data:text/plain;base64,aGVsbG8=")
    check('$getDataUri($blob("hello").stream(), "a/b")', "data:a/b;base64,aGVsbG8=")
    check('$getDataUri($blob("hello", {"type": "x/y"}))', "data:x/y;base64,aGVsbG8=")
    assert error('$getDataUri("x", "")').message == "Mime type is required"
    assert error('$getDataUri($blob("x"))').message == "Mime type is required"
    assert error('$getDataUri("x", "a/b")').message == "Unsupported file type for getDataUri"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf8", "hé"),
        ("UTF-8", "hé"),
        ("hex", "68c3a9"),
        ("base64", "aMOp"),
        ("base64url", "aMOp"),
        ("latin1", "hÃ©"),
        ("binary", "hÃ©"),
        ("ascii", "hC)"),
        ("utf16le", "써"),
        ("ucs2", "써"),
    ],
)
def test_buffer_to_string_knows_nodes_encodings(encoding: str, expected: str) -> None:
    check("$bufferToString(b, e)", expected, {"b": "hé".encode(), "e": encoding})


def test_buffer_to_string_drains_streams_and_refuses_the_rest() -> None:
    check('$bufferToString($blob("hello").stream())', "hello")
    assert error('$bufferToString("x")').message == "Unsupported value type for bufferToString"
    assert error("$bufferToString(missing)").message == "Unsupported value type for bufferToString"
    assert error('$bufferToString($blob("x").stream(), "foo")').message == "Unknown encoding: foo"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("html", "text/html"),
        (".html", "text/html"),
        ("a/b/report.HTML", "text/html"),
        ("a\\b.png", "image/png"),
        ("dir/html", None),
        ("x.pdf?a=1", None),
        ("js", "text/javascript"),
        ("xml", "application/xml"),
        (".tar.gz", "application/gzip"),
        ("", None),
        ("foo.", None),
        (None, None),
        (5, None),
    ],
)
def test_media_types(name: object, expected: object) -> None:
    check("$getMimeType(n)", expected, {"n": name})


def test_tee_locks_the_stream_and_gives_two_with_the_same_bytes() -> None:
    check(
        '($s := $blob("hello").stream(); $t := $teeStream($s);'
        " [$s.locked, $t[0].locked, $bufferToString($t[0]), $bufferToString($t[1])])",
        [True, False, "hello", "hello"],
    )
    error('$teeStream("x")')
    assert "locked" in error('($s := $blob("x").stream(); $teeStream($s); $teeStream($s))').message


def test_readers_read_chunks_until_the_end() -> None:
    check(
        '($r := $blob("hi").stream().getReader(); $a := $r.read(); $b := $r.read();'
        " [$bufferToString($a.value), $a.done, $b.done])",
        ["hi", False, True],
    )


def test_raw_bytes_show_what_a_buffer_shows() -> None:
    data = {"b": b"hello"}
    check("b.[length, byteLength, toString(), toString('hex')]", [5, 5, "hello", "68656c6c6f"], data)
    check("b.slice(1, 3).toString()", "el", data)
    check("b.subarray(-2).toString()", "lo", data)
    check("$string(b)", '"aGVsbG8="', data)
