"""Outcomes of one expression in three engines, and when two outcomes are the same."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jlens
from tests.npm import JSONATA, NODE, install_packages
from tests.properties.expressions.generator import Generator
from tests.unit.expressions.own_time import own_time

from isthmus.expressions import STANDARD, UNDEFINED, ExpressionError, Limits
from isthmus.expressions import compile as compile_expression

__all__ = ["ENDED", "Case", "cases", "ours", "reference", "rust", "same"]

HERE = Path(__file__).parent
ENDED = "js:process ended"
Outcome = dict[str, Any]


@dataclass(frozen=True)
class Case:
    number: int
    text: str
    data: Any


def cases(seed: int, count: int) -> Iterator[Case]:
    """Yields generated cases. `seed`: the same gives the same."""
    for number in range(count):
        generator = Generator(f"{seed}/{number}")
        data = generator.data()
        yield Case(number, generator.expression(), data)


def ours(case: Case) -> Outcome:
    """Returns the outcome in our engine."""
    try:
        expression = compile_expression(case.text, library=STANDARD)
        with own_time():
            result = expression.evaluate(case.data, limits=Limits(seconds=5))
    except ExpressionError as error:
        return {"code": error.code}
    except Exception as error:  # a crash is an outcome, too: one that agrees with nothing
        return {"code": f"crash: {type(error).__name__}: {error}"}
    return {"value": shown(result)}


def shown(value: Any) -> Any:
    """Returns the value with a mark for what JSON cannot say, as in `peer.cjs`."""
    if value is UNDEFINED:
        return {"@": "undefined"}
    if isinstance(value, float) and not math.isfinite(value):
        return {"@": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list) else value


def rust(case: Case) -> Outcome:
    """Returns the outcome in the Rust engine."""
    try:
        result = jlens.Expression(case.text).evaluate_json(json.dumps(case.data), timeout=5.0)
    except jlens.JlensError as error:
        return {"code": error.code}
    return {"value": {"@": "undefined"} if result is None else json.loads(result)}


def reference(case_list: list[Case], repairs: Iterable[str] = ()) -> list[Outcome]:
    """Returns what the reference says, with these of its `REPAIRS` (`peer.cjs`).

    A case that ends its process (out of memory) is a crash like any other.
    """
    modules = install_packages(JSONATA)
    outcomes: list[Outcome] = []
    while len(outcomes) < len(case_list):
        remaining = case_list[len(outcomes) :]
        lines = "\n".join(json.dumps({"text": case.text, "data": case.data}) for case in remaining)
        ran = subprocess.run(
            [NODE, "--max-old-space-size=512", str(HERE / "peer.cjs"), str(modules), ",".join(repairs)],
            input=lines,
            capture_output=True,
            text=True,
            check=False,
        )
        outcomes += [json.loads(line) for line in ran.stdout.splitlines()]
        if ran.returncode != 0:
            outcomes.append({"code": ENDED})
    return outcomes


def same(left: Outcome, right: Outcome) -> bool:
    """Returns True if two outcomes have the same error code, or equal values."""
    if "code" in left or "code" in right:
        return left.get("code") == right.get("code")
    return equal(left["value"], right["value"])


def item(value: Any) -> Any:
    """Nothing in a list is null, as in JSON."""
    return None if value == {"@": "undefined"} else value


def equal(left: Any, right: Any) -> bool:
    """Returns True if two values are equal; numbers, within a relative error of 1e-9."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or abs(left - right) <= 1e-9 * max(abs(left), abs(right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, map(item, left), map(item, right)))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)
