"""Generated cases: a function, an expression that calls it, and data that holds the arguments."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from tests.acceptance.functions_peer import documents, moments
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
    if r.random() < 0.6:
        return r.choice(TEXTS)
    return "".join(r.choice("abcXYZ012 _-.,éß😀") for _ in range(r.randrange(10)))


def number(r: random.Random) -> int | float:
    return r.choice(
        [0, 1, -1, 2, 3, 10, 0.1, 0.5, 1.005, 19.99, -0.4, 1e21, 1e-7, 123456789, 2**31, r.randrange(1000)]
    )


def _none(r: random.Random) -> None:
    return None


def _true(r: random.Random) -> bool:
    return True


def _false(r: random.Random) -> bool:
    return False


def scalar(r: random.Random) -> Any:
    makers: list[Callable[[random.Random], Any]] = [text, text, number, _none, _true, _false]
    return r.choice(makers)(r)


def anything(r: random.Random, depth: int = 2) -> Any:
    kind = r.random()
    if depth and kind < 0.2:
        return [anything(r, depth - 1) for _ in range(r.randrange(4))]
    if depth and kind < 0.4:
        return mapping(r, depth - 1)
    return scalar(r)


def mapping(r: random.Random, depth: int = 1) -> dict[str, Any]:
    return {r.choice(KEYS): anything(r, depth) for _ in range(r.randrange(4))}


def items(r: random.Random, depth: int = 2) -> list[Any]:
    return [anything(r, depth) for _ in range(r.randrange(6))]


def records(r: random.Random) -> list[Any]:
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
    return r.choice(
        ["id", "n", "t", "o.k", "o", "nope", "a.b", "a", "", ["o", "k"], "o['k']", "[0]", "o.k.z"]
    )


def called(function: str, *makers: Callable[[random.Random], Any], after: str = "") -> Make:
    """A call with generated arguments; each but the first is now and then left out, with all behind it."""

    def make(r: random.Random) -> tuple[str, Mapping[str, Any]]:
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
    names = ["a", "b", "a[b]", "a[]", "a[0]", "a[c][d]", "x.y", "é", "%5Bq%5D", ""]
    pairs = [
        r.choice(names) + r.choice(["=", "=1", "=x y", "=a+b", "=%20", "", "=c,d"])
        for _ in range(r.randrange(5))
    ]
    return r.choice(["", "", "?"]) + "&".join(pairs)


def url(r: random.Random) -> str:
    return (
        r.choice(["http://", "https://", "HTTP://", "ftp://", "mailto:", "//", "", "custom://"])
        + r.choice(["a.com", "A.COM", "u:p@a.com", "ä.de", "1.2.3.4", "[::1]", ""])
        + r.choice(["", ":80", ":443", ":8080"])
        + r.choice(["", "/", "/a/../b", "/x y", "/%41"])
        + r.choice(["", "?", "?q=1&q=2", "?a b"])
        + r.choice(["", "#", "#f"])
    )


def json_text(r: random.Random) -> str:
    made = json.dumps(anything(r))
    return made if r.random() < 0.7 else made[: r.randrange(len(made) + 1)] + r.choice(["", "]", ",", "01"])


def base64_text(r: random.Random) -> str:
    return "".join(r.choice("ABCDabcd0123+/-_= ") for _ in range(r.randrange(12))) + r.choice(["", "=", "=="])


def query_options(r: random.Random) -> dict[str, Any]:
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
    made = [{"id": n, "p": r.choice([None, 99, *range(n)])} for n in range(r.randrange(2, 7))]
    r.shuffle(made)
    return made


def _list_or_scalar(r: random.Random) -> Any:
    return items(r) if r.random() < 0.5 else scalar(r)


def blob_parts(r: random.Random) -> Any:
    return scalar(r) if r.random() < 0.5 else [scalar(r) for _ in range(r.randrange(4))]


SIMPLE: dict[str, list[Make]] = {
    "base64encode": [called("base64encode", scalar, lambda r: r.random() < 0.5)],
    "base64decode": [called("base64decode", base64_text, lambda r: r.random() < 0.5)],
    "base64ToBlob": [
        called("base64ToBlob", base64_text, lambda r: {"urlSafe": r.random() < 0.5}, after=".[size, type]")
    ],
    "digest": [
        called(
            "digest",
            scalar,
            lambda r: r.choice(["SHA-1", "sha-256", "SHA-384", "SHA-512", "MD5", "md5", "SHA256"]),
            lambda r: r.choice(["hex", "base64", "base64-urlSafe", "x"]),
        )
    ],
    "sign": [
        called(
            "sign",
            scalar,
            lambda r: r.choice(["SHA-1", "sha-256", " SHA-512 ", "", None, "MD5"]),
            lambda r: r.choice(["secret", "k", ""]),
            lambda r: r.choice(["hex", "base64", "base64-urlSafe", "x"]),
        )
    ],
    "blob": [called("blob", blob_parts, lambda r: {"type": text(r)}, after=".[size, type, text()]")],
    "getMimeType": [
        called(
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
    "jsonParse": [called("jsonParse", json_text), called("jsonParse", scalar)],
    "toNumber": [called("toNumber", lambda r: anything(r, 1))],
    "parseUrl": [
        called("parseUrl", url, after=".[href, origin, host, port, pathname, search, hash, username]"),
        called("parseUrl", url, after=".searchParams.[get('q'), getAll('q'), keys(), toString()]"),
    ],
    "parseQuery": [
        called("parseQuery", query, lambda r: {"ignoreQueryPrefix": True} if r.random() < 0.5 else {})
    ],
    "stringifyQuery": [called("stringifyQuery", mapping, query_options)],
    "convertCurrencyToSubunit": [called("convertCurrencyToSubunit", scalar, lambda r: r.choice(CURRENCIES))],
    "convertCurrencyFromSubunit": [
        called("convertCurrencyFromSubunit", scalar, lambda r: r.choice(CURRENCIES))
    ],
    "firstNonEmpty": [called("firstNonEmpty", lambda r: None, scalar, scalar)],
    "mapValues": [
        called(
            "mapValues",
            lambda r: anything(r, 1),
            lambda r: {text(r): scalar(r) for _ in range(4)},
            lambda r: r.random() < 0.3,
            scalar,
        )
    ],
    "removeEmpty": [called("removeEmpty", _list_or_scalar)],
    "removeEmptyItems": [called("removeEmptyItems", items)],
    "zipSqlResponse": [
        called(
            "zipSqlResponse",
            lambda r: [{"name": text(r)} for _ in range(r.randrange(2, 4))],
            lambda r: [[scalar(r) for _ in range(r.randrange(4))] for _ in range(r.randrange(2, 4))],
            lambda r: "name",
        )
    ],
    "diceCoefficient": [called("diceCoefficient", text, text)],
    "mostSimilar": [
        called(
            "mostSimilar", text, lambda r: [text(r) for _ in range(r.randrange(2, 5))], lambda r: r.random()
        )
    ],
    "dependencyGraph": [
        called("dependencyGraph", acyclic, lambda r: "p", lambda r: "id", after=".overallOrder()"),
        called("dependencyGraph", acyclic, lambda r: "p", lambda r: "id", after=".overallOrder(true)"),
        called("dependencyGraph", acyclic, lambda r: "p", lambda r: "id", after=".dependantsOf(0)"),
    ],
    "sortNodes": [called("sortNodes", nodes)],
    "string": [called("string", anything, lambda r: r.random() < 0.5)],
    "keys": [called("keys", anything)],
    "each": [
        lambda r: ("$each(a, function($v, $k) { $k & '=' & $type($v) })", {"a": mapping(r)}),
        lambda r: ("$each(a, function($v) { $v })", {"a": mapping(r)}),
    ],
    "sift": [
        lambda r: ("$sift(a, function($v) { $v })", {"a": mapping(r)}),
        lambda r: ("$sift(a, function($v, $k) { $length($k) = 1 })", {"a": mapping(r)}),
    ],
    "join": [called("join", items, text)],
    "wrap": [called("wrap", anything, text, text)],
    "chunk": [called("chunk", items, number)],
    "compact": [called("compact", anything)],
    "difference": [
        called("difference", lambda r: [scalar(r) for _ in range(6)], lambda r: [scalar(r) for _ in range(6)])
    ],
    "find": [called("find", records, path), called("find", records, lambda r: {"id": r.choice([1, "x"])})],
    "lofilter": [
        called("lofilter", records, path),
        called("lofilter", records, lambda r: ["id", r.choice([1, "x"])]),
    ],
    "flatten": [called("flatten", anything), called("flatten", lambda r: anything(r, 3))],
    "flattenDeep": [called("flattenDeep", lambda r: anything(r, 3))],
    "flattenDepth": [called("flattenDepth", lambda r: anything(r, 3), number)],
    "groupBy": [called("groupBy", records, path)],
    "keyBy": [called("keyBy", records, path)],
    "pick": [called("pick", mapping, lambda r: r.choice([r.choice(KEYS), [r.choice(KEYS), "a.b"]]))],
    "omit": [called("omit", mapping, lambda r: r.choice([r.choice(KEYS), [r.choice(KEYS), "a.b"]]))],
    "orderBy": [
        called("orderBy", records, path, lambda r: r.choice(["asc", "desc", ["desc"], "x"])),
        called("orderBy", items),
    ],
    "values": [called("values", anything)],
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

MAKERS: dict[str, list[Make]] = SIMPLE | documents.MAKERS | moments.MAKERS


def generate(seed: int, count: int) -> list[Case]:
    """`count` cases; date-times and documents have more kinds of input and get more of them."""
    r = random.Random(seed)
    names = [
        name
        for name in MAKERS
        for _ in range(6 if name in moments.MAKERS else 2 if name in documents.MAKERS else 1)
    ]
    cases = []
    for _ in range(count):
        name = r.choice(names)
        expression, data = r.choice(MAKERS[name])(r)
        cases.append(Case(name, expression, data))
    return cases
