"""The reference implementation's own test suite, case by case.

`python -m tests.unit.expressions.test_jsonata_suite` prints the count and every case that fails.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.unit.expressions.own_time import own_time

from isthmus.expressions import STANDARD, UNDEFINED, Expression, ExpressionError, Limits
from isthmus.expressions import compile as compile_expression

SUITE = Path(__file__).parents[3].parent / "shared" / "jsonata-test-suite"


@dataclass(frozen=True)
class Case:
    name: str
    text: str
    data: object
    given: dict[str, Any]

    @property
    def limits(self) -> Limits:
        limits = Limits()
        if "timelimit" in self.given or "depth" in self.given:
            return Limits(
                seconds=self.given.get("timelimit", 5_000) / 1_000,
                depth=self.given.get("depth", limits.depth),
                items=max(limits.items, 10_000_000),
            )
        return limits


def cases() -> Iterator[Case]:
    datasets = {path.stem: json.loads(path.read_text()) for path in SUITE.glob("datasets/*.json")}
    for path in sorted(SUITE.glob("groups/*/*.json")):
        found = json.loads(path.read_text())
        for number, given in enumerate(found if isinstance(found, list) else [found]):
            text = given["expr"] if "expr" in given else (path.parent / given["expr-file"]).read_text()
            data: object = UNDEFINED
            if "data" in given:
                data = given["data"]
            elif given.get("dataset") is not None:
                data = datasets[given["dataset"]]
            yield Case(f"{path.parent.name}/{path.stem}[{number}]", text, data, given)


def problem(case: Case) -> str | None:
    """What is wrong with the outcome of a case; None if it is as stated."""
    given = case.given
    code = given.get("code") or given.get("error", {}).get("code")
    try:
        expression: Expression = compile_expression(case.text, library=STANDARD)
        with own_time():
            result = expression.evaluate(case.data, given.get("bindings"), limits=case.limits)
    except ExpressionError as error:
        if code is None:
            return f"raised {error.code}: {error.message}"
        if error.code != code:
            return f"raised {error.code}, expected {code}"
        if "token" in given and error.token != given["token"]:
            return f"token {error.token!r}, expected {given['token']!r}"
        return None
    if code is not None:
        return f"gave {result!r}, expected {code}"
    if given.get("undefinedResult"):
        return None if result is UNDEFINED else f"gave {result!r}, expected nothing"
    if "result" in given:
        expected = given["result"]
        same = unordered(result, expected) if given.get("unordered") else equal(result, expected)
        return None if same else f"gave {result!r}, expected {expected!r}"
    return "the case states nothing"


def equal(result: object, expected: object) -> bool:
    """JSON equality; true is not 1, and numbers differ by no more than the last digits of a double."""
    if isinstance(result, bool) or isinstance(expected, bool):
        return result is expected
    if isinstance(result, dict) and isinstance(expected, dict):
        return result.keys() == expected.keys() and all(equal(result[key], expected[key]) for key in result)
    if isinstance(result, list) and isinstance(expected, list):
        return len(result) == len(expected) and all(map(equal, result, expected))
    if isinstance(result, (int, float)) and isinstance(expected, (int, float)):
        return bool(abs(result - expected) <= 1e-12 * max(1.0, abs(expected)))
    return type(result) is type(expected) and result == expected


def unordered(result: object, expected: object) -> bool:
    def key(value: object) -> str:
        return json.dumps(value, sort_keys=True)

    return (
        isinstance(result, list)
        and isinstance(expected, list)
        and sorted(result, key=key) == sorted(expected, key=key)
    )


@pytest.mark.skipif(not SUITE.is_dir(), reason="shared jsonata-test-suite absent")
def test_every_case_of_the_reference_suite_has_its_stated_outcome() -> None:
    failed = [f"{case.name}: {wrong}" for case in cases() if (wrong := problem(case)) is not None]
    assert failed == []


def main() -> int:
    total = passed = 0
    for case in cases():
        total += 1
        try:
            wrong = problem(case)
        except Exception as error:  # a crash is a failed case, and the count goes on
            wrong = f"crashed with {type(error).__name__}: {error}"
        if wrong is None:
            passed += 1
        else:
            print(f"{case.name}: {case.text[:200]!r}: {wrong[:300]}")
    print(f"{passed} of {total}")
    return 0 if passed == total else 1


if __name__ == "__main__":
    sys.exit(main())
