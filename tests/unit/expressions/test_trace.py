"""Traces and explanations for authors."""

from __future__ import annotations

import pytest

from isthmus.expressions import UNDEFINED, compile


def reasons(text: str, data: object) -> dict[str, str]:
    return {one.field: one.reason for one in compile(text).explain(data)}


@pytest.mark.parametrize(
    ("text", "data", "reason"),
    [
        ('{"a": p.emial}', {"p": {"email": 1}}, "p has no field emial; did you mean email?"),
        ('{"a": p.x.y}', {"p": {"x": None}}, "p.x is null, so it has no field y"),
        ('{"a": p.x}', {"p": "text"}, "p is no object, so it has no field x"),
        ('{"a": rows.x}', {"rows": [{"y": 1}]}, "no item of rows has a field x"),
        ('{"a": rows[kind="z"].id}', {"rows": [{"kind": "a"}]}, 'no item of rows passes [kind="z"]'),
        ('{"a": flag ? 1}', {"flag": False}, "flag is false, and there is nothing behind ':'"),
        ('{"a": flag ? x : y}', {"flag": True}, "the input has no field x"),
        ('{"a": $uppercase(name)}', {}, "the input has no field name"),
        ('{"a": $x + 1}', {}, "$x has no value"),
        ('{"a": ($x := nothing)}', {}, "the input has no field nothing"),
        ('{"a": rows.(x)}', {"rows": []}, "rows.(x) gave nothing"),
        ('{"a": (n := 1; nothing)}'.replace("n :=", "$n :="), {}, "the input has no field nothing"),
    ],
)
def test_an_empty_field_has_a_reason(text: str, data: object, reason: str) -> None:
    assert reasons(text, data) == {"a": reason}


def test_fields_inside_lists_are_counted() -> None:
    found = compile('{"rows": rows.{"id": id, "name": name}}').explain({"rows": [{"id": 1}, {"id": 2}]})
    assert [(one.field, one.times, one.of, one.text) for one in found] == [("rows.name", 2, 2, "name")]


def test_a_full_result_needs_no_explanation() -> None:
    assert compile('{"a": b}').explain({"b": None}) == []


def test_a_trace_shows_input_and_output_of_each_part() -> None:
    trace = compile("a.b & '-' & $string(c)").trace({"a": {"b": "x"}, "c": 2})
    assert trace.result == "x-2"
    assert [(step.text, step.output) for step in trace.steps] == [
        ("a.b", "x"),
        ("c", 2),
        ("$string(c)", "2"),
        ("a.b & '-' & $string(c)", "x-2"),
    ]
    assert trace.steps[0].input == {"a": {"b": "x"}, "c": 2}


def test_a_trace_ends_with_its_error() -> None:
    trace = compile("a + 1").trace({"a": "x"})
    assert trace.result is UNDEFINED
    assert trace.error is not None
    assert trace.error.code == "T2001"
    assert [step.text for step in trace.steps] == ["a"]
