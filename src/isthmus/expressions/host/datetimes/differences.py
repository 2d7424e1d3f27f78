"""The time between two date-times, in units asked for, and in words (`functions.md` §5.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from isthmus.expressions.host.datetimes.durations import UNITS, Duration, Unit, unit_of, units_of
from isthmus.expressions.host.datetimes.value import DateTime
from isthmus.expressions.javascript import number_text, truthy, whole
from isthmus.expressions.values import UNDEFINED

__all__ = ["difference", "relative", "relative_calendar"]


def _days(earlier: DateTime, later: DateTime) -> int:
    return (later.local.date() - earlier.local.date()).days


def _months(earlier: DateTime, later: DateTime) -> int:
    return later.local.month - earlier.local.month + (later.local.year - earlier.local.year) * 12


_STEPS: Final[Mapping[Unit, Callable[[DateTime, DateTime], int]]] = {
    "years": lambda earlier, later: later.local.year - earlier.local.year,
    "quarters": lambda earlier, later: (
        later.quarter - earlier.quarter + (later.local.year - earlier.local.year) * 4
    ),
    "months": _months,
    "weeks": lambda earlier, later: math.trunc(_days(earlier, later) / 7),
    "days": _days,
}
"""How many of a unit may lie between; one too many is taken back."""


def difference(left: DateTime, right: object, names: object) -> Duration:
    """`left - right`. `names`: one unit or a list; milliseconds by default. Invalid for an invalid side."""
    units = units_of("milliseconds" if names is UNDEFINED else names, "diff")
    if not isinstance(right, DateTime) or not (left.is_valid and right.is_valid):
        return Duration({}, reason="created by diffing an invalid DateTime")
    ordered = [unit for unit in UNITS if unit in units]
    if right.stamp > left.stamp:
        return _between(left, right, ordered).negated()
    return _between(right, left, ordered)


def _between(earlier: DateTime, later: DateTime, units: list[Unit]) -> Duration:
    counts: dict[Unit, int | float] = {}
    cursor = beyond = earlier
    last: Unit | None = None
    for unit in units:
        if unit not in _STEPS:
            continue
        last = unit
        counts[unit] = _STEPS[unit](cursor, later)
        beyond = earlier.plus(Duration(counts))
        if beyond.stamp > later.stamp:
            counts[unit] -= 1
            cursor = earlier.plus(Duration(counts))
            if cursor.stamp > later.stamp:
                beyond = cursor
                counts[unit] -= 1
                cursor = earlier.plus(Duration(counts))
        else:
            cursor = beyond
    rest = later.stamp - cursor.stamp
    lower = [unit for unit in units if unit not in _STEPS]
    if lower:
        return Duration({"milliseconds": rest}).shifted(lower).plus(Duration(counts))
    if last is not None:
        if beyond.stamp < later.stamp:
            beyond = cursor.plus(Duration({last: 1}))
        if beyond.stamp != cursor.stamp:
            counts[last] += rest / (beyond.stamp - cursor.stamp)
    return Duration({unit: counts[unit] for unit in UNITS if unit in counts})


_PADDING: Final = 10**12
_RELATIVE: Final[tuple[Unit, ...]] = ("years", "months", "days", "hours", "minutes", "seconds")
_CALENDAR: Final[tuple[Unit, ...]] = ("years", "months", "days")
_WORDS: Final = {
    ("days", -1): "yesterday",
    ("days", 0): "today",
    ("days", 1): "tomorrow",
}


def relative(moment: DateTime, now: DateTime, options: object) -> str | None:
    """`in 3 days`, `2 hours ago`: the largest unit of which at least one has passed.

    Options: `base` (instead of now), `unit` (one or a list), `round` (default true), `padding` ms.
    """
    given = options if isinstance(options, Mapping) else {}
    base = given.get("base", now)
    if not moment.is_valid or not isinstance(base, DateTime) or not base.is_valid:
        return None
    padding = given.get("padding")
    ahead = whole(padding, 0, -_PADDING, _PADDING)
    if ahead:
        step = -ahead if moment.stamp < base.stamp else ahead
        moment = moment.plus(Duration({"milliseconds": step}))
    units = _wanted(given.get("unit"), _RELATIVE)
    count: int | float = 0
    for unit in units:
        count = difference(moment, base, unit).amount(unit)
        if abs(count) >= 1:
            return _phrase(_rounded(count, given), unit)
    last = units[-1]
    if len(units) > 1:
        return _phrase(-0.0 if base.stamp > moment.stamp else 0, last)
    return _phrase(_rounded(count, given) or (-0.0 if base.stamp > moment.stamp else 0), last)


def relative_calendar(moment: DateTime, now: DateTime, options: object) -> str | None:
    """`yesterday`, `next month`, `2 years ago`: by the calendar, not by elapsed time."""
    given = options if isinstance(options, Mapping) else {}
    base = given.get("base", now)
    if not moment.is_valid or not isinstance(base, DateTime) or not base.is_valid:
        return None
    units = _wanted(given.get("unit"), _CALENDAR)
    for unit in units:
        count = 0 if moment.same(base, unit) else _calendar_count(moment, base, unit)
        if abs(count) >= 1:
            return _calendar_phrase(math.trunc(count), unit)
    return _calendar_phrase(0, units[-1])


def _calendar_count(moment: DateTime, base: DateTime, unit: Unit) -> int | float:
    return difference(moment.start_of(unit), base.start_of(unit), unit).amount(unit)


def _calendar_phrase(count: int, unit: Unit) -> str:
    if (unit, count) in _WORDS:
        return _WORDS[unit, count]
    if unit in _CALENDAR or unit in {"quarters", "weeks"}:
        words = {-1: "last", 0: "this", 1: "next"}
        if count in words:
            return f"{words[count]} {unit[:-1]}"
    return "now" if unit == "seconds" and count == 0 else _phrase(count, unit)


def _wanted(given: object, default: tuple[Unit, ...]) -> tuple[Unit, ...]:
    if given is None or given is UNDEFINED:
        return default
    return tuple(unit_of(name, "toRelative") for name in (given if isinstance(given, list) else [given]))


def _rounded(count: int | float, options: Mapping[str, object]) -> int | float:
    if truthy(options.get("round", True)):
        return math.trunc(count)
    return math.trunc(count * 100) / 100


def _phrase(count: int | float, unit: Unit) -> str:
    amount = abs(count)
    name = unit if amount != 1 else unit[:-1]
    shown = f"{number_text(amount)} {name}"
    return f"{shown} ago" if math.copysign(1, count) < 0 else f"in {shown}"
