"""CSV and SQL."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.functions.running import check, error, services, value


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        (
            [{"a": 1, "b": 'x"y'}, {"a": None, "c": True, "d": {"e": [1]}, "f": ""}],
            None,
            '"a","b","c","d","f"\n1,"x""y",,,\n,,true,"{""e"":[1]}",""',
        ),
        (
            [{"a": 1, "b": "x", "z": {"q": 2}}],
            {
                "fields": [
                    "b",
                    {"label": "Z", "value": "z.q"},
                    {"label": "N", "value": "nope", "default": "d"},
                ],
                "delimiter": ";",
                "eol": "\r\n",
            },
            '"b";"Z";"N"\r\n"x";2;"d"',
        ),
        ([{"a": 1, "b": None}], {"header": False}, "1,"),
        ([{"a": 1}], {"withBOM": True}, '\ufeff"a"\n1'),
        ([{"a": 1}, {}, {"a": None}, None], None, '"a"\n1'),
        ([{"a.b": 1, "a": {"b": 2}}], {"fields": ["a.b"]}, '"a.b"\n1'),
        ([{"a": "=1+1", "b": 1.5, "c": 1e21}], None, '"a","b","c"\n"=1+1",1.5,1e+21'),
        ([[1, 2]], None, '"0","1"\n1,2'),
        ({"a": 1}, None, '"a"\n1'),
        ([{"a": 1}, {"b": 2}], {"defaultValue": "-"}, '"a","b"\n1,"-"\n"-",2'),
        ([{}], None, ""),
        ([], None, ""),
        (None, None, ""),
    ],
)
def test_json_to_csv(rows: object, options: object, expected: str) -> None:
    check("$jsonToCsv(r, o)", expected, {"r": rows, "o": options})


def test_json_to_csv_errors() -> None:
    message = 'Data items should be objects or the "fields" option should be included'
    assert error("$jsonToCsv([1])").message == message
    error("$jsonToCsv([{'a': 1}], {'fields': 'a'})")
    error("$jsonToCsv([{'a': 1}], {'fields': [{'label': 'L'}]})")


def test_host_values_in_cells() -> None:
    check("$jsonToCsv({'d': $dtFromIso('2024-01-01')})", '"d"\n"2024-01-01T00:00:00.000+00:00"')


@given(st.lists(st.fixed_dictionaries({"a": st.text(min_size=1), "b": st.text(min_size=1)}), min_size=1))
def test_another_reader_reads_the_csv(rows: list[dict[str, str]]) -> None:
    text = value("$jsonToCsv(r)", {"r": rows})
    found = list(csv.reader(io.StringIO(str(text), newline=""), lineterminator="\n"))
    names = list(rows[0])
    assert found == [names, *([row[name] for name in names] for row in rows)]


@pytest.mark.parametrize(
    ("query", "rest", "expected"),
    [
        (
            {"a": 1, "b": "x", "c": [1, 2], "d": {"gt": 5, "lt": None}},
            "",
            "a = 1 AND b = x AND c in (1,2) AND d > 5",
        ),
        (
            {"a": "it's", "c": ["x"]},
            ", [], {'a': 'A'}, {'a': 'string', 'c': 'string'}",
            "A = 'it's' AND c in ('x')",
        ),
        (
            {"a": {"startswith": "x%"}, "b": 1, "c": 3},
            ", ['b', 'a'], {}, {}, {'startswith': 'LIKE'}",
            "b = 1 AND a LIKE x%",
        ),
        (
            {"a": "2024-01-02", "b": {"gt": "2024-01-02"}, "c": "2024-01-02"},
            ", [], {}, {'a': 'date', 'b': 'date|yyyy-MM', 'c': 'dotnetdate'}",
            "a = '2024-01-02T00:00:00.000+00:00' AND b > '2024-01' AND c = DateTime(2024,01,02)",
        ),
        (
            {"a": "it's", "b": ["x", "y"]},
            ", [], {}, {'a': 'string', 'b': 'string'}, {}, {'escapeSingleQuotes': true,"
            " 'useOrForIn': true, 'conjunction': 'OR'}",
            "a = 'it\\'s' OR (b = 'x' OR b = 'y')",
        ),
        (
            {"a": "it's", "b": [1, 2]},
            ", [], {}, {'a': 'string'}, {}, {'useDoubleQuotes': true, 'escapeSingleQuotes': true,"
            " 'noSpaceBetweenOperator': true}",
            'a="it\'s" AND bin(1,2)',
        ),
        (
            {"a": "x", "b": "2024-01-01", "c": 1},
            ", [], {}, {'a': 'string', 'b': 'date|yyyy'}, {}, {'noQuotes': true,"
            " 'groupComparisonInBrackets': true}",
            "((a = x AND b = 2024) AND c = 1)",
        ),
        ({"a": "2024-01-01"}, ", [], {}, {'a': 'date|yyyy'}, {}, {'noQuotesForDate': true}", "a = 2024"),
        ({"a": ["OPEN", "B", "zz"]}, ", [], {}, {'a': {'open': 'O', 'b': true}}", "a in ('O',true,'zz')"),
        (
            {"a": {"gt": 1, "lt": 5}},
            ", [], {}, {}, {}, {'groupComparisonInBrackets': true}",
            "(a > 1 AND a < 5)",
        ),
        ({"a": 1}, ", [], {}, {}, {}, {'groupComparisonInBrackets': true}", "a = 1"),
        (
            {"a": {"nin": [1, 2]}, "b": {"like": "x%"}, "c": {"in": 3}, "d": []},
            "",
            "a not in (1,2) AND b like x% AND c in (3) AND d in ()",
        ),
        ({"a": {"eq": ""}, "b": ""}, ", [], {}, {'a': 'string'}", "a = '' AND b = "),
        ({"or": [{"a": 1, "b": 2}, {"c": {"gt": 3}}], "d": 4}, "", "(a = 1 AND b = 2 OR c > 3) AND d = 4"),
        ({}, "", ""),
        ({"a": {"gt": None}}, "", ""),
    ],
)
def test_convert_query_to_sql(query: object, rest: str, expected: str) -> None:
    check(f"$convertQueryToSql(q{rest})", expected, {"q": query})


def test_not_in_as_comparisons_keeps_its_not() -> None:
    expression = "$convertQueryToSql({'k': {'nin': [1, 2]}}, [], {}, {}, {}, {'useOrForIn': true})"
    check(expression, "(k <> 1 AND k <> 2)")
    assert value(expression, given=services(strict_compat=True)) == "(k = 1 OR k = 2)"


def test_convert_query_to_sql_errors() -> None:
    assert error("$convertQueryToSql({'a': {'foo': 1}})").message == "Unknown operator: foo"
    error("$convertQueryToSql({'id': null})")
    error("$convertQueryToSql(missing)")
