"""Operators on values of any kind: arithmetic, comparison, equality, truth, membership, ranges,
concatenation."""

from __future__ import annotations

from math import fmod, inf, trunc
from typing import Any, Final, NoReturn

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.json_writer import format_number_text, to_double
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_LENGTH, pace
from isthmus.expressions.runtime.string_conversion import charge_new_text, to_string
from isthmus.expressions.values import UNDEFINED, LazyRange, is_function

__all__ = [
    "MAX_SAFE",
    "add",
    "are_equal",
    "are_unequal",
    "cast_text",
    "charge_concatenation",
    "compare",
    "divide",
    "is_deep_equal",
    "is_in",
    "is_jsonata_number",
    "is_less",
    "make_range",
    "modulo",
    "multiply",
    "negate",
    "normalize_number",
    "subtract",
    "to_boolean",
    "to_count",
]  # fmt: skip

MAX_SAFE: Final = 2**53  # the largest integer up to which doubles are exact
DOUBLE_LIMIT: Final = 2**1024
MAX_RANGE_SIZE: Final = 10_000_000


def make_out_of_range_error(value: float) -> ExpressionError:
    """Return the error D1001 of a number that is no finite double."""
    return ExpressionError("D1001", f"Number out of range: {format_number_text(value)}", value=value)


def is_jsonata_number(value: object) -> bool:
    """Return whether `value` is a number to JSONata: NaN and booleans are not. Raises D1001 for an infinite
    number."""
    if type(value) is int:
        if not -DOUBLE_LIMIT < value < DOUBLE_LIMIT:
            raise make_out_of_range_error(value)
        return True
    if type(value) is float:
        if value in (inf, -inf):
            raise make_out_of_range_error(value)
        return value == value
    return False


def normalize_number(value: float) -> float:
    """Return the number as `int` if it is integral and a double holds it exactly, else as `float`."""
    if type(value) is float:
        if value.is_integer() and -MAX_SAFE <= value <= MAX_SAFE:
            return int(value)
    elif not -MAX_SAFE <= value <= MAX_SAFE:
        return normalize_number(to_double(value))
    return value


def to_count(value: float, most: int) -> int:
    """Return a number of characters or items as JavaScript takes it: truncated, NaN is 0, between `-most` and
    `most`."""
    return 0 if value != value else trunc(max(-most, min(value, most)))


def _check_operands(left: Any, right: Any, operator: str, position: int) -> bool:
    """Return whether both operands are defined. Raises T2001 or T2002 for an operand that is no number."""
    try:
        if left is not UNDEFINED and not is_jsonata_number(left):
            raise ExpressionError(
                "T2001",
                f'The left side of the "{operator}" operator must evaluate to a number',
                value=left,
            )
        if right is not UNDEFINED and not is_jsonata_number(right):
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
    """Return `left + right`; undefined if an operand is. Raises T2001, T2002, D1001, as do the other
    arithmetic operators."""
    return normalize_number(left + right) if _check_operands(left, right, "+", position) else UNDEFINED


def subtract(left: Any, right: Any, position: int) -> Any:
    """Return `left - right`; undefined if an operand is."""
    return normalize_number(left - right) if _check_operands(left, right, "-", position) else UNDEFINED


def multiply(left: Any, right: Any, position: int) -> Any:
    """Return `left * right`; undefined if an operand is."""
    return normalize_number(left * right) if _check_operands(left, right, "*", position) else UNDEFINED


def divide(left: Any, right: Any, position: int) -> Any:
    """Return `left / right` as doubles divide: by zero it is infinite or NaN, which fails only where it is
    used."""
    if not _check_operands(left, right, "/", position):
        return UNDEFINED
    if right == 0:
        if left == 0:
            return float("nan")
        return inf if (left > 0) == (str(float(right))[0] != "-") else -inf
    return normalize_number(float(left) / float(right))


def modulo(left: Any, right: Any, position: int) -> Any:
    """Return `left % right`, with the sign of the left side; NaN for a right side of zero."""
    if not _check_operands(left, right, "%", position):
        return UNDEFINED
    return float("nan") if right == 0 else normalize_number(fmod(left, right))


def negate(value: Any, position: int) -> Any:
    """Return `-value`; undefined stays undefined. Raises D1002 for a value that is no number."""
    if value is UNDEFINED:
        return UNDEFINED
    if is_jsonata_number(value):
        return -value
    raise ExpressionError(
        "D1002",
        "Cannot negate a non-numeric value",
        position,
        token="-",
        value=value,
    )


def is_less(left: Any, right: Any) -> bool:
    """Return whether `left < right`, for two numbers or two strings; strings compare by UTF-16 code units."""
    if type(left) is str and not (left.isascii() and right.isascii()):
        return bool(left.encode("utf-16-be", "surrogatepass") < right.encode("utf-16-be", "surrogatepass"))
    return bool(left < right)


def compare(evaluation: Evaluation, operator: str, left: Any, right: Any, position: int) -> Any:
    """Compare by `< <= > >=` two numbers or two strings; undefined if an operand is.

    Raises T2010 for an operand of another type (null and booleans too), also where the other one is
    undefined. Raises T2009 for a number and a string.
    """
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
        return is_less(left, right)
    if operator == ">":
        return is_less(right, left)
    if left != left or right != right:
        return False
    return not is_less(right, left) if operator == "<=" else not is_less(left, right)


