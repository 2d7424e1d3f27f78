"""Generates cases: a function, an expression that calls it, and data that holds the arguments."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from tests.acceptance.functions_peer import date_time_cases, document_cases
from tests.acceptance.functions_peer.running import Case

__all__ = ["generate"]

Make = Callable[[random.Random], tuple[str, Mapping[str, Any]]]

TEXTS = (
    "",
    "a",
    "A",
    "Hello World",
    "héllo 😀",
    " 12 ",
    "0x1f",
    "-3.5e2",
    "12px",
    "true",
    "null",
    "a.b",
    "NaN",
    "Infinity",
    "Part Time",
    "PART_TIME",
    "part-time",
    "1",
    "007",
    "a,b;c",
    "x=1&y=2",
    "<b>",
    "'q'",
    '"',
    "ÄÖ",
    "constructor",
)
KEYS = ("a", "b", "c", "id", "name", "a.b", "Key", "é")
CURRENCIES = ("USD", "JPY", "KWD", "CLF", "EUR", "usd", "XXX", "ZZZ", "")


def text(r: random.Random) -> str:
    """Generates a text."""
    if r.random() < 0.6:
        return r.choice(TEXTS)
    return "".join(r.choice("abcXYZ012 _-.,éß😀") for _ in range(r.randrange(10)))


def number(r: random.Random) -> int | float:
    """Generates a number."""
    return r.choice(
        [0, 1, -1, 2, 3, 10, 0.1, 0.5, 1.005, 19.99, -0.4, 1e21, 1e-7, 123456789, 2**31, r.randrange(1000)]
    )


def _none(r: random.Random) -> None:
    """Gives null."""
    return


def _true(r: random.Random) -> bool:
    """Gives true."""
    return True


def _false(r: random.Random) -> bool:
    """Gives false."""
    return False


def scalar(r: random.Random) -> Any:
    """Generates a text, number, boolean or null."""
    makers: list[Callable[[random.Random], Any]] = [text, text, number, _none, _true, _false]
    return r.choice(makers)(r)


def anything(r: random.Random, depth: int = 2) -> Any:
    """Generates any JSON value, nested at most `depth` levels."""
    kind = r.random()
    if depth and kind < 0.2:
        return [anything(r, depth - 1) for _ in range(r.randrange(4))]
    if depth and kind < 0.4:
        return mapping(r, depth - 1)
    return scalar(r)


def mapping(r: random.Random, depth: int = 1) -> dict[str, Any]:
    """Generates an object."""
    return {r.choice(KEYS): anything(r, depth) for _ in range(r.randrange(4))}


def items(r: random.Random, depth: int = 2) -> list[Any]:
    """Generates a list."""
    return [anything(r, depth) for _ in range(r.randrange(6))]


def records(r: random.Random) -> list[Any]:
    """Generates a list of objects with the same fields, mostly."""
    made = [
        {"id": r.choice([1, 2, 3, "x", "y"]), "n": number(r), "t": text(r), "o": {"k": scalar(r)}}
        for _ in range(r.randrange(2, 6))
    ]
    for record in made:
        for key in list(record):
            if r.random() < 0.15:
                del record[key]
    return made


def path(r: random.Random) -> Any:
    """Generates a path into a value."""
    return r.choice(
        ["id", "n", "t", "o.k", "o", "nope", "a.b", "a", "", ["o", "k"], "o['k']", "[0]", "o.k.z"]
    )


def call_with(function: str, *makers: Callable[[random.Random], Any], after: str = "") -> Make:
    """Returns a maker of calls with generated arguments; each but the first is now and then left out, with
    all behind it. `after`: text behind the call."""

    def make(r: random.Random) -> tuple[str, Mapping[str, Any]]:
        """Generates one call, and its data."""
        data: dict[str, Any] = {}
        names = []
        for position, maker in enumerate(makers):
            if position and r.random() < 0.12:
                break
            name = "abcdef"[position]
            names.append(name)
            if r.random() > 0.04:
                data[name] = maker(r)
        return f"${function}({', '.join(names)}){after}", data

    return make


def query(r: random.Random) -> str:
    """Generates a query string."""
    names = ["a", "b", "a[b]", "a[]", "a[0]", "a[c][d]", "x.y", "é", "%5Bq%5D", ""]
    pairs = [
        r.choice(names) + r.choice(["=", "=1", "=x y", "=a+b", "=%20", "", "=c,d"])
        for _ in range(r.randrange(5))
    ]
    return r.choice(["", "", "?"]) + "&".join(pairs)


def url(r: random.Random) -> str:
    """Generates a URL."""
    return (
        r.choice(["http://", "https://", "HTTP://", "ftp://", "mailto:", "//", "", "custom://"])
        + r.choice(["a.com", "A.COM", "u:p@a.com", "ä.de", "1.2.3.4", "[::1]", ""])
        + r.choice(["", ":80", ":443", ":8080"])
        + r.choice(["", "/", "/a/../b", "/x y", "/%41"])
        + r.choice(["", "?", "?q=1&q=2", "?a b"])
        + r.choice(["", "#", "#f"])
    )


def json_text(r: random.Random) -> str:
    """Generates JSON as text, now and then malformed."""
    made = json.dumps(anything(r))
    return made if r.random() < 0.7 else made[: r.randrange(len(made) + 1)] + r.choice(["", "]", ",", "01"])


def base64_text(r: random.Random) -> str:
    """Generates Base64, now and then malformed."""
    return "".join(r.choice("ABCDabcd0123+/-_= ") for _ in range(r.randrange(12))) + r.choice(["", "=", "=="])


def query_options(r: random.Random) -> dict[str, Any]:
    """Generates options of the query functions."""
    made: dict[str, Any] = {}
    if r.random() < 0.5:
        made["arrayFormat"] = r.choice(["indices", "brackets", "repeat", "comma"])
    for name in (
        "encode",
        "encodeValuesOnly",
        "addQueryPrefix",
        "skipNulls",
        "strictNullHandling",
        "allowDots",
    ):
        if r.random() < 0.15:
            made[name] = r.random() < 0.7
    return made


def nodes(r: random.Random) -> list[Any]:
    """Generates nodes of a graph, now and then with a cycle."""
    count = r.randrange(2, 7)
    return [
        {
            "id": n + 1,
            "parent_id": r.choice([None, 0, 9, r.randrange(1, count + 1)]),
            "sequence": r.choice([1, 2, 3, None]),
        }
        for n in range(count)
    ]


def acyclic(r: random.Random) -> list[Any]:
    """Generates nodes of a graph without a cycle."""
    made = [{"id": n, "p": r.choice([None, 99, *range(n)])} for n in range(r.randrange(2, 7))]
    r.shuffle(made)
    return made


def _list_or_scalar(r: random.Random) -> Any:
    """Generates a list or a scalar."""
    return items(r) if r.random() < 0.5 else scalar(r)


def blob_parts(r: random.Random) -> Any:
    """Generates the content of a blob."""
    return scalar(r) if r.random() < 0.5 else [scalar(r) for _ in range(r.randrange(4))]


SIMPLE: dict[str, list[Make]] = {
    "base64encode": [call_with("base64encode", scalar, lambda r: r.random() < 0.5)],
    "base64decode": [call_with("base64decode", base64_text, lambda r: r.random() < 0.5)],
    "base64ToBlob": [
        call_with("base64ToBlob", base64_text, lambda r: {"urlSafe": r.random() < 0.5}, after=".[size, type]")
    ],
    "digest": [
        call_with(
            "digest",
            scalar,
            lambda r: r.choice(["SHA-1", "sha-256", "SHA-384", "SHA-512", "MD5", "md5", "SHA256"]),
            lambda r: r.choice(["hex", "base64", "base64-urlSafe", "x"]),
        )
    ],
    "sign": [
        call_with(
            "sign",
            scalar,
            lambda r: r.choice(["SHA-1", "sha-256", " SHA-512 ", "", None, "MD5"]),
            lambda r: r.choice(["secret", "k", ""]),
            lambda r: r.choice(["hex", "base64", "base64-urlSafe", "x"]),
        )
    ],
    "blob": [call_with("blob", blob_parts, lambda r: {"type": text(r)}, after=".[size, type, text()]")],
    "getMimeType": [
        call_with(
            "getMimeType",
            lambda r: (
                r.choice(["", "a/", "a\\", ".", "x.", "a.b/"])
                + r.choice(
                    [
                        "html",
                        "HTML",
                        "pdf",
                        "js",
                        "xml",
                        "tar.gz",
                        "nope",
                        "md",
                        "docx",
                        "csv",
                        "json",
                        "mp4",
                        "woff2",
                    ]
                )
            ),
        )
    ],
    "jsonParse": [call_with("jsonParse", json_text), call_with("jsonParse", scalar)],
    "toNumber": [call_with("toNumber", lambda r: anything(r, 1))],
    "parseUrl": [
        call_with("parseUrl", url, after=".[href, origin, host, port, pathname, search, hash, username]"),
        call_with("parseUrl", url, after=".searchParams.[get('q'), getAll('q'), keys(), toString()]"),
    ],
    "parseQuery": [
        call_with("parseQuery", query, lambda r: {"ignoreQueryPrefix": True} if r.random() < 0.5 else {})
    ],
    "stringifyQuery": [call_with("stringifyQuery", mapping, query_options)],
    "convertCurrencyToSubunit": [
        call_with("convertCurrencyToSubunit", scalar, lambda r: r.choice(CURRENCIES))
    ],
    "convertCurrencyFromSubunit": [
        call_with("convertCurrencyFromSubunit", scalar, lambda r: r.choice(CURRENCIES))
    ],
    "firstNonEmpty": [call_with("firstNonEmpty", lambda r: None, scalar, scalar)],
    "mapValues": [
        call_with(
            "mapValues",
            lambda r: anything(r, 1),
            lambda r: {text(r): scalar(r) for _ in range(4)},
            lambda r: r.random() < 0.3,
            scalar,
        )
    ],
    "removeEmpty": [call_with("removeEmpty", _list_or_scalar)],
    "removeEmptyItems": [call_with("removeEmptyItems", items)],
    "zipSqlResponse": [
        call_with(
            "zipSqlResponse",
            lambda r: [{"name": text(r)} for _ in range(r.randrange(2, 4))],
            lambda r: [[scalar(r) for _ in range(r.randrange(4))] for _ in range(r.randrange(2, 4))],
            lambda r: "name",
        )
    ],
    "diceCoefficient": [call_with("diceCoefficient", text, text)],
    "mostSimilar": [
        call_with(
            "mostSimilar", text, lambda r: [text(r) for _ in range(r.randrange(2, 5))], lambda r: r.random()
        )
    ],
    "dependencyGraph": [
        call_with("dependencyGraph", acyclic, lambda r: "p", lambda r: "id", after=".overallOrder()"),
        call_with("dependencyGraph", acyclic, lambda r: "p", lambda r: "id", after=".overallOrder(true)"),
        call_with("dependencyGraph", acyclic, lambda r: "p", lambda r: "id", after=".dependantsOf(0)"),
    ],
    "sortNodes": [call_with("sortNodes", nodes)],
    "string": [call_with("string", anything, lambda r: r.random() < 0.5)],
    "keys": [call_with("keys", anything)],
    "each": [
        lambda r: ("$each(a, function($v, $k) { $k & '=' & $type($v) })", {"a": mapping(r)}),
        lambda r: ("$each(a, function($v) { $v })", {"a": mapping(r)}),
    ],
    "sift": [
        lambda r: ("$sift(a, function($v) { $v })", {"a": mapping(r)}),
        lambda r: ("$sift(a, function($v, $k) { $length($k) = 1 })", {"a": mapping(r)}),
    ],
    "join": [call_with("join", items, text)],
    "wrap": [call_with("wrap", anything, text, text)],
    "chunk": [call_with("chunk", items, number)],
    "compact": [call_with("compact", anything)],
    "difference": [
        call_with(
            "difference", lambda r: [scalar(r) for _ in range(6)], lambda r: [scalar(r) for _ in range(6)]
        )
    ],
    "find": [
        call_with("find", records, path),
        call_with("find", records, lambda r: {"id": r.choice([1, "x"])}),
    ],
    "lofilter": [
        call_with("lofilter", records, path),
        call_with("lofilter", records, lambda r: ["id", r.choice([1, "x"])]),
    ],
    "flatten": [call_with("flatten", anything), call_with("flatten", lambda r: anything(r, 3))],
    "flattenDeep": [call_with("flattenDeep", lambda r: anything(r, 3))],
    "flattenDepth": [call_with("flattenDepth", lambda r: anything(r, 3), number)],
    "groupBy": [call_with("groupBy", records, path)],
    "keyBy": [call_with("keyBy", records, path)],
    "pick": [call_with("pick", mapping, lambda r: r.choice([r.choice(KEYS), [r.choice(KEYS), "a.b"]]))],
    "omit": [call_with("omit", mapping, lambda r: r.choice([r.choice(KEYS), [r.choice(KEYS), "a.b"]]))],
    "orderBy": [
        call_with("orderBy", records, path, lambda r: r.choice(["asc", "desc", ["desc"], "x"])),
        call_with("orderBy", items),
    ],
    "values": [call_with("values", anything)],
    "uuid": [lambda r: ("$length($uuid())", {})],
    "getDataUri": [lambda r: ("$getDataUri($blob(a), b)", {"a": text(r), "b": r.choice(["a/b", ""])})],
    "bufferToString": [
        lambda r: (
            "$bufferToString($blob(a).stream(), b)",
            {"a": text(r), "b": r.choice(["utf8", "hex", "base64", "base64url", "latin1", "ascii", "x"])},
        )
    ],
    "getArrayBuffer": [lambda r: ("$type($getArrayBuffer($blob(a)))", {"a": text(r)})],
    "teeStream": [lambda r: ("$bufferToString($teeStream($blob(a).stream())[1])", {"a": text(r)})],
}

MAKERS: dict[str, list[Make]] = SIMPLE | document_cases.MAKERS | date_time_cases.MAKERS


def generate(seed: int, count: int) -> list[Case]:
    """`count` cases; date-times and documents have more kinds of input and get more of them."""
    r = random.Random(seed)
    names = [
        name
        for name in MAKERS
        for _ in range(6 if name in date_time_cases.MAKERS else 2 if name in document_cases.MAKERS else 1)
    ]
    cases = []
    for _ in range(count):
        name = r.choice(names)
        expression, data = r.choice(MAKERS[name])(r)
        cases.append(Case(name, expression, data))
    return cases
