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
    for number in range(count):
        generator = Generator(f"{seed}/{number}")
        data = generator.data()
        yield Case(number, generator.expression(), data)


def ours(case: Case) -> Outcome:
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
    """What JSON cannot say gets a mark, as in `peer.cjs`."""
    if value is UNDEFINED:
        return {"@": "undefined"}
    if isinstance(value, float) and not math.isfinite(value):
        return {"@": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list) else value


def rust(case: Case) -> Outcome:
    try:
        result = jlens.Expression(case.text).evaluate_json(json.dumps(case.data), timeout=5.0)
    except jlens.JlensError as error:
        return {"code": error.code}
    return {"value": {"@": "undefined"} if result is None else json.loads(result)}


def reference(given: list[Case], repairs: Iterable[str] = ()) -> list[Outcome]:
    """What the reference says, with these of its `REPAIRS` (`peer.cjs`).

    A case that ends its process (out of memory) is a crash like any other.
    """
    modules = install_packages(JSONATA)
    found: list[Outcome] = []
    while len(found) < len(given):
        rest = given[len(found) :]
        lines = "\n".join(json.dumps({"text": case.text, "data": case.data}) for case in rest)
        ran = subprocess.run(
            [NODE, "--max-old-space-size=512", str(HERE / "peer.cjs"), str(modules), ",".join(repairs)],
            input=lines,
            capture_output=True,
            text=True,
            check=False,
        )
        found += [json.loads(line) for line in ran.stdout.splitlines()]
        if ran.returncode != 0:
            found.append({"code": ENDED})
    return found


def same(one: Outcome, other: Outcome) -> bool:
    if "code" in one or "code" in other:
        return one.get("code") == other.get("code")
    return equal(one["value"], other["value"])


def item(value: Any) -> Any:
    """Nothing in a list is null, as in JSON."""
    return None if value == {"@": "undefined"} else value


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other or abs(one - other) <= 1e-9 * max(abs(one), abs(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, map(item, one), map(item, other)))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)
