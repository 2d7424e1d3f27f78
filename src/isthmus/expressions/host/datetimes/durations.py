"""`Duration`: amounts of time by unit, with conversions in which a month has 30 days and a year 365.

The units and their conversions are those of `docs/reference/date-times.md#units`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias, cast

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.host.datetimes.pattern_tokens import split_pattern
from isthmus.expressions.host_value import Host, make_host_type
from isthmus.expressions.javascript import (
    as_list,
    convert_integral_to_int,
    format_number_text,
    is_nil,
    is_number,
    to_number,
    to_text,
)
from isthmus.expressions.values import UNDEFINED

__all__ = ["DURATION", "UNITS", "Duration", "Unit", "parse_unit", "parse_units", "to_duration"]

Unit: TypeAlias = Literal[
    "years", "quarters", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds"
]
Number: TypeAlias = int | float

UNITS: Final[tuple[Unit, ...]] = (
    "years",
    "quarters",
    "months",
    "weeks",
    "days",
    "hours",
    "minutes",
    "seconds",
    "milliseconds",
)
_MAX_AMOUNT: Final = 10**17
_DAY_MS: Final = 86_400_000
_UNIT_MS: Final[Mapping[Unit, int]] = {
    "years": 365 * _DAY_MS,
    "quarters": 91 * _DAY_MS,
    "months": 30 * _DAY_MS,
    "weeks": 7 * _DAY_MS,
    "days": _DAY_MS,
    "hours": 3_600_000,
    "minutes": 60_000,
    "seconds": 1_000,
    "milliseconds": 1,
}
_CALENDAR_FACTORS: Final[Mapping[tuple[Unit, Unit], int]] = {
    ("years", "quarters"): 4,
    ("years", "months"): 12,
    ("years", "weeks"): 52,
    ("quarters", "months"): 3,
    ("quarters", "weeks"): 13,
    ("months", "weeks"): 4,
}
_PATTERN_LETTERS: Final[Mapping[str, Unit]] = {
    "y": "years",
    "M": "months",
    "w": "weeks",
    "d": "days",
    "h": "hours",
    "m": "minutes",
    "s": "seconds",
    "S": "milliseconds",
}


def get_conversion_factor(larger: Unit, smaller: Unit) -> Number:
    """Return how many of `smaller` make one of `larger`."""
    return _CALENDAR_FACTORS.get((larger, smaller)) or _UNIT_MS[larger] // _UNIT_MS[smaller]


def parse_unit(name: object, function: str = "date-time") -> Unit:
    """Return the unit of a singular or plural name in any case.

    Raises ExpressionError (`Invalid unit …`), as an error of `function`, for another name.
    """
    lowered = to_text(name).lower()
    for candidate in (lowered, lowered + "s"):
        if candidate in _UNIT_MS:
            return cast(Unit, candidate)
    raise make_function_error(function, f"Invalid unit {to_text(name)}")


def parse_units(names: object, function: str) -> list[Unit]:
    """Return the units of one name or of a list of names; raises as `parse_unit`."""
    return [parse_unit(name, function) for name in as_list(names)]


@dataclass(frozen=True, slots=True)
class Duration(Host):
    """An immutable length of time.

    `amounts`: by unit, only those the duration was made with, largest first. `reason`: why it is invalid,
    else None.
    """

    amounts: Mapping[Unit, Number]
    reason: str | None = None

    @property
    def is_valid(self) -> bool:
        """Whether it is a duration, and not the result of a failed conversion."""
        return self.reason is None

    def get(self, unit: Unit) -> Number:
        """Return the amount of a unit; 0 for one that the duration does not have."""
        return self.amounts.get(unit, 0)

    def to_milliseconds(self) -> Number:
        """Return the whole length in milliseconds; NaN for an invalid one."""
        if not self.is_valid:
            return math.nan
        return convert_integral_to_int(sum(amount * _UNIT_MS[unit] for unit, amount in self.amounts.items()))

    def shift_to(self, units: list[Unit]) -> Duration:
        """Return the same length in these units; what is left over is a fraction of the last one."""
        if not units or not self.is_valid:
            return self
        shifted: dict[Unit, Number] = {}
        rest: dict[Unit, Number] = {}
        last: Unit = units[0]
        for unit in UNITS:
            amount = self.amounts.get(unit)
            if unit in units:
                last = unit
                total = sum(part * get_conversion_factor(larger, unit) for larger, part in rest.items()) + (
                    amount or 0
                )
                shifted[unit] = math.trunc(total)
                rest = {unit: (total * 1000 - shifted[unit] * 1000) / 1000}
            elif amount is not None:
                rest[unit] = amount
        for unit, amount in rest.items():
            if amount:
                shifted[last] += amount if unit == last else amount / get_conversion_factor(last, unit)
        return Duration(_normalize_amounts(shifted))

    def normalize(self) -> Duration:
        """Return the same length with full larger units taken out of smaller ones."""
        return Duration(_normalize_amounts(dict(self.amounts))) if self.is_valid else self

    def negate(self) -> Duration:
        """Return the same length backwards."""
        return Duration(
            {unit: -amount if amount else 0 for unit, amount in self.amounts.items()}, self.reason
        )

    def plus(self, other: Duration) -> Duration:
        """Return the sum, unit by unit, without conversion."""
        if not self.is_valid:
            return self
        both = (*self.amounts, *other.amounts)
        return Duration(
            {unit: self.get(unit) + other.get(unit) for unit in UNITS if unit in both}, other.reason
        )

    def to_object(self) -> dict[str, object]:
        """Return the amounts by unit, for an expression."""
        return {unit: convert_integral_to_int(amount) for unit, amount in self.amounts.items()}

    def to_iso(self) -> str | None:
        """Return ISO text such as `P3Y6M1W4DT12H30M5S`; quarters count as months; None for an invalid one."""
        if not self.is_valid:
            return None
        date_units = [("years", "Y"), ("months", "M"), ("weeks", "W"), ("days", "D")]
        amounts = dict(self.amounts)
        if amounts.get("quarters"):
            amounts["months"] = amounts.get("months", 0) + amounts["quarters"] * 3
        date = "".join(
            format_number_text(amounts[cast(Unit, unit)]) + letter
            for unit, letter in date_units
            if amounts.get(cast(Unit, unit))
        )
        clock = "".join(
            format_number_text(amounts[cast(Unit, unit)]) + letter
            for unit, letter in (("hours", "H"), ("minutes", "M"))
            if amounts.get(cast(Unit, unit))
        )
        seconds = amounts.get("seconds", 0) + amounts.get("milliseconds", 0) / 1000
        if amounts.get("seconds") or amounts.get("milliseconds"):
            clock += format_number_text(round(seconds, 3)) + "S"
        return f"P{date}" + (f"T{clock}" if clock else "") if date or clock else "PT0S"

    def to_json(self) -> object:
        """Return the ISO text; None for an invalid one."""
        return self.to_iso()

    def to_text(self) -> str:
        """Return the ISO text, or `Invalid Duration`."""
        return self.to_iso() or "Invalid Duration"

    def to_primitive(self) -> object:
        """Return the whole length in milliseconds, for comparisons and arithmetic."""
        return self.to_milliseconds()

    def format(self, pattern: str) -> str:
        """Return text by a pattern with the tokens `y M w d h m s S`; `Invalid Duration` for an invalid one.

        A repeated letter pads with zeros; fractions are cut.
        """
        if not self.is_valid:
            return "Invalid Duration"
        tokens = split_pattern(pattern)
        used_units: list[Unit] = [
            _PATTERN_LETTERS[value[0]]
            for is_literal, value in tokens
            if not is_literal and value[0] in _PATTERN_LETTERS
        ]
        shifted = self.shift_to([unit for unit in UNITS if unit in used_units])
        parts = []
        for is_literal, value in tokens:
            unit = None if is_literal else _PATTERN_LETTERS.get(value[0])
            parts.append(value if unit is None else _format_whole(shifted.get(unit), len(value)))
        return "".join(parts)


def _format_whole(amount: Number, width: int) -> str:
    """Return the amount rounded down, with at least `width` digits."""
    whole = math.floor(amount)
    return f"{'-' if whole < 0 else ''}{abs(whole):0{width}d}"


def _normalize_amounts(amounts: dict[Unit, Number]) -> dict[Unit, Number]:
    """Take full larger units out of smaller ones, then hand fractions down to the next smaller unit."""
    present = [unit for unit in UNITS if unit in amounts]
    sign = -1 if sum(amounts[unit] * _UNIT_MS[unit] for unit in present) < 0 else 1
    for larger, smaller in reversed(list(pairwise(present))):
        size = get_conversion_factor(larger, smaller)
        carried = math.floor(amounts[smaller] * sign / size)
        amounts[larger] += carried * sign
        amounts[smaller] -= carried * size * sign
    for larger, smaller in pairwise(present):
        fraction = math.fmod(amounts[larger], 1)
        amounts[larger] -= fraction
        amounts[smaller] += fraction * get_conversion_factor(larger, smaller)
    return {unit: convert_integral_to_int(amounts[unit]) for unit in present}


def to_duration(value: object, function: str) -> Duration:
    """Return the duration that an argument of `function` stands for.

    It may be a duration, a number of milliseconds, or an object of amounts by unit; raises ExpressionError
    for anything else.
    """
    if isinstance(value, Duration):
        return value
    if is_number(value):
        return Duration({"milliseconds": _to_amount(value, function)})
    if isinstance(value, Mapping):
        amounts: dict[Unit, Number] = {}
        for name, amount in value.items():
            unit = parse_unit(name, function)
            if is_nil(amount):
                continue
            if not is_number(amount) and not isinstance(amount, (str, bool)):
                raise make_function_error(function, f"Invalid unit value {to_text(amount)}")
            amounts[unit] = _to_amount(amount, function)
        return Duration({unit: amounts[unit] for unit in UNITS if unit in amounts})
    raise make_function_error(
        function,
        f"Unknown duration argument {to_text(value)}: give an object of units, a number of milliseconds "
        "or a duration",
    )


def _to_amount(value: object, function: str) -> Number:
    """Return the number that a value stands for; raises ExpressionError where it is none, or too large."""
    number = to_number(value)
    if isinstance(value, bool) or value == "" or not -_MAX_AMOUNT < number < _MAX_AMOUNT:
        raise make_function_error(function, f"Invalid unit value {to_text(value)}")
    return number


def _shift_to_units(duration: Duration, *units: object) -> Duration:
    """`shiftTo()`: return the duration in the units of these names."""
    return duration.shift_to([parse_unit(unit, "shiftTo") for unit in units])


def _convert_to_unit(duration: Duration, unit: object) -> Number:
    """`as()`: return the whole length in one unit; NaN for an invalid duration."""
    target_unit = parse_unit(unit, "as")
    return duration.shift_to([target_unit]).get(target_unit) if duration.is_valid else math.nan


def _make_unit_getter(unit: Unit) -> Callable[[Duration], object]:
    """Return the property of a unit: its amount, missing where the duration does not have it."""
    return lambda duration: duration.amounts.get(unit, UNDEFINED)


DURATION: Final = make_host_type(
    Duration,
    {unit: _make_unit_getter(unit) for unit in UNITS} | {"isValid": lambda duration: duration.is_valid},
    {
        "toObject": Duration.to_object,
        "as": _convert_to_unit,
        "get": lambda duration, unit: duration.get(parse_unit(unit, "get")),
        "shiftTo": _shift_to_units,
        "normalize": Duration.normalize,
        "negate": Duration.negate,
        "plus": lambda duration, other: duration.plus(to_duration(other, "plus")),
        "minus": lambda duration, other: duration.plus(to_duration(other, "minus").negate()),
        "toMillis": Duration.to_milliseconds,
        "valueOf": Duration.to_milliseconds,
        "toISO": Duration.to_iso,
        "toFormat": lambda duration, pattern: duration.format(to_text(pattern)),
    },
    to_result=Duration.to_json,
)
