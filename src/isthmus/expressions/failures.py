"""Errors that functions raise: something is wrong with what they were given, or it is too much."""

from __future__ import annotations

from types import TracebackType
from typing import Final

from isthmus.expressions.errors import LIMIT, NOT_CONFIGURED, ExpressionError
from isthmus.expressions.limits import MAX_PICTURE
from isthmus.expressions.meter import Meter

__all__ = ["FUNCTION", "checked_picture", "failed", "not_configured", "over_limit", "understood"]

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


def checked_picture(picture: str, function: str) -> str:
    """A picture (how a date or a number is written), if it is not too long."""
    if len(picture) > MAX_PICTURE:
        raise over_limit(function, "characters of a picture", MAX_PICTURE)
    return picture


def understood(error: Exception, evaluation: Meter, text: str) -> ExpressionError | None:
    """A Python error that bad input led to, as an error of the expression `text`; None for any other.

    Only errors from the code of this package: those of a caller's functions are the caller's.
    """
    found: ExpressionError
    if isinstance(error, RecursionError):
        found = evaluation.too_deep()
    elif isinstance(error, MemoryError):
        found = evaluation.exceeded("memory", "evaluation")
    elif not isinstance(error, (ArithmeticError, ValueError)) or not _is_ours(error.__traceback__):
        return None
    elif isinstance(error, OverflowError):
        found = ExpressionError("D1001", "Number out of range")
    else:
        found = ExpressionError(FUNCTION, "A value is not of the kind or size that its use asks for")
    found.text = text
    return found


def _is_ours(trace: TracebackType | None) -> bool:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    if name == "isthmus.expressions.suspension":  # it hands on what an awaited function raised
        return False
    return name == "" or name.startswith("isthmus.expressions.")
