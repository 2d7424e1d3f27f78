"""The two errors that functions raise: something is wrong with what they were given, or it is too much."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.errors import LIMIT, NOT_CONFIGURED, ExpressionError

__all__ = ["FUNCTION", "failed", "not_configured", "over_limit"]

FUNCTION: Final = "ISTHMUS_FUNCTION"
"""The code of an error that a function of the dialect raised; its message is what a customer sees."""


def failed(function: str, message: str) -> ExpressionError:
    """The error of `function` (named without `$`), with exactly this message."""
    return ExpressionError(FUNCTION, message, token=function)


def not_configured(function: str) -> ExpressionError:
    """The error of a `function` that is off until the operator configures it."""
    return ExpressionError(NOT_CONFIGURED, f"{function} is not configured", token=function)


def over_limit(function: str, limit: str, allowed: object) -> ExpressionError:
    """The error of a `function` that would go over `limit` (`functions.md` §10)."""
    return ExpressionError(
        LIMIT, f"{function} went over the limit {limit} = {allowed}", token=function, value=allowed
    )