def is_deep_equal(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """Return whether two defined values are equal, lists and objects by their contents; types never mix."""
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
        return _Comparison(evaluation).are_nested_equal(left, right)
    return is_function(left) and is_function(right) and bool(left == right)


class _Comparison:
    """A comparison of two lists or objects; a pair that was found equal is not compared again.

    An expression can nest copies of one object in each other: what is small in memory may be endless as a
    tree.
    """

    __slots__ = ("evaluation", "known_equal")

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.known_equal: set[tuple[int, int]] = set()

    def are_nested_equal(self, left: Any, right: Any) -> bool:
        """Return whether a list or object equals another value."""
        if left is right or (id(left), id(right)) in self.known_equal:
            return True
        self.evaluation.charge(len(left))
        if isinstance(left, list):
            if not isinstance(right, list) or len(left) != len(right):
                return False
            if type(left) is LazyRange and type(right) is LazyRange:
                return left.numbers == right.numbers
            pairs = zip(pace(left, 1, self.evaluation), right, strict=True)
            same = all(self.are_items_equal(one, other) for one, other in pairs)
        else:
            if not isinstance(right, dict) or len(left) != len(right):
                return False
            fields = pace(left.items(), 1, self.evaluation)
            same = all(key in right and self.are_items_equal(value, right[key]) for key, value in fields)
        if same:
            self.known_equal.add((id(left), id(right)))
        return same

    def are_items_equal(self, left: Any, right: Any) -> bool:
        """Return whether two items are equal; two undefined ones are."""
        if isinstance(left, (list, dict)):
            return self.are_nested_equal(left, right)
        return (left is UNDEFINED and right is UNDEFINED) or is_deep_equal(self.evaluation, left, right)


def are_equal(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """Return `left = right`: false if an operand is undefined."""
    if left is UNDEFINED or right is UNDEFINED:
        return False
    return is_deep_equal(evaluation, left, right)


def are_unequal(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """Return `left != right`: false, too, if an operand is undefined."""
    if left is UNDEFINED or right is UNDEFINED:
        return False
    return not is_deep_equal(evaluation, left, right)


def to_boolean(evaluation: Evaluation, value: Any) -> bool:
    """Return the effective boolean of a value; undefined, null, NaN, functions and lists without a true item
    are false. Raises D1001 for infinity."""
    kind = type(value)
    if kind is bool:
        return bool(value)
    if kind is str or kind is dict:
        return bool(value)
    if value is UNDEFINED or value is None:
        return False
    if kind is int or kind is float:
        return is_jsonata_number(value) and value != 0
    if isinstance(value, list):
        if len(value) == 1:
            return to_boolean(evaluation, value[0])
        if type(value) is LazyRange:
            return len(value) > 0
        evaluation.charge(len(value))
        return any(to_boolean(evaluation, item) for item in pace(value, 1, evaluation))
    if isinstance(value, dict):
        return bool(value)
    return not is_function(value)


def is_in(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """`left in right`: return whether an item equals `left`; objects and arrays only by identity."""
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
    return any(type(item) not in (list, dict) and is_deep_equal(evaluation, left, item) for item in right)


def cast_text(evaluation: Evaluation, value: Any, position: int) -> str:
    """Return an operand of `&` that is not text already, as text; undefined is empty."""
    try:
        return "" if value is UNDEFINED else to_string(evaluation, value)
    except ExpressionError as error:
        if error.position is None:
            error.position = position
            error.token = "&"  # noqa: S105  an operator, no password
        raise


def charge_concatenation(evaluation: Evaluation, text: str) -> str:
    """Charge a long text that `&` made, and return it."""
    return charge_new_text(evaluation, text, "&")


def make_range(evaluation: Evaluation, left: Any, right: Any, position: int) -> Any:
    """Return `left..right` as a lazy list; undefined if it is empty or an operand is undefined.

    Raises T2003 or T2004 for an operand that is no integer, D2014 for more than `MAX_RANGE_SIZE` numbers.
    """

    def wrong(code: str, side: str, value: Any) -> NoReturn:
        """Raise the error of a side that is no integer."""
        raise ExpressionError(
            code,
            f"The {side} side of the range operator (..) must evaluate to an integer",
            position,
            token="..",
            value=value,
        )

    first, last = as_integer(left), as_integer(right)
    if left is not UNDEFINED and first is None:
        wrong("T2003", "left", left)
    if right is not UNDEFINED and last is None:
        wrong("T2004", "right", right)
    if first is None or last is None or first > last:
        return UNDEFINED
    size = last - first + 1
    if size > MAX_RANGE_SIZE:
        raise ExpressionError(
            "D2014",
            "The size of the sequence allocated by the range operator (..) must not exceed 1e7."
            f"  Attempted to allocate {size}.",
            position,
            token="..",
            value=size,
        )
    return LazyRange(range(first, last + 1), evaluation.limits.items)


def as_integer(value: Any) -> int | None:
    """Return the value as `int` if it is an integral number, else None."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    return None
