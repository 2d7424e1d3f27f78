"""Values, currency, SQL rows."""

from __future__ import annotations

from math import inf

import pytest
from tests.unit.functions.running import check, error, services, value

from isthmus.expressions import UNDEFINED
from isthmus.expressions.functions.currency import SUBUNIT_DIGITS


@pytest.mark.parametrize(
    ("amount", "code", "expected"),
    [
        ("19.99", "'USD'", 1998),
        ("-0.5", "'JPY'", -1),
        ("10.5", "'USD'", 1050),
        ("'12abc'", "'USD'", 1200),
        ("'abc'", "'USD'", "NaN"),
        ("'Infinity and more'", "'USD'", inf),
        ("'+Infinity'", "'USD'", inf),
        ("'-Infinity'", "'USD'", -inf),
        ("'+-Infinity'", "'USD'", "NaN"),
        ("'-+Infinity'", "'USD'", "NaN"),
        ("'--Infinity'", "'USD'", "NaN"),
        ("'++Infinity'", "'USD'", "NaN"),
        ("true", "'USD'", "NaN"),
        ("12.5", "'usd'", 12.5),
        ("'12.5'", "'XYZ'", "12.5"),
        ("12.5", "null", 12.5),
        ("null", "'USD'", None),
        ("2.5", "'KWD'", 2500),
        ("1", "'CLF'", 10_000),
    ],
)
def test_to_subunit(amount: str, code: str, expected: object) -> None:
    check(f"$convertCurrencyToSubunit({amount}, {code})", expected)


def test_to_subunit_exactly_where_the_setting_says_so() -> None:
    exact = services(currency_exact=True)
    assert value("$convertCurrencyToSubunit(19.99, 'USD')", given=exact) == 1999
    assert value("$convertCurrencyToSubunit(missing, 'USD')") is UNDEFINED


@pytest.mark.parametrize(
    ("amount", "code", "expected"),
    [
        ("1", "'USD'", "0.01"),
        ("100", "'JPY'", "100"),
        ("2500", "'KWD'", "2.500"),
        ("'1050'", "'USD'", "10.50"),
        ("1050", "'usd'", 1050),
        ("12.5", "'USD'", "0.13"),
        ("-0.4", "'USD'", "-0.00"),
        ("0", "'USD'", "0.00"),
        ("-0.4", "'JPY'", "-0"),
        ("'-0'", "'USD'", "0.00"),
        ("1e21", "'JPY'", "1e+21"),
        ("1e20", "'JPY'", "100000000000000000000"),
        ("1e25", "'USD'", "1.0000000000000001e+23"),
        ("'abc'", "'USD'", "NaN"),
        ("null", "'USD'", None),
    ],
)
def test_from_subunit(amount: str, code: str, expected: object) -> None:
    check(f"$convertCurrencyFromSubunit({amount}, {code})", expected)


def test_the_currency_table_has_179_codes() -> None:
    assert len(SUBUNIT_DIGITS) == 179
    assert {digits: sum(d == digits for d in SUBUNIT_DIGITS.values()) for digits in (0, 3, 4)} == {
        0: 30,
        3: 7,
        4: 2,
    }


def test_first_non_empty_passes_over_null_and_missing_only() -> None:
    check("$firstNonEmpty(null, missing, '', 1)", "")
    check("$firstNonEmpty(missing, 0)", 0)
    check("$firstNonEmpty(false)", False)
    check("$firstNonEmpty(null)", UNDEFINED)
    check("$firstNonEmpty()", UNDEFINED)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'OPEN', {'open': 1}", 1),
        ("'OPEN', {'Open': 1}", 1),
        ("'OPEN', {'OPEN': 1}, true", "OPEN"),
        ("'x', {'open': 1}, false, 'd'", "x"),
        ("missing, {'open': 1}, false, 'd'", "d"),
        ("null, {'open': 1}, false, 'd'", "d"),
        ("null, {'open': 1}", None),
        ("'A', {'a': null}", "A"),
        ("'A', {'a': false}", False),
        ("1, {'1': 'one'}", "one"),
        ("true, {'true': 'one'}", True),
        ("['A', 'b', null], {'a': 1}, false, 'd'", [1, "b", None]),
        ("{'k': 'A'}, {'a': 1}", {"k": 1}),
        ("'A', null", "A"),
        ("'constructor', {'a': 1}", "constructor"),
        ("'0', ['z']", "z"),
    ],
)
def test_map_values(arguments: str, expected: object) -> None:
    check(f"$mapValues({arguments})", expected)


def test_remove_empty() -> None:
    check("$removeEmpty([])", UNDEFINED)
    check("$removeEmpty('')", UNDEFINED)
    check("$removeEmpty([''])", [""])
    check("$removeEmpty('a')", "a")
    check("$removeEmpty(5)", UNDEFINED)
    check("$removeEmpty({'a': null, 'b': '', 'c': [], 'd': 0})", {"d": 0})
    check("$removeEmpty({'a': null})", UNDEFINED)
    error("$removeEmpty(null)")
    error("$removeEmpty(missing)")
    assert value("$removeEmpty({'a': 1})", given=services(strict_compat=True)) is UNDEFINED


def test_remove_empty_items() -> None:
    check("$removeEmptyItems([3, {}, '', {'k': {}}, [], [1], null, 0, false, 'a'])", [3, {"k": {}}, [1], "a"])
    check("$removeEmptyItems('x')", "x")
    check("$removeEmptyItems(missing)", UNDEFINED)


def test_zip_sql_response() -> None:
    columns = "[{'name': 'a'}, {'name': 'b'}]"
    check(f"$zipSqlResponse({columns}, [[1, 2], [3, 4, 5]], 'name')", [{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    check(f"$string($zipSqlResponse({columns}, [[1], [2]], 'name'))", '[{"a":1},{"a":2}]')
    check("$zipSqlResponse([{'name': 'a'}, {'name': 'a'}], [[1, 2], [3, 4]], 'name')", [{"a": 2}, {"a": 4}])
    check("$zipSqlResponse([], [], 'name')", [])
    check("$zipSqlResponse({'name': 'a'}, [[1]][0], 'name')", [{"a": 1}])
    error("$zipSqlResponse(missing, [], 'name')")
    error("$zipSqlResponse([], null, 'name')")
