"""Operators on any values: arithmetic, comparison, equality, truth, membership, ranges, text."""

from __future__ import annotations

from math import fmod, inf, trunc
from typing import Any, Final, NoReturn

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.json_writer import format_number_text, to_double
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_LENGTH, pace
from isthmus.expressions.runtime.string_conversion import made_text, text_of
from isthmus.expressions.values import UNDEFINED, LazyRange, is_function

__all__ = [
    "SAFE", "add", "as_count", "bounded", "compare", "divide", "equal", "equals", "includes", "is_number",
    "js_less", "make_range", "modulo", "multiply", "negate", "normal", "piece", "subtract", "truth",
    "unequal",
]  # fmt: skip

SAFE: Final = 2**53
DOUBLES: Final = 2**1024
MAX_RANGE: Final = 10_000_000


def out_of_range(value: float) -> ExpressionError:
    return ExpressionError("D1001", f"Number out of range: {format_number_text(value)}", value=value)


def is_number(value: object) -> bool:
    """A number as JSONata sees it: NaN is none, and an infinite one is an error (D1001)."""
    if type(value) is int:
        if not -DOUBLES < value < DOUBLES:
            raise out_of_range(value)
        return True
    if type(value) is float:
        if value in (inf, -inf):
            raise out_of_range(value)
        return value == value
    return False


def normal(value: float) -> float:
    """A result as our number: whole numbers that a double holds exactly are `int`."""
    if type(value) is float:
        if value.is_integer() and -SAFE <= value <= SAFE:
            return int(value)
    elif not -SAFE <= value <= SAFE:
        return normal(to_double(value))
    return value


def as_count(value: float, most: int) -> int:
    """A number of characters or items as JavaScript takes it: towards zero, NaN is none; at most `most`."""
    return 0 if value != value else trunc(max(-most, min(value, most)))


def _operands(left: Any, right: Any, operator: str, position: int) -> bool:
    """Check both; False if one is undefined."""
    try:
        if left is not UNDEFINED and not is_number(left):
            raise ExpressionError(
                "T2001",
                f'The left side of the "{operator}" operator must evaluate to a number',
                value=left,
            )
        if right is not UNDEFINED and not is_number(right):
            raise ExpressionError(
                "T2002",
                f'The right side of the "{operator}" operator must evaluate to a number',
                value=right,
            )
    except ExpressionError as error:
        error.position = position
        error.token = operator
        raise
    return left is not UNDEFINED and right is not UNDEFINED


def add(left: Any, right: Any, position: int) -> Any:
    return normal(left + right) if _operands(left, right, "+", position) else UNDEFINED


def subtract(left: Any, right: Any, position: int) -> Any:
    return normal(left - right) if _operands(left, right, "-", position) else UNDEFINED


def multiply(left: Any, right: Any, position: int) -> Any:
    return normal(left * right) if _operands(left, right, "*", position) else UNDEFINED


def divide(left: Any, right: Any, position: int) -> Any:
    """As doubles do: division by zero is infinite (or NaN) and fails only where it is used."""
    if not _operands(left, right, "/", position):
        return UNDEFINED
    if right == 0:
        if left == 0:
            return float("nan")
        return inf if (left > 0) == (str(float(right))[0] != "-") else -inf
    return normal(float(left) / float(right))


def modulo(left: Any, right: Any, position: int) -> Any:
    """The sign follows the left side."""
    if not _operands(left, right, "%", position):
        return UNDEFINED
    return float("nan") if right == 0 else normal(fmod(left, right))


def negate(value: Any, position: int) -> Any:
    if value is UNDEFINED:
        return UNDEFINED
    if is_number(value):
        return -value
    raise ExpressionError(
        "D1002",
        "Cannot negate a non-numeric value",
        position,
        token="-",
        value=value,
    )


def js_less(left: Any, right: Any) -> bool:
    """`<` of two strings or two numbers; strings by UTF-16 code units."""
    if type(left) is str and not (left.isascii() and right.isascii()):
        return bool(left.encode("utf-16-be", "surrogatepass") < right.encode("utf-16-be", "surrogatepass"))
    return bool(left < right)


def compare(evaluation: Evaluation, operator: str, left: Any, right: Any, position: int) -> Any:
    """`< <= > >=`: both numbers or both strings; undefined if one is undefined."""
    if type(left) is str and len(left) > MAX_FREE_LENGTH:
        evaluation.charge(len(left))
    kinds = (str, int, float)
    for value in (left, right):
        if value is not UNDEFINED and type(value) not in kinds:
            raise ExpressionError(
                "T2010",
                f'The expressions either side of operator "{operator}" must evaluate to numeric or string'
                " values",
                position,
                token=operator,
                value=value,
            )
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    if (type(left) is str) != (type(right) is str):
        raise ExpressionError(
            "T2009",
            f'The values either side of operator "{operator}" must be of the same data type',
            position,
            token=operator,
            value=left,
        )
    if operator == "<":
        return js_less(left, right)
    if operator == ">":
        return js_less(right, left)
    if left != left or right != right:
        return False
    return not js_less(right, left) if operator == "<=" else not js_less(left, right)


