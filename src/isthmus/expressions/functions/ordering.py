"""lodash's order of values: by JavaScript's `<`, with null, missing and NaN after everything else."""

from __future__ import annotations

from functools import cmp_to_key

from isthmus.expressions.javascript import is_number, to_number, to_text
from isthmus.expressions.meter import charge_current
from isthmus.expressions.values import UNDEFINED

__all__ = ["compare", "sort_key"]


def _rank(value: object) -> int:
    if value is None:
        return 1
    if value is UNDEFINED:
        return 2
    return 3 if is_number(value) and value != value else 0


def compare(left: object, right: object) -> int:
    """-1, 0 or 1; values that cannot be compared (`"a"` and 1) are equal."""
    charge_current(8)
    ranks = _rank(left), _rank(right)
    if ranks != (0, 0):
        return (ranks[0] > ranks[1]) - (ranks[0] < ranks[1])
    if is_number(left) and is_number(right):
        return (left > right) - (left < right)
    first, second = _primitive(left), _primitive(right)
    if isinstance(first, str) and isinstance(second, str):
        return _compare_text(first, second)
    one, two = to_number(left), to_number(right)
    return (one > two) - (one < two)


def _primitive(value: object) -> object:
    return value if isinstance(value, (str, int, float)) else to_text(value)


def _compare_text(left: str, right: str) -> int:
    """By UTF-16 code units, as JavaScript compares."""
    if left.isascii() or right.isascii() or (max(left) <= "\uffff" and max(right) <= "\uffff"):
        return (left > right) - (left < right)
    first, second = (value.encode("utf-16-be", "surrogatepass") for value in (left, right))
    return (first > second) - (first < second)


sort_key = cmp_to_key(compare)
"""For `sorted`: stable, ascending."""
