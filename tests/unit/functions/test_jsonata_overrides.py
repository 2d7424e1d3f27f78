"""Functions in the place of JSONata's own."""

from __future__ import annotations

import pytest
from tests.unit.functions.running import check, error

from isthmus.expressions import UNDEFINED


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("['a', 'b']", "a,b"),
        ("['a', 'b'], missing", "a,b"),
        ("['a', 'b'], null", "anullb"),
        ("['a', 'b'], 1", "a1b"),
        ("['a', null, ['b', ['c']], {'x': 1}], '-'", "a--b,c-[object Object]"),
        ("[true, 1e21, 0.1]", "true,1e+21,0.1"),
        ("missing", ""),
        ("null", ""),
        ("5", "5"),
        ("[]", ""),
    ],
)
def test_join_takes_anything(arguments: str, expected: str) -> None:
    check(f"$join({arguments})", expected)


def test_each() -> None:
    check("$each({'a': 1, 'b': 2}, function($v, $k) { $k & $v })", ["a1", "b2"])
    check("$each({'a': 1}, function($v, $k, $o) { $o })", {"a": 1})
    check("$each({'a': 1, 'b': 2}, $string)", ["1", "2"])
    check("$each({'a': null, 'b': 2}, function($v) { $v })", [None, 2])
    check("$each({'a': 1, 'b': 2}, function($v) { $v = 1 ? missing : $v })", 2)
    check("$each({}, function($v) { $v })", UNDEFINED)
    check("$each(missing, function($v) { $v })", UNDEFINED)
    check("{'a': 1}.$each(function($v) { $v })", 1)


@pytest.mark.parametrize("value", ["null", "[1]", "5", "'x'"])
def test_each_takes_objects_only(value: str) -> None:
    assert error(f"$each({value}, function($v) {{ $v }})").code == "T0410"


def test_sift_by_effective_boolean() -> None:
    check(
        "$sift(o, function($v) { $v })",
        {"a": 1, "e": [1], "g": "x"},
        {"o": {"a": 1, "b": 0, "c": [], "d": [0], "e": [1], "f": {}, "g": "x", "h": None, "i": ""}},
    )
    check("$sift({'a': 1, 'b': 0}, function($v, $k) { $k = 'b' })", {"b": 0})
    check("$sift({'a': 1}, function() { false })", UNDEFINED)
    check("$sift({}, function() { true })", UNDEFINED)
    check("$sift(missing, function() { true })", UNDEFINED)
    check("{'a': 1, 'b': 2}.$sift(function($v) { $v > 1 })", {"b": 2})
    check("$sift({'a': 1}, function() { $string })", {"a": 1})
    assert error("$sift({'a': 1}, function() { $toNumber('Infinity') })").code == "D1001"
    error("$sift({'a': 1})")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("1234567890123456789", "1234567890123460000"),
        ("0.1 + 0.2", "0.3"),
        ("{'a': 0.1 + 0.2, 'f': function() { 1 }}", '{"a":0.3,"f":""}'),
        ("$string", ""),
        ("null", "null"),
        ("true", "true"),
        ("'x', true", "x"),
        ("{'a': [1, {}], 'b': {}}, true", '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": {}\n}'),
        ("[$toNumber('x')]", "[null]"),
        ("$dtFromIso('2024-01-01')", '"2024-01-01T00:00:00.000+00:00"'),
        ("$dtFromIso('x')", "null"),
        ("$parseUrl('http://a.b')", '"http://a.b/"'),
        ("$blob('x')", "{}"),
        ("1e21", "1e+21"),
        ("1e-7", "1e-7"),
    ],
)
def test_string(arguments: str, expected: str) -> None:
    check(f"$string({arguments})", expected)


def test_string_of_nothing_and_of_no_number() -> None:
    check("$string(missing)", UNDEFINED)
    check("[5].$string()", "5")
    assert error("$string($toNumber('x'))").code == "D3001"
    assert error("$string($toNumber('Infinity'))").code == "D3001"
    assert error("$string([$toNumber('Infinity')])").code == "D1001"
    assert error("$string(1, 'x')").code == "T0410"


def test_keys() -> None:
    check("$keys({'a': 1})", "a")
    check("$keys([{'a': 1}, {'b': 2, 'a': 3}])", ["a", "b"])
    check("{'a': 1, 'b': 2}.$keys()", ["a", "b"])
    for value in ("{}", "5", "'abc'", "missing", "null", "[1, 2]", "$blob('a')", "function() { 1 }"):
        check(f"$keys({value})", UNDEFINED)


@pytest.mark.parametrize("name", ["constructor", "__proto__", "__class__"])
def test_nothing_of_the_host_language_can_be_looked_up(name: str) -> None:
    check(f"$lookup({{'a': 1}}, '{name}')", UNDEFINED)
    check(f"$lookup($dtFromIso('2024-01-01'), '{name}')", UNDEFINED)
    check(f"$dtFromIso('2024-01-01').`{name}`", UNDEFINED)
