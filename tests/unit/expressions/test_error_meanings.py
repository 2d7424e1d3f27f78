"""What an error means is said of every code, and in words that hold none of the data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from isthmus import expressions
from isthmus.expressions import ExpressionError, explain_without_data
from isthmus.expressions.error_meanings import CODES_WITHOUT_DATA, MEANINGS

ROOT = Path(expressions.__file__).parent
NEVER_AT_RUN_TIME = ("S", "ISTHMUS_ASYNC")
"""Codes of what does not compile: whoever stores a definition is shown the text itself."""


def _list_codes() -> Iterator[str]:
    """Yields the code of each `ExpressionError` that is made with a literal one."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ExpressionError":
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    yield str(code.value)


def fail(text: str, **data: object) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        expressions.compile(text).evaluate(data)
    return caught.value


def test_every_code_of_an_evaluation_has_a_meaning() -> None:
    codes = {code for code in _list_codes() if not code.startswith(NEVER_AT_RUN_TIME)}
    assert len(codes) > 30
    assert codes - CODES_WITHOUT_DATA - MEANINGS.keys() == set()


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("$match(a, /x/)", "Argument 1 of $match must be a string"),
        ("$match('x', a)", "Argument 2 of $match must be a function"),
        ("$substring('x', 1, 'y')", "Argument 3 of $substring must be a number"),
        ("$now('x', 'y', 'z')", "Argument 3 of $now is one too many"),
        ("$sum(['x'])", "Argument 1 of $sum must be an array of numbers"),
        ("a ~> |x|{}|", "The argument of a transform must be an object or an array"),
        ("b.$length()", "The context of $length, which stands for argument 1, must be a string"),
        ("($f := function($x)<(sn):s> {'x'}; $f(true))", "Argument 1 of $f must be a string or a number"),
        ("1 + 'x'", 'The right side of the "+" operator must evaluate to a number'),
        ("$reduce([1, 2], function($x, $y) { 1 }, $sum)", "Argument 3 of $reduce must not be a function"),
    ],
)
def test_a_wrong_type_is_told_with_the_right_one(text: str, meaning: str) -> None:
    assert explain_without_data(fail(text, a=None, b=1)) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "$number(a)",
        "$toMillis(a)",
        "$error(a)",
        "$assert(false, a)",
        "{a: 1, 's3cr' & '3t %': 2}",
        "$eval(a)",
        "$eval('$number(' & quoted & ')')",
        "$base64decode(a)",
        "$formatBase(1, n)",
        "$power(n, 1000)",
        "$sqrt(-n)",
        "$decodeUrl('%' & a)",
    ],
)
def test_a_meaning_holds_none_of_the_data(text: str) -> None:
    error = fail(text, a="s3cr3t %", quoted="'s3cr3t'", n=777_777)
    meaning = explain_without_data(error)
    assert meaning, error.code
    assert "s3cr3t" not in meaning
    assert "777777" not in meaning
