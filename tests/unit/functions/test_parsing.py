"""Parsing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.functions.running import check, error, value


def test_json_parse_gives_null_for_any_failure() -> None:
    check("$jsonParse(t)", {"a": 2}, {"t": '{"a":1,"a":2}'})
    check("$jsonParse(5)", 5)
    check("$jsonParse(true)", True)
    check("$jsonParse(' 5 ')", 5)
    for text in ("'x'", "''", "missing", "null", "{}", "'NaN'", "'[1'", "'Infinity'"):
        assert value(f"$jsonParse({text})") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'  12 '", 12),
        ("''", 0),
        ("null", 0),
        ("[]", 0),
        ("false", 0),
        ("true", 1),
        ('["7"]', 7),
        ("'0x1f'", 31),
        ("'0b101'", 5),
        ("'0o17'", 15),
        ("'-0x1f'", "NaN"),
        ("'1e3'", 1000),
        ("'.5'", 0.5),
        ("'5.'", 5),
        ("'12px'", "NaN"),
        ("missing", "NaN"),
        ("{}", "NaN"),
        ("[1, 2]", "NaN"),
        ("'1_0'", "NaN"),
    ],
)
def test_to_number_follows_lodash(text: str, expected: object) -> None:
    check(f"$toNumber({text})", expected)


def test_to_number_knows_infinity_and_its_nan_fails_in_arithmetic() -> None:
    assert value("$toNumber('Infinity')") == float("inf")
    assert error("$toNumber('x') + 1").code == "T2001"


def test_parse_url_reads_as_a_browser_does() -> None:
    url = "HTTPS://User:pw@Exämple.com:443/a/../b%20c?x=1&x=2&y=#z"
    check(
        "$parseUrl(u).[protocol, username, host, port, pathname, search, hash, origin]",
        [
            "https:",
            "User",
            "xn--exmple-cua.com",
            "",
            "/b%20c",
            "?x=1&x=2&y=",
            "#z",
            "https://xn--exmple-cua.com",
        ],
        {"u": url},
    )
    check("$parseUrl('mailto:a@b.c').origin", "null")
    assert error("$parseUrl('x')").message == "Invalid URL"
    assert error("$parseUrl(missing)").message == "Invalid URL"


def test_a_url_leaves_as_its_text() -> None:
    check("$parseUrl('http://a.b/c')", "http://a.b/c")
    check("{'u': $parseUrl('http://a.b')}", {"u": "http://a.b/"})
    check("$string($parseUrl('http://a.b'))", '"http://a.b/"')


def test_search_params() -> None:
    data = {"u": "http://a/?x=1&x=2&y=3"}
    check("$parseUrl(u).searchParams.getAll('x')", ["1", "2"], data)
    check(
        "($p := $parseUrl(u).searchParams; [$p.get('x'), $p.get('z'), $p.has('y'), $p.size, $p.toString()])",
        ["1", None, True, 3, "x=1&x=2&y=3"],
        data,
    )
    check("$parseUrl(u).searchParams.keys()", ["x", "x", "y"], data)
    check("$parseUrl(u).searchParams.entries()", [["x", "1"], ["x", "2"], ["y", "3"]], data)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a=1&b=x", {"a": "1", "b": "x"}),
        ("a=1&a=2", {"a": ["1", "2"]}),
        ("a[b]=c&a[d]=e", {"a": {"b": "c", "d": "e"}}),
        ("a[]=1", {"a": ["1"]}),
        ("e", {"e": ""}),
        ("a=b+c%20d", {"a": "b c d"}),
        ("?a=1", {"?a": "1"}),
        ("b[25]=z", {"b": {"25": "z"}}),
        ("a[0]=x&a[2]=y", {"a": ["x", "y"]}),
        ("g[a][b][c][d][e][f][h]=1", {"g": {"a": {"b": {"c": {"d": {"e": {"[f][h]": "1"}}}}}}}),
        ("", {}),
        (None, {}),
    ],
)
def test_parse_query(query: object, expected: object) -> None:
    check("$parseQuery(q)", expected, {"q": query})


def test_parse_query_options_and_limits() -> None:
    check("$parseQuery('?a=1', {'ignoreQueryPrefix': true})", {"a": "1"})
    check("$parseQuery('a.b=1', {'allowDots': true})", {"a": {"b": "1"}})
    check("$parseQuery('a=1,2', {'comma': true})", {"a": ["1", "2"]})
    check("$parseQuery('a=1;b=2', {'delimiter': ';'})", {"a": "1", "b": "2"})
    check("$parseQuery('a', {'strictNullHandling': true})", {"a": None})
    many = "&".join(f"k{i}=1" for i in range(1_200))
    check("$count($keys($parseQuery(q)))", 1_000, {"q": many})
    error("$parseQuery(q, {'throwOnLimitExceeded': true})", {"q": many})
    error("$parseQuery('a[b][c][d][e][f][g]=1', {'strictDepth': true})")


@pytest.mark.parametrize(
    ("value_text", "options", "expected"),
    [
        ("{'a': {'b': 2}}", "", "a%5Bb%5D=2"),
        ("{'a': [1, 2]}", "", "a%5B0%5D=1&a%5B1%5D=2"),
        ("{'a': [1, 2]}", "{'arrayFormat': 'brackets'}", "a%5B%5D=1&a%5B%5D=2"),
        ("{'a': [1, 2]}", "{'arrayFormat': 'repeat'}", "a=1&a=2"),
        ("{'a': [1, 2]}", "{'arrayFormat': 'comma'}", "a=1%2C2"),
        ("{'a': null, 'b': missing}", "", "a="),
        ("{'a': null, 'b': 1}", "{'skipNulls': true}", "b=1"),
        ("{'a': null}", "{'strictNullHandling': true}", "a"),
        ("{'d': 'x y'}", "", "d=x%20y"),
        ("{'d': 'x y'}", "{'format': 'RFC1738'}", "d=x+y"),
        ("{'a': {'b': 'c d'}}", "{'encodeValuesOnly': true}", "a[b]=c%20d"),
        ("{'a': {'b': 'c d'}}", "{'encode': false, 'addQueryPrefix': true}", "?a[b]=c d"),
        ("{'a': {'b': 1}}", "{'allowDots': true, 'delimiter': ';'}", "a.b=1"),
        ("{'a': true, 'b': 1e21}", "", "a=true&b=1e%2B21"),
        ("{}", "", ""),
        ("{'a': []}", "", ""),
        ("'x'", "", ""),
        ("null", "", ""),
        ("[1, 2]", "", "0=1&1=2"),
    ],
)
def test_stringify_query(value_text: str, options: str, expected: str) -> None:
    check(f"$stringifyQuery({value_text}{', ' if options else ''}{options})", expected)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True),
        st.one_of(st.text(min_size=1), st.lists(st.text(min_size=1), min_size=2, max_size=5)),
        max_size=5,
    )
)
def test_parse_query_undoes_stringify_query(data: dict[str, object]) -> None:
    assert value("$parseQuery($stringifyQuery(d))", {"d": data}) == data
