"""What one evaluation does stays in it: neither the input nor a text's constants are changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from isthmus.expressions import compile


@pytest.mark.parametrize(
    "text",
    [
        '($t := {"a": 1, "b": 2}; write ? ({} ~> |$t|{"stolen": $$.secret}|); $t)',
        '($t := [{"a": 1}, {"a": 2}]; write ? ({} ~> |$t|{"stolen": $$.secret}|); $t)',
        '($t := {"a": 1, "b": 2}; write ? ({} ~> |$t|{}, "a"|); $t)',
    ],
)
def test_no_data_of_one_evaluation_is_left_in_the_constants_of_a_text(text: str) -> None:
    expression = compile(text)
    before = copy.deepcopy(expression.evaluate({}))
    expression.evaluate({"write": True, "secret": "of one tenant"})
    assert expression.evaluate({}) == before


@pytest.mark.parametrize(
    "text",
    [
        '$ ~> |$$|{"changed": 1}|',
        '$ ~> |$$.a|{"x": 1}, "b"|',
        '($r := $$.a; $ ~> |$r|{"x": 1}|)',
        '{} ~> |$given|{"x": 1}|',
        '{"copy": $$.a} ~> |copy|{"x": 1}|',
    ],
)
def test_a_transform_changes_a_copy_only(text: str) -> None:
    given: dict[str, Any] = {"a": {"b": 1}, "c": [{"d": 2}]}
    bound: dict[str, Any] = {"given": {"b": 1}}
    compile(text).evaluate(given, bound)
    assert given == {"a": {"b": 1}, "c": [{"d": 2}]}
    assert bound == {"given": {"b": 1}}


def test_a_transform_changes_every_match_in_its_copy() -> None:
    given = {"a": [{"n": 1}, {"n": 2}]}
    assert compile('$ ~> |a|{"m": n * 2}, "n"|').evaluate(given) == {"a": [{"m": 2}, {"m": 4}]}
