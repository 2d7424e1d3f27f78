"""Standard functions of numbers: aggregates, rounding, conversion. Pictures have modules of their own."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError, make_limit_error
from isthmus.expressions.json_writer import format_number_text, to_double
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_LENGTH
from isthmus.expressions.runtime.operators import MAX_SAFE, normalize_number, to_count
from isthmus.expressions.standard.integer_pictures import format_integer, parse_integer
from isthmus.expressions.standard.number_pictures import format_number
from isthmus.expressions.values import UNDEFINED, LazyRange

__all__ = [
    "absolute_value",
    "average",
    "ceil",
    "floor",
    "format_base",
    "format_integer",
    "format_number",
    "maximum",
    "minimum",
    "parse_integer",
    "power",
    "random",
    "round_half_even",
    "square_root",
    "sum_if_numbers",
    "sum_numbers",
    "to_number",
]

_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?")
_PREFIXED: Final = re.compile(r"0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+")
MAX_DIGITS: Final = 1_000
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def sum_numbers(values: Any) -> Any:
    """`$sum`: return the numbers added from the left, as doubles add up."""
    if values is UNDEFINED:
        return UNDEFINED
    total: float = 0
    if type(values) is LazyRange:
        total = (values.numbers[0] + values.numbers[-1]) * len(values) // 2 if values else 0
    else:
        for value in values:
            total += value
    return total if type(total) is int and -MAX_SAFE <= total <= MAX_SAFE else normalize_number(total)


def sum_if_numbers(values: Any) -> Any:
    """Return `$sum` of a short list of numbers; None for anything else, which the function itself has to
    check."""
    if type(values) is int:
        return values
    if not isinstance(values, list):
        return UNDEFINED if values is UNDEFINED else None
    if len(values) > MAX_FREE_LENGTH:
        return None
    total: float = 0
    for value in values:
        if type(value) is not int and type(value) is not float:
            return None
        total += value
    return total if type(total) is int and -MAX_SAFE <= total <= MAX_SAFE else normalize_number(total)


def maximum(values: Any) -> Any:
    """`$max`: return the largest number; undefined for none."""
    if values is UNDEFINED or not values:
        return UNDEFINED
    return values.numbers[-1] if type(values) is LazyRange else max(values)


def minimum(values: Any) -> Any:
    """`$min`: return the smallest number; undefined for none."""
    if values is UNDEFINED or not values:
        return UNDEFINED
    return values.numbers[0] if type(values) is LazyRange else min(values)


def average(values: Any) -> Any:
    """`$average`: return the mean of the numbers; undefined for none."""
    if values is UNDEFINED or not values:
        return UNDEFINED
    return normalize_number(sum_numbers(values) / len(values))


def to_number(value: Any) -> Any:
    """`$number`: return the number of a boolean, or of text in decimal, hexadecimal, octal or binary
    notation.

    Raises D3030 for other values.
    """
    if value is UNDEFINED or type(value) in (int, float):
        return value
    if type(value) is bool:
        return 1 if value else 0
    if type(value) is str:
        if len(value) < 16 and value.isdigit() and value.isascii():
            return int(value)
        if len(value) > MAX_DIGITS:
            raise make_limit_error("number", "characters of a number", MAX_DIGITS)
        if _DECIMAL.fullmatch(value):
            result = float(value)
            if math.isfinite(result):
                return normalize_number(result)
        elif _PREFIXED.fullmatch(value):
            return normalize_number(to_double(int(value, 0)))
        elif _contains_prefixed_number(value):
            return float("nan")
    raise ExpressionError("D3030", f"Unable to cast value to a number: {value!r}", value=value)


def _contains_prefixed_number(text: str) -> bool:
    """Return whether the text has a prefixed number inside: the reference's loose check lets it pass, as
    NaN."""
    return re.search(r"^(0[xX][0-9A-Fa-f]+)|(0[oO][0-7]+)|(0[bB][0-1]+)$", text) is not None


def floor(value: Any) -> Any:
    """`$floor`: return the number rounded down."""
    return value if value is UNDEFINED or type(value) is int else _round_finite(math.floor, value)


def ceil(value: Any) -> Any:
    """`$ceil`: return the number rounded up."""
    return value if value is UNDEFINED or type(value) is int else _round_finite(math.ceil, value)


def _round_finite(function: Any, value: float) -> float:
    """Return `function(value)` as a normalized number; infinite numbers and NaN stay."""
    return normalize_number(function(value)) if math.isfinite(value) else value


def absolute_value(value: Any) -> Any:
    """`$abs`: return the number without its sign."""
    return UNDEFINED if value is UNDEFINED else abs(value)


def round_half_even(value: Any, precision: Any) -> Any:
    """`$round`: return the number rounded half to even on the decimal text of the number, so that 2.675 to
    2 places is 2.68."""
    if value is UNDEFINED:
        return UNDEFINED
    if type(precision) is float and precision == precision and not precision.is_integer():
        return float("nan")
    places = 0 if precision is UNDEFINED else to_count(precision, 1_000)
    value = value if type(value) is int and -MAX_SAFE <= value <= MAX_SAFE else to_double(value)
    if not math.isfinite(value):
        return float("nan") if places else value
    if type(value) is int and 0 <= places < 280:
        return value
    if abs(places) > 400:
        return float("nan") if places > 0 and value else 0
    exact = Decimal(repr(value) if type(value) is float else value)
    if exact.adjusted() + places > 307:
        return float("nan")
    shifted = exact.scaleb(places).to_integral_value(ROUND_HALF_EVEN)
    return normalize_number(float(shifted.scaleb(-places)))


def square_root(value: Any) -> Any:
    """`$sqrt`: return the square root. Raises D3060 for a negative number."""
    if value is UNDEFINED:
        return UNDEFINED
    if value < 0:
        raise ExpressionError(
            "D3060",
            f"The sqrt function cannot be applied to a negative number: {format_number_text(value)}",
            value=value,
        )
    return normalize_number(math.sqrt(value)) if math.isfinite(to_double(value)) else value


def power(base: Any, exponent: Any) -> Any:
    """`$power`: return the base to the exponent. Raises D3061 if that is not finite."""
    if base is UNDEFINED:
        return UNDEFINED
    by = float("nan") if exponent is UNDEFINED else float(exponent)
    try:
        result = math.pow(base, by) if math.isfinite(by) else math.nan
    except (OverflowError, ValueError):
        result = math.inf
    if not math.isfinite(result):
        raise ExpressionError(
            "D3061",
            "The power function has resulted in a value that cannot be represented as a JSON number: "
            f"base={format_number_text(base)}, exponent={format_number_text(by)}",
            value=base,
        )
    return normalize_number(result)


def random(evaluation: Evaluation) -> float:
    """`$random`: return a random number from 0 to below 1."""
    return evaluation.services.random.random()


def format_base(value: Any, radix: Any) -> Any:
    """`$formatBase`: return the rounded number in base 2 to 36. Raises D3100 for another base."""
    if value is UNDEFINED:
        return UNDEFINED
    rounded = round_half_even(value, UNDEFINED)
    base = 10 if radix is UNDEFINED else round_half_even(radix, UNDEFINED)
    if not 2 <= base <= 36:
        raise ExpressionError(
            "D3100",
            f"The radix of the formatBase function must be between 2 and 36.  It was given {base}",
            value=base,
        )
    if base == 10 or not math.isfinite(rounded):
        return format_number_text(rounded)
    left = abs(int(rounded))
    digits = ""
    while left:
        left, digit = divmod(left, int(base))
        digits = _DIGITS[digit] + digits
    return ("-" if rounded < 0 else "") + (digits or "0")
