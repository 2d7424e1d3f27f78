"""Evaluate an expression of the dialect as tests write it."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from isthmus.expressions import UNDEFINED, ExpressionError, Limits, Services, compile
from isthmus.expressions.library import Fetcher

NOW = datetime(2024, 6, 15, 14, 30, 5, 250_000, tzinfo=UTC)


class FixedClock:
    """Time that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        """Returns the fixed time."""
        return NOW

    def monotonic(self) -> float:
        """Returns no passed time."""
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        """Returns at once."""
        self.elapsed += seconds
        await asyncio.sleep(0)


def services(fetch: Fetcher | None = None, **settings: object) -> Services:
    """`settings`: names with `_` for `.` where they have one (`documents_mode`)."""
    dotted = {
        name if name in {"strict_compat", "currency_exact"} else name.replace("_", ".", 1): value
        for name, value in settings.items()
    }
    return Services(FixedClock(), random.Random(7), fetch, dotted)


def value(
    expression: str,
    data: object = UNDEFINED,
    *,
    bindings: Mapping[str, object] | None = None,
    limits: Limits | None = None,
    given: Services | None = None,
) -> object:
    """Evaluates an expression; returns the result, with NaN as the text "NaN" so that it can be compared."""
    compiled = compile(expression)
    result = asyncio.run(compiled.evaluate_async(data, bindings, limits=limits, services=given or services()))
    return _comparable(result)


def _comparable(result: object) -> object:
    """Returns the result with NaN as a text."""
    if isinstance(result, float) and math.isnan(result):
        return "NaN"
    if isinstance(result, list):
        return [_comparable(item) for item in result]
    if isinstance(result, dict):
        return {key: _comparable(item) for key, item in result.items()}
    return result


def error(
    expression: str,
    data: object = UNDEFINED,
    *,
    bindings: Mapping[str, object] | None = None,
    limits: Limits | None = None,
    given: Services | None = None,
) -> ExpressionError:
    """Evaluates an expression that must fail; returns its error."""
    with pytest.raises(ExpressionError) as caught:
        value(expression, data, bindings=bindings, limits=limits, given=given)
    return caught.value


def check(expression: str, expected: object, data: object = UNDEFINED) -> None:
    """Evaluates an expression and compares the result."""
    actual = value(expression, data)
    assert actual == expected, f"{expression}: {actual!r}, expected {expected!r}"
    assert type(actual) is type(expected) or isinstance(expected, (int, float)), (
        f"{expression}: {type(actual)}"
    )
