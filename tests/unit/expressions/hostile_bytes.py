"""Attacks by bytes, documents and patterns: what is small in an expression and large once it is read.

Each is a name, an expression, its input, and the codes of the only outcome that will do.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

Case = tuple[object, ...]

LIMIT = ("ISTHMUS_LIMIT",)
_DOUBLE = "$f := function($b, $n) { $n = 0 ? $b.size : $f($blob([$b, $b], {}), $n - 1) }"
_TEXT = {"t": "x" * 1_000_000}
_MANY_USES = (
    "$blob($t)",
    "$blob([$b, 'x'])",
    "$b.slice(0, 900000)",
    "$b.arrayBuffer().slice(0, 900000)",
    "$bufferToString($b, 'hex')",
    "$getDataUri($b, 'a/b')",
    "$base64encode($b)",
    "$b.text()",
)


def bytes_and_documents() -> Iterator[Case]:
    """Yields the attacks."""
    yield "doubling blob", f"({_DOUBLE}; $f($blob('xxxxxxxxxxxxxxxxxxxx'), 27))", None, LIMIT
    yield (
        "blob of many parts",
        "($b := $blob(t); $blob($map([1..2000], function() { $b })).size)",
        _TEXT,
        LIMIT,
    )
    for use in _MANY_USES:
        yield (
            f"many bytes held: {use}",
            f"($t := t; $b := $blob($t); $map([1..2000], function($i) {{ $i > 0 ? {use} }}))",
            _TEXT,
            LIMIT,
        )
    yield (
        "many decoded blobs",
        "($t := t; $map([1..2000], function($i) { $i > 0 ? $base64ToBlob($t) }))",
        {"t": base64.b64encode(b"x" * 900_000).decode()},
        LIMIT,
    )
    defaults = f'<!DOCTYPE a [<!ATTLIST b c CDATA "{"x" * 70_000}">]><a>{"<b/>" * 17_500}</a>'
    yield "attribute defaults", "$count($xmlToJs(t).a.b)", {"t": defaults}, ("ISTHMUS_FUNCTION",)
    for pattern in ("^(a(?R)?b)*$", "(a|(?1))*b", "(?(DEFINE)(?<x>a*))(?&x)*b", "(?i)(a+)+$"):
        yield (
            f"pattern of another engine: {pattern}",
            f"$contains(t, /{pattern}/)",
            {"t": "a" * 5_000},
            ("S0303",),
        )
    parameters = {"t": "https://example.com/?" + "a&" * 2_000_000}
    for use in ("getAll('a')", "keys()", "entries()", "size", "get('b')"):
        yield f"many parameters: {use}", f"$parseUrl(t).searchParams.{use}", parameters, LIMIT