def equal(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """Deep equality, as one statement of values that are not undefined; types never mix."""
    kind = type(left)
    if kind is str or type(right) is str:
        if kind is str and len(left) > MAX_FREE_LENGTH:
            evaluation.charge(len(left))
        return kind is type(right) and bool(left == right)
    if kind is bool or type(right) is bool or left is None or right is None:
        return left is right
    if kind in (int, float) and type(right) in (int, float):
        return bool(left == right)
    if left is right:
        return True
    if isinstance(left, (list, dict)):
        return _Comparison(evaluation).nested(left, right)
    return is_function(left) and is_function(right) and bool(left == right)


class _Comparison:
    """Two lists or objects against each other; a pair that was found equal is not gone into again.

    An expression can put one object into itself's copies again and again: what is small in memory may be
    endless as a tree.
    """

    __slots__ = ("evaluation", "known")

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.known: set[tuple[int, int]] = set()

    def nested(self, left: Any, right: Any) -> bool:
        if left is right or (id(left), id(right)) in self.known:
            return True
        self.evaluation.charge(len(left))
        if isinstance(left, list):
            if not isinstance(right, list) or len(left) != len(right):
                return False
            if type(left) is LazyRange and type(right) is LazyRange:
                return left.numbers == right.numbers
            pairs = zip(pace(left, 1, self.evaluation), right, strict=True)
            same = all(self.same(one, other) for one, other in pairs)
        else:
            if not isinstance(right, dict) or len(left) != len(right):
                return False
            fields = pace(left.items(), 1, self.evaluation)
            same = all(key in right and self.same(value, right[key]) for key, value in fields)
        if same:
            self.known.add((id(left), id(right)))
        return same

    def same(self, left: Any, right: Any) -> bool:
        if isinstance(left, (list, dict)):
            return self.nested(left, right)
        return (left is UNDEFINED and right is UNDEFINED) or equal(self.evaluation, left, right)


def equals(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """`=`: false if a side is undefined."""
    if left is UNDEFINED or right is UNDEFINED:
        return False
    return equal(evaluation, left, right)


def unequal(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """`!=`: false, too, if a side is undefined."""
    if left is UNDEFINED or right is UNDEFINED:
        return False
    return not equal(evaluation, left, right)


def truth(evaluation: Evaluation, value: Any) -> bool:
    """The effective boolean; undefined is false."""
    kind = type(value)
    if kind is bool:
        return bool(value)
    if kind is str or kind is dict:
        return bool(value)
    if value is UNDEFINED or value is None:
        return False
    if kind is int or kind is float:
        return is_number(value) and value != 0
    if isinstance(value, list):
        if len(value) == 1:
            return truth(evaluation, value[0])
        if type(value) is LazyRange:
            return len(value) > 0
        evaluation.charge(len(value))
        return any(truth(evaluation, item) for item in pace(value, 1, evaluation))
    if isinstance(value, dict):
        return bool(value)
    return not is_function(value)


def includes(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """`in`: strict equality with an item; objects and arrays only by identity."""
    if left is UNDEFINED or right is UNDEFINED:
        return False
    if not isinstance(right, list):
        right = (right,)
    elif type(right) is LazyRange:
        return type(left) in (int, float) and left == left // 1 and int(left) in right.numbers
    elif len(right) > 99:
        evaluation.charge(len(right))
    if type(left) is str:
        return left in right
    if isinstance(left, (list, dict)):
        return any(item is left for item in right)
    right = pace(right, 1, evaluation)
    return any(type(item) not in (list, dict) and equal(evaluation, left, item) for item in right)


def piece(evaluation: Evaluation, value: Any, position: int) -> str:
    """One side of `&` that is not text already."""
    try:
        return "" if value is UNDEFINED else text_of(evaluation, value)
    except ExpressionError as error:
        if error.position is None:
            error.position = position
            error.token = "&"  # noqa: S105  an operator, no password
        raise


def bounded(evaluation: Evaluation, made: str) -> str:
    """Account for a long text that was made."""
    return made_text(evaluation, made, "&")


def make_range(evaluation: Evaluation, left: Any, right: Any, position: int) -> Any:
    """`left..right`, lazily; undefined if empty."""

    def wrong(code: str, side: str, value: Any) -> NoReturn:
        raise ExpressionError(
            code,
            f"The {side} side of the range operator (..) must evaluate to an integer",
            position,
            token="..",
            value=value,
        )

    first, last = whole(left), whole(right)
    if left is not UNDEFINED and first is None:
        wrong("T2003", "left", left)
    if right is not UNDEFINED and last is None:
        wrong("T2004", "right", right)
    if first is None or last is None or first > last:
        return UNDEFINED
    size = last - first + 1
    if size > MAX_RANGE:
        raise ExpressionError(
            "D2014",
            "The size of the sequence allocated by the range operator (..) must not exceed 1e7."
            f"  Attempted to allocate {size}.",
            position,
            token="..",
            value=size,
        )
    return LazyRange(range(first, last + 1), evaluation.limits.items)


def whole(value: Any) -> int | None:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    return None
