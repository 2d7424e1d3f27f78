"""What can be told of a mapping's result by its text."""

from __future__ import annotations

import pytest

from isthmus.expressions import compile
from isthmus.expressions.result_fields import result_fields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('{"a": 1, "b": x.y}', "a b"),
        ('response.items.{"id": id}', "id"),
        ('response.($a := b; {"id": $a})', "id"),
        ('($states := {"new": "open"}; {"id": id})', "id"),
        ('$record := {"a": 1}', "a"),
        ('($record := {"a": 1}; $record)', "a"),
        ('x ? {"a": 1} : {"b": 2}', "a b"),
        ('x ? {"a": 1}', "a"),
        ('x ? {"a": 1} : null', "a"),
        ('x ?: {"a": 1}', None),
        ('[{"a": 1}, {"b": 2}]', "a b"),
        ('$merge([{"a": 1}, {"b": 2}])', "a b"),
        ('$merge([response, {"b": 2}])', None),
        ('$append({"a": 1}, {"b": 2})', "a b"),
        ('$map(response, function($v) { {"a": $v} })', "a"),
        ('($one := function($v) { {"a": $v} }; $map(response, $one))', "a"),
        ('($one := function($v) { {"a": $v} }; $one(response))', "a"),
        ("($loop := function($v) { $loop($v) }; $loop(response))", None),
        ('$filter(response.{"a": b}, function($v) { $v.a })', "a"),
        ('{"a": 1} ~> |$|{"b": 2}|', "a b"),
        ('{"a": 1} ~> |$|{"b": 2}, ["a"]|', None),
        ('{"result": response.{"id": id}, "next_cursor": n}', "id"),
        ('{"result": 1, "other": 2}', "result other"),
        ("{$key: 1}", None),
        ("response", None),
        ("response{name: value}", None),
        ("$sift(response, function($v) { $v })", None),
        ("()", ""),
    ],
)
def test_the_fields_of_a_result(text: str, fields: str | None) -> None:
    assert result_fields(compile(text)) == (None if fields is None else frozenset(fields.split()))
