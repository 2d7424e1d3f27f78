"""Lists and objects by lodash's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.functions.running import check, value

from isthmus.expressions import UNDEFINED


def test_group_by() -> None:
    check(
        "$groupBy([{'t': 'b'}, {'t': 2}, {'t': 1}, {}], 't')",
        {"1": [{"t": 1}], "2": [{"t": 2}], "b": [{"t": "b"}], "undefined": [{}]},
    )
    assert list(value("$groupBy([{'t': 'b'}, {'t': 2}, {'t': 1}], 't')")) == ["1", "2", "b"]  # type: ignore[call-overload]  # an object
    check("$groupBy([{'a': {'b': 'x'}}], 'a.b')", {"x": [{"a": {"b": "x"}}]})
    check("$groupBy([1, 2, 3], function($n) { $n % 2 = 0 ? 'even' : 'odd' }).even", [2])
    check("$groupBy({'t': 1}, 't')", {"1": [{"t": 1}]})


def test_key_by() -> None:
    check("$keyBy([{'id': 'a', 'n': 1}, {'id': 'a', 'n': 2}], 'id')", {"a": {"id": "a", "n": 2}})
    check("$string($keyBy(missing, 'id'))", "{}")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("{'a': 1, 'b': 2}, 'a'", {"a": 1}),
        ("{'a': 1, 'b': {'c': 2, 'd': 3}}, ['a', 'b.c', 'z']", {"a": 1, "b": {"c": 2}}),
        ("{'a.b': 1, 'a': {'b': 2}}, 'a.b'", {"a.b": 1}),
        ("{'a': null}, 'a'", {"a": None}),
        ("null, 'a'", {}),
        ("missing, 'a'", {}),
    ],
)
def test_pick(arguments: str, expected: object) -> None:
    check(f"$pick({arguments})", expected)


def test_omit() -> None:
    check("$omit({'a': 1, 'b': {'c': 2, 'd': 3}}, ['a', 'b.c'])", {"b": {"d": 3}})
    check("$omit({'a.b': 1, 'a': {'b': 2}}, 'a.b')", {"a": {"b": 2}})
    check("$omit(null, 'a')", {})
    check("($o := {'b': {'c': 1}}; $omit($o, 'b.c'); $o)", {"b": {"c": 1}})


def test_compact_and_values() -> None:
    check("$compact([0, 1, false, '', 'a', null, [], {}])", [1, "a", [], {}])
    check("$compact(null)", [])
    check("$values({'a': 1, 'b': [2]})", [1, [2]])
    check("$values('ab')", ["a", "b"])
    check("$values(null)", [])
    check("$values([1, 2])", [1, 2])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("[{'n': 2}, {'n': 1}], 'n'", [{"n": 1}, {"n": 2}]),
        ("[{'n': 1}, {'n': 2}], 'n', 'desc'", [{"n": 2}, {"n": 1}]),
        ("[{'n': 1}, {'n': 2}], 'n', 'DESC'", [{"n": 1}, {"n": 2}]),
        ("[3, 1, 2]", [1, 2, 3]),
        ("[2, null, 1]", [1, 2, None]),
        ("[2, null, 1], missing, 'desc'", [None, 2, 1]),
        ("['b', 'B', 'a']", ["B", "a", "b"]),
        ("['10', 9]", [9, "10"]),
        ("5, 'n'", [5]),
    ],
)
def test_order_by(arguments: str, expected: object) -> None:
    check(f"$orderBy({arguments})", expected)


def test_order_by_several_keys_is_stable() -> None:
    rows = [
        {"a": 1, "b": 1, "i": 0},
        {"a": 2, "b": 1, "i": 1},
        {"a": 1, "b": 2, "i": 2},
        {"a": 1, "b": 1, "i": 3},
    ]
    check("$orderBy(r, ['a', 'b'], ['desc', 'asc']).i", [1, 0, 3, 2], {"r": rows})
    check("$orderBy([{'a': '9', 'b': 2}, {'a': 9, 'b': 1}, {'a': 9, 'b': 3}], ['a', 'b']).b", [1, 2, 3])


def test_find_and_lofilter() -> None:
    data = {"l": [{"id": 1}, {"id": 2, "ok": True, "x": {"y": 1, "z": 2}}, {"id": 3, "ok": True}]}
    check("$find(l, 'ok').id", 2, data)
    check("$find(l, {'x': {'y': 1}}).id", 2, data)
    check("$find(l, ['id', 3]).id", 3, data)
    check("$find(l, function($i) { $i.id > 2 }).id", 3, data)
    check("$find(l, 'nope')", UNDEFINED, data)
    check("$find([0, '', 'a'])", "a", data)
    check("$lofilter(l, {'ok': true}).id", [2, 3], data)
    check("$lofilter(l, ['id', 1])", [{"id": 1}], data)
    check("$lofilter({'ok': true}, 'ok')", [{"ok": True}], data)
    check("$lofilter([[1, 2], [3]], [0, 3])", [[3]], data)


def test_chunk() -> None:
    check("$chunk([1, 2, 3], 2)", [[1, 2], [3]])
    check("$chunk([1, 2], 2.9)", [[1, 2]])
    check("$chunk([1, 2])", [[1], [2]])
    check("$chunk([1, 2], 0)", [])
    check("$chunk([1, 2], null)", [])
    check("$chunk(5, 2)", [[5]])


def test_wrap() -> None:
    check("$wrap(5, '<', '>')", "<5>")
    check("$wrap('a', '|')", "|a|")
    check("$wrap('a', '|', '')", "|a|")
    check("$wrap([1, null, 'b'], '[', ']')", "[1,,b]")
    check("$wrap(null, '<', '>')", "<>")
    check("$wrap(missing, missing)", "")


def test_difference() -> None:
    check("$difference([1, 2, 3, 2, true], [2, 1])", [3, True])
    check("$difference([{'a': 1}], [{'a': 1}])", [{"a": 1}])
    check("($o := {'a': 1}; $difference([$o, 2], [$o]))", [2])
    check("$difference(5, [5])", [])
    check("$difference([1], 5)", [1])


def test_flatten() -> None:
    check("$flatten([1, [2, [3, [4]]], []])", [1, 2, [3, [4]]])
    check("$flatten(1)", [1])
    check("$string($flatten(missing))", "[null]")
    check("$flattenDeep([1, [2, [3, [4]]]])", [1, 2, 3, 4])
    check("$flattenDepth([1, [2, [3, [4]]]], 2)", [1, 2, 3, [4]])
    check("$flattenDepth([1, [2, [3]]])", [1, 2, [3]])
    check("$flattenDepth([1, [2]], 0)", [1, [2]])


NESTED = st.recursive(st.integers(0, 9), lambda inner: st.lists(inner, max_size=4), max_leaves=20)


@given(st.lists(NESTED, max_size=4), st.integers(0, 4))
def test_flatten_depth_one_more_is_flatten_once_more(items: list[object], depth: int) -> None:
    data = {"l": items, "d": depth}
    if items:
        assert value("$flattenDepth($flattenDepth(l, d), 1)", data) == value("$flattenDepth(l, d + 1)", data)
