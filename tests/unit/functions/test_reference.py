"""The reference of the functions: generated, complete, its examples true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.unit.functions.running import error, value

from isthmus.expressions.functions import EXTENSIONS
from isthmus.expressions.functions.reference import parse_entry, render_page
from isthmus.expressions.library import Function

PAGE = Path(__file__).parents[3] / "docs/reference/functions.md"


def test_the_page_is_what_the_docstrings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), (
        f"run: python -m isthmus.expressions.functions.reference {PAGE.relative_to(PAGE.parents[2])}"
    )


@pytest.mark.parametrize("function", EXTENSIONS, ids=lambda function: function.name)
def test_the_example_gives_what_it_says(function: Function) -> None:
    found = parse_entry(function)
    if found.result.startswith("error: "):
        assert error(found.example).message == found.result.removeprefix("error: ")
    else:
        shown = json.loads(json.dumps(value(found.example)).replace('"NaN"', "null"))
        assert shown == json.loads(found.result)


def test_the_examples_of_the_page_on_date_times_give_what_they_say() -> None:
    text = (PAGE.parent / "date-times.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```jsonata\n(.+?)\n=> (.+?)\n```", text, re.M | re.S)
    assert examples
    for expression, expected in examples:
        assert value(expression) == json.loads(expected)


@pytest.mark.parametrize("function", EXTENSIONS, ids=lambda function: function.name)
def test_each_declared_parameter_is_described(function: Function) -> None:
    described = len(parse_entry(function).arguments)
    assert described == (1 if function.is_variadic else function.arity)
