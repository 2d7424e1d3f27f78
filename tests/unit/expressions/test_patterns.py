"""Regular expressions as JavaScript reads them: where the first match begins and ends."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import pytest

from isthmus.expressions import ExpressionError
from isthmus.expressions.limits import MAX_PATTERN_CHARS
from isthmus.expressions.runtime.regex import Pattern

CASES = json.loads((Path(__file__).parent / "pattern_cases.json").read_text())


@pytest.mark.parametrize(("source", "flags", "text", "expected"), CASES)
def test_patterns_match_as_in_javascript(
    source: str, flags: str, text: str, expected: list[int] | str | None
) -> None:
    if isinstance(expected, str):
        with pytest.raises(ExpressionError) as caught:
            Pattern(source, flags)
        assert caught.value.code == expected
        return
    pattern = Pattern(source, flags)
    for engine in (pattern.compiled, pattern.linear):
        if engine is not None:
            found = engine.search(text)
            assert (None if found is None else [found.start(), found.end()]) == expected


@pytest.mark.parametrize(
    "source",
    [
        "a(?R)?b",
        "(a(?1)?b)",
        "(?(DEFINE)(?<x>a))",
        "(a)(?(1)b|c)",
        "(?i)a",
        "(?i:a)",
        "a(?#c)",
        "(?>a+)b",
        "(?|a|b)",
        "(?P<x>a)(?P=x)",
        "(?<x>a)(?&x)",
        "a*+a",
        "a++",
        "a?+",
        "a{2}+",
    ],
)
def test_what_only_other_engines_have_is_an_error_of_the_expression(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Pattern(source, "")
    assert caught.value.code == "S0303"


@pytest.mark.parametrize(
    "source",
    ["(a", "[a", "a{1,99999999999999999999}"],
    ids=["a group without an end", "a set without an end", "repeats beyond all numbers"],
)
def test_a_pattern_that_no_engine_takes_is_an_error_of_the_expression(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Pattern(source, "")
    assert caught.value.code == "S0303"


def test_a_pattern_for_which_no_stack_is_left_is_an_error_of_the_expression() -> None:
    def descend(levels: int) -> Pattern:
        return descend(levels - 1) if levels else Pattern("(" * 200 + ")" * 200, "")

    with pytest.raises(ExpressionError) as caught:
        descend(sys.getrecursionlimit() - len(inspect.stack()) - 100)
    assert caught.value.code == "S0303"


@pytest.mark.parametrize(
    ("fitting", "too_large"),
    [
        ("a" * MAX_PATTERN_CHARS, "a" * (MAX_PATTERN_CHARS + 1)),
        ("a{10000}", "a{10001}"),
        ("(?:ab){3333}", "(?:ab){3334}"),
        ("(?:a{50}){196}", "(?:a{50}){197}"),
    ],
)
def test_patterns_are_taken_up_to_a_size(fitting: str, too_large: str) -> None:
    Pattern(fitting, "")
    with pytest.raises(ExpressionError) as caught:
        Pattern(too_large, "")
    assert caught.value.code == "ISTHMUS_LIMIT"
