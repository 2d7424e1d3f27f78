"""The one error of expressions, `ExpressionError`, its codes, and functions that make common errors."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.limits import MAX_PICTURE_CHARS

__all__ = [
    "FUNCTION_ERROR",
    "LIMIT",
    "NOT_CONFIGURED",
    "REFUSED",
    "ExpressionError",
    "check_picture",
    "make_function_error",
    "make_limit_error",
    "make_not_configured_error",
]

LIMIT: Final = "ISTHMUS_LIMIT"
"""The code of an evaluation that went over one of `Limits`."""

NOT_CONFIGURED: Final = "ISTHMUS_NOT_CONFIGURED"
"""The code of a function that reaches outside and that the operator has not configured."""

REFUSED: Final = "ISTHMUS_REFUSED"
"""The code of a function that would reach a host that the operator does not let it reach."""

FUNCTION_ERROR: Final = "ISTHMUS_FUNCTION"
"""The code of an error that a function of the dialect raised; its message is what a customer sees."""

_WIDTH = 100


class ExpressionError(Exception):
    """An expression that cannot be compiled or evaluated.

    `code`: JSONata's (`S…` syntax, `T…` types, `D…` evaluation) or ours (`ISTHMUS_…`). `position`: index into
    the expression's text behind the token that failed, as JSONata counts; None where no place is known.
    `token`, `value`: what the message is about; `value` never leaves the process by itself. `text`: the whole
    expression, where known; `str()` then shows the line with a caret under the place. `path`: where it stands
    in an object of expressions, dotted; "" for one that stands alone.
    """

    def __init__(
        self,
        code: str,
        message: str,
        position: int | None = None,
        *,
        token: str | None = None,
        value: object = None,
        text: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.position = position
        self.token = token
        self.value = value
        self.text = text
        self.path = ""

    def __str__(self) -> str:
        head = f"{self.code}: {self.message}"
        if self.text is None or self.position is None:
            return head
        return f"{head}\n{format_excerpt(self.text, self.position)}"


def format_excerpt(text: str, position: int) -> str:
    """Return the line of `text` that `position` lies in, and a caret under the place; long lines are cut."""
    at = max(0, min(position - 1, len(text)))
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[start : end if end >= 0 else len(text)].replace("\t", " ")
    column = at - start
    if len(line) > _WIDTH:
        left = max(0, column - _WIDTH // 2)
        cut = line[left : left + _WIDTH]
        column -= left
        if left:
            cut = "…" + cut[1:]
        line = cut if left + _WIDTH >= len(line) else cut[:-1] + "…"
    number = text.count("\n", 0, start) + 1
    gutter = f"{number} | "
    return f"{gutter}{line}\n{' ' * (len(gutter) + max(0, column))}^"


def make_function_error(function: str, message: str) -> ExpressionError:
    """Return the error of `function` (named without `$`), with exactly this message."""
    return ExpressionError(FUNCTION_ERROR, message, token=function)


def make_not_configured_error(function: str) -> ExpressionError:
    """Return the error of a `function` that is off until the operator configures it."""
    return ExpressionError(NOT_CONFIGURED, f"{function} is not configured", token=function)


def make_limit_error(function: str, limit: str, allowed: object) -> ExpressionError:
    """Return the error of a `function` that would go over `limit`."""
    return ExpressionError(
        LIMIT, f"{function} went over the limit {limit} = {allowed}", token=function, value=allowed
    )


def check_picture(picture: str, function: str) -> str:
    """Return the picture (the format of a date or a number), unless it is too long: then raises
    `ExpressionError`."""
    if len(picture) > MAX_PICTURE_CHARS:
        raise make_limit_error(function, "characters of a picture", MAX_PICTURE_CHARS)
    return picture
