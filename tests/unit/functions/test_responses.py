"""Responses as host values."""

from __future__ import annotations

from tests.unit.functions.running import check, error

from isthmus.expressions.host import Response

DATA = {
    "r": Response(201, {"content-type": "application/json", "x-rate": "5"}, b'{"a": [1]}', "http://a/b", True)
}


def test_fields_and_headers() -> None:
    check(
        "r.[status, statusText, ok, redirected, url, bodyUsed]",
        [201, "Created", True, True, "http://a/b", False],
        DATA,
    )
    check("r.headers.`X-Rate`", "5", DATA)
    check("r.headers.[get('X-Rate'), has('nope'), get('nope')]", ["5", False, None], DATA)
    check("r.headers.keys()", ["content-type", "x-rate"], DATA)
    check("$exists(r.headers.nope)", False, DATA)


def test_bodies() -> None:
    check("r.json().a", [1], DATA)
    check("r.text()", '{"a": [1]}', DATA)
    check("r.blob().[type, size]", ["application/json", 10], DATA)
    check("r.arrayBuffer().byteLength", 10, DATA)
    check("$bufferToString(r.body)", '{"a": [1]}', DATA)
    check("r.clone().status", 201, DATA)
    check("r.body", None, {"r": Response(204)})
    error("r.json()", {"r": Response(200, {}, b"x")})
