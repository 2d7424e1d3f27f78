"""Durations (`functions.md` §5.4): amounts by unit, converted casually (a month is 30 days, a year 365)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias, cast

from isthmus.expressions.failures import failed
from isthmus.expressions.host.datetimes.pattern_tokens import split_pattern
from isthmus.expressions.host_value import Host, host_type
from isthmus.expressions.javascript import is_nil, is_number, number_text, plain_number, text, to_number
from isthmus.expressions.values import UNDEFINED

__all__ = ["DURATION", "UNITS", "Duration", "Unit", "duration_of", "unit_of", "units_of"]

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
_LARGEST: Final = 10**17
_DAY: Final = 86_400_000
_MILLIS: Final[Mapping[Unit, int]] = {
    "years": 365 * _DAY,
    "quarters": 91 * _DAY,
    "months": 30 * _DAY,
    "weeks": 7 * _DAY,
    "days": _DAY,
    "hours": 3_600_000,
    "minutes": 60_000,
    "seconds": 1_000,
    "milliseconds": 1,
}
_EXACT: Final[Mapping[tuple[Unit, Unit], int]] = {
    ("years", "quarters"): 4,
    ("years", "months"): 12,
    ("years", "weeks"): 52,
    ("quarters", "months"): 3,
    ("quarters", "weeks"): 13,
    ("months", "weeks"): 4,
}
_LETTERS: Final[Mapping[str, Unit]] = {
    "y": "years",
    "M": "months",
    "w": "weeks",
    "d": "days",
    "h": "hours",
    "m": "minutes",
    "s": "seconds",
    "S": "milliseconds",
}


def factor(larger: Unit, smaller: Unit) -> Number:
    """How many of `smaller` make one of `larger`."""
    return _EXACT.get((larger, smaller)) or _MILLIS[larger] // _MILLIS[smaller]


def unit_of(name: object, function: str = "date-time") -> Unit:
    """A unit by its singular or plural name, in any case; raises `Invalid unit …`."""
    lowered = text(name).lower()
    for candidate in (lowered, lowered + "s"):
        if candidate in _MILLIS:
            return cast(Unit, candidate)
    raise failed(function, f"Invalid unit {text(name)}")


def units_of(names: object, function: str) -> list[Unit]:
    given = names if isinstance(names, list) else [names]
    return [unit_of(name, function) for name in given]


@dataclass(frozen=True, slots=True)
class Duration(Host):
    """`amounts`: only the units asked for, largest first. `reason`: why it is invalid, else None."""

    amounts: Mapping[Unit, Number]
    reason: str | None = None

    @property
    def is_valid(self) -> bool:
        return self.reason is None

    def amount(self, unit: Unit) -> Number:
        return self.amounts.get(unit, 0)

    def milliseconds(self) -> Number:
        if not self.is_valid:
            return math.nan
        return plain_number(sum(amount * _MILLIS[unit] for unit, amount in self.amounts.items()))

    def shifted(self, units: list[Unit]) -> Duration:
        """The same length in these units; what is left over is a fraction of the last one."""
        if not units or not self.is_valid:
            return self
        built: dict[Unit, Number] = {}
        rest: dict[Unit, Number] = {}
        last: Unit = units[0]
        for unit in UNITS:
            given = self.amounts.get(unit)
            if unit in units:
                last = unit
                own = sum(amount * factor(larger, unit) for larger, amount in rest.items()) + (given or 0)
                built[unit] = math.trunc(own)
                rest = {unit: (own * 1000 - built[unit] * 1000) / 1000}
            elif given is not None:
                rest[unit] = given
        for unit, amount in rest.items():
            if amount:
                built[last] += amount if unit == last else amount / factor(last, unit)
        return Duration(_rolled(built))

    def normalized(self) -> Duration:
        return Duration(_rolled(dict(self.amounts))) if self.is_valid else self

    def negated(self) -> Duration:
        return Duration(
            {unit: -amount if amount else 0 for unit, amount in self.amounts.items()}, self.reason
        )

    def plus(self, other: Duration) -> Duration:
        if not self.is_valid:
            return self
        both = (*self.amounts, *other.amounts)
        return Duration(
            {unit: self.amount(unit) + other.amount(unit) for unit in UNITS if unit in both}, other.reason
        )

    def to_object(self) -> dict[str, object]:
        return {unit: plain_number(amount) for unit, amount in self.amounts.items()}

    def iso(self) -> str | None:
        """`P3Y6M1W4DT12H30M5S`; quarters count as months; None for an invalid one."""
        if not self.is_valid:
            return None
        dates = [("years", "Y"), ("months", "M"), ("weeks", "W"), ("days", "D")]
        amounts = dict(self.amounts)
        if amounts.get("quarters"):
            amounts["months"] = amounts.get("months", 0) + amounts["quarters"] * 3
        parts = "".join(
            number_text(amounts[cast(Unit, unit)]) + letter
            for unit, letter in dates
            if amounts.get(cast(Unit, unit))
        )
        clock = "".join(
            number_text(amounts[cast(Unit, unit)]) + letter
            for unit, letter in (("hours", "H"), ("minutes", "M"))
            if amounts.get(cast(Unit, unit))
        )
        seconds = amounts.get("seconds", 0) + amounts.get("milliseconds", 0) / 1000
        if amounts.get("seconds") or amounts.get("milliseconds"):
            clock += number_text(round(seconds, 3)) + "S"
        return f"P{parts}" + (f"T{clock}" if clock else "") if parts or clock else "PT0S"

    def json(self) -> object:
        return self.iso()

    def text(self) -> str:
        return self.iso() or "Invalid Duration"

    def primitive(self) -> object:
        return self.milliseconds()

    def formatted(self, pattern: str) -> str:
        """Tokens `y M w d h m s S`; a repeated letter pads with zeros; fractions are cut."""
        if not self.is_valid:
            return "Invalid Duration"
        tokens = split_pattern(pattern)
        wanted: list[Unit] = [
            _LETTERS[value[0]] for is_literal, value in tokens if not is_literal and value[0] in _LETTERS
        ]
        held = self.shifted([unit for unit in UNITS if unit in wanted])
        out = []
        for is_literal, value in tokens:
            unit = None if is_literal else _LETTERS.get(value[0])
            out.append(value if unit is None else _padded(held.amount(unit), len(value)))
        return "".join(out)


def _padded(amount: Number, width: int) -> str:
    whole = math.floor(amount)
    return f"{'-' if whole < 0 else ''}{abs(whole):0{width}d}"


def _rolled(amounts: dict[Unit, Number]) -> dict[Unit, Number]:
    """Full larger units taken out of smaller ones, then fractions handed down; order is kept."""
    present = [unit for unit in UNITS if unit in amounts]
    sign = -1 if sum(amounts[unit] * _MILLIS[unit] for unit in present) < 0 else 1
    for larger, smaller in reversed(list(pairwise(present))):
        size = factor(larger, smaller)
        carried = math.floor(amounts[smaller] * sign / size)
        amounts[larger] += carried * sign
        amounts[smaller] -= carried * size * sign
    for larger, smaller in pairwise(present):
        fraction = math.fmod(amounts[larger], 1)
        amounts[larger] -= fraction
        amounts[smaller] += fraction * factor(larger, smaller)
    return {unit: plain_number(amounts[unit]) for unit in present}


def duration_of(value: object, function: str) -> Duration:
    """A duration, a number of milliseconds, or an object of amounts by unit; raises for anything else."""
    if isinstance(value, Duration):
        return value
    if is_number(value):
        return Duration({"milliseconds": _amount(value, function)})
    if isinstance(value, Mapping):
        amounts: dict[Unit, Number] = {}
        for name, amount in value.items():
            unit = unit_of(name, function)
            if is_nil(amount):
                continue
            if not is_number(amount) and not isinstance(amount, (str, bool)):
                raise failed(function, f"Invalid unit value {text(amount)}")
            amounts[unit] = _amount(amount, function)
        return Duration({unit: amounts[unit] for unit in UNITS if unit in amounts})
    raise failed(
        function,
        f"Unknown duration argument {text(value)}: give an object of units, a number of milliseconds "
        "or a duration",
    )


def _amount(value: object, function: str) -> Number:
    number = to_number(value)
    if isinstance(value, bool) or value == "" or not -_LARGEST < number < _LARGEST:
        raise failed(function, f"Invalid unit value {text(value)}")
    return number


def _shift_to(duration: Duration, *units: object) -> Duration:
    return duration.shifted([unit_of(unit, "shiftTo") for unit in units])


def _as(duration: Duration, unit: object) -> Number:
    wanted = unit_of(unit, "as")
    return duration.shifted([wanted]).amount(wanted) if duration.is_valid else math.nan


def _reader(unit: Unit) -> Callable[[Duration], object]:
    return lambda duration: duration.amounts.get(unit, UNDEFINED)


DURATION: Final = host_type(
    Duration,
    {unit: _reader(unit) for unit in UNITS} | {"isValid": lambda duration: duration.is_valid},
    {
        "toObject": Duration.to_object,
        "as": _as,
        "get": lambda duration, unit: duration.amount(unit_of(unit, "get")),
        "shiftTo": _shift_to,
        "normalize": Duration.normalized,
        "negate": Duration.negated,
        "plus": lambda duration, other: duration.plus(duration_of(other, "plus")),
        "minus": lambda duration, other: duration.plus(duration_of(other, "minus").negated()),
        "toMillis": Duration.milliseconds,
        "valueOf": Duration.milliseconds,
        "toISO": Duration.iso,
        "toFormat": lambda duration, pattern: duration.formatted(text(pattern)),
    },
    leave=Duration.json,
)
