"""The time between two date-times: as a duration in chosen units, or in words (`in 3 days`, `yesterday`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from isthmus.expressions.host.datetimes.durations import UNITS, Duration, Unit, parse_units
from isthmus.expressions.host.datetimes.value import DateTime
from isthmus.expressions.javascript import clamp_to_integer, format_number_text, is_nil, is_truthy
from isthmus.expressions.values import UNDEFINED

__all__ = ["compute_difference", "format_relative", "format_relative_calendar"]


def _count_days_between(earlier: DateTime, later: DateTime) -> int:
    """Return the calendar days between two dates, whatever the time of day."""
    return (later.local.date() - earlier.local.date()).days


def _count_months_between(earlier: DateTime, later: DateTime) -> int:
    """Return the calendar months between two dates, whatever the day."""
    return later.local.month - earlier.local.month + (later.local.year - earlier.local.year) * 12


_CALENDAR_COUNTERS: Final[Mapping[Unit, Callable[[DateTime, DateTime], int]]] = {
    "years": lambda earlier, later: later.local.year - earlier.local.year,
    "quarters": lambda earlier, later: (
        later.quarter - earlier.quarter + (later.local.year - earlier.local.year) * 4
    ),
    "months": _count_months_between,
    "weeks": lambda earlier, later: math.trunc(_count_days_between(earlier, later) / 7),
    "days": _count_days_between,
}
"""Counts a unit between two moments; the count may be one too many, which the caller takes back."""


def compute_difference(left: DateTime, right: object, names: object) -> Duration:
    """Return `left - right` as a duration in the units of `names` (one or a list, milliseconds by default).

    Invalid where a side is invalid or `right` is no date-time. Raises ExpressionError for an unknown unit.
    """
    units = parse_units("milliseconds" if names is UNDEFINED else names, "diff")
    if not isinstance(right, DateTime) or not (left.is_valid and right.is_valid):
        return Duration({}, reason="created by diffing an invalid DateTime")
    ordered = [unit for unit in UNITS if unit in units]
    if right.epoch_ms > left.epoch_ms:
        return _split_into_units(left, right, ordered).negate()
    return _split_into_units(right, left, ordered)


def _split_into_units(earlier: DateTime, later: DateTime, units: list[Unit]) -> Duration:
    """Return the time between, as whole units (largest first) and a fraction of the last one.

    Calendar units are counted by the calendar, smaller ones by the milliseconds that are left.
    """
    counts: dict[Unit, int | float] = {}
    cursor = beyond = earlier
    last: Unit | None = None
    for unit in units:
        if unit not in _CALENDAR_COUNTERS:
            continue
        last = unit
        counts[unit] = _CALENDAR_COUNTERS[unit](cursor, later)
        beyond = earlier.plus(Duration(counts))
        if beyond.epoch_ms > later.epoch_ms:
            counts[unit] -= 1
            cursor = earlier.plus(Duration(counts))
            if cursor.epoch_ms > later.epoch_ms:
                beyond = cursor
                counts[unit] -= 1
                cursor = earlier.plus(Duration(counts))
        else:
            cursor = beyond
    rest = later.epoch_ms - cursor.epoch_ms
    lower = [unit for unit in units if unit not in _CALENDAR_COUNTERS]
    if lower:
        return Duration({"milliseconds": rest}).shift_to(lower).plus(Duration(counts))
    if last is not None:
        if beyond.epoch_ms < later.epoch_ms:
            beyond = cursor.plus(Duration({last: 1}))
        if beyond.epoch_ms != cursor.epoch_ms:
            counts[last] += rest / (beyond.epoch_ms - cursor.epoch_ms)
    return Duration({unit: counts[unit] for unit in UNITS if unit in counts})


_MAX_PADDING_MS: Final = 10**12
_RELATIVE_UNITS: Final[tuple[Unit, ...]] = ("years", "months", "days", "hours", "minutes", "seconds")
_CALENDAR_UNITS: Final[tuple[Unit, ...]] = ("years", "months", "days")
_DAY_WORDS: Final = {
    ("days", -1): "yesterday",
    ("days", 0): "today",
    ("days", 1): "tomorrow",
}


def format_relative(moment: DateTime, now: DateTime, options: object) -> str | None:
    """Return a text such as `in 3 days` or `2 hours ago`, in the largest unit of which at least one has
    passed.

    None where a side is invalid. Options: `base` (instead of now), `unit` (one or a list), `round` (default
    true), `padding` (milliseconds added to the distance).
    """
    fields = options if isinstance(options, Mapping) else {}
    base = fields.get("base", now)
    if not moment.is_valid or not isinstance(base, DateTime) or not base.is_valid:
        return None
    padding = fields.get("padding")
    padding_ms = clamp_to_integer(padding, 0, -_MAX_PADDING_MS, _MAX_PADDING_MS)
    if padding_ms:
        step = -padding_ms if moment.epoch_ms < base.epoch_ms else padding_ms
        moment = moment.plus(Duration({"milliseconds": step}))
    units = _parse_unit_option(fields.get("unit"), _RELATIVE_UNITS)
    count: int | float = 0
    for unit in units:
        count = compute_difference(moment, base, unit).get(unit)
        if abs(count) >= 1:
            return _format_phrase(_round_count(count, fields), unit)
    last = units[-1]
    if len(units) > 1:
        return _format_phrase(-0.0 if base.epoch_ms > moment.epoch_ms else 0, last)
    return _format_phrase(
        _round_count(count, fields) or (-0.0 if base.epoch_ms > moment.epoch_ms else 0), last
    )


def format_relative_calendar(moment: DateTime, now: DateTime, options: object) -> str | None:
    """Return a text such as `yesterday`, `next month` or `2 years ago`, by the calendar, not by elapsed time.

    None where a side is invalid. Options: `base` (instead of now), `unit` (one or a list).
    """
    fields = options if isinstance(options, Mapping) else {}
    base = fields.get("base", now)
    if not moment.is_valid or not isinstance(base, DateTime) or not base.is_valid:
        return None
    units = _parse_unit_option(fields.get("unit"), _CALENDAR_UNITS)
    for unit in units:
        count = 0 if moment.has_same(base, unit) else _count_calendar_units(moment, base, unit)
        if abs(count) >= 1:
            return _format_calendar_phrase(math.trunc(count), unit)
    return _format_calendar_phrase(0, units[-1])


def _count_calendar_units(moment: DateTime, base: DateTime, unit: Unit) -> int | float:
    """Return how many units lie between the starts of the units that both moments are in."""
    return compute_difference(moment.start_of(unit), base.start_of(unit), unit).get(unit)


def _format_calendar_phrase(count: int, unit: Unit) -> str:
    """Return `yesterday`, `next month`, `now`, or `in 3 months`, for a count of calendar units from now."""
    if (unit, count) in _DAY_WORDS:
        return _DAY_WORDS[unit, count]
    if unit in _CALENDAR_UNITS or unit in {"quarters", "weeks"}:
        words = {-1: "last", 0: "this", 1: "next"}
        if count in words:
            return f"{words[count]} {unit[:-1]}"
    return "now" if unit == "seconds" and count == 0 else _format_phrase(count, unit)


def _parse_unit_option(names: object, default: tuple[Unit, ...]) -> tuple[Unit, ...]:
    """Return the units that the option `unit` names (one or a list); `default` for null and missing."""
    if is_nil(names):
        return default
    return tuple(parse_units(names, "toRelative"))


def _round_count(count: int | float, options: Mapping[str, object]) -> int | float:
    """Return the count cut to an integer, or to two decimals with the option `round: false`."""
    if is_truthy(options.get("round", True)):
        return math.trunc(count)
    return math.trunc(count * 100) / 100


def _format_phrase(count: int | float, unit: Unit) -> str:
    """Return a phrase such as `in 2 days` or `1 hour ago`; a negative zero is in the past (`0 days ago`)."""
    amount = abs(count)
    name = unit if amount != 1 else unit[:-1]
    distance = f"{format_number_text(amount)} {name}"
    return f"{distance} ago" if math.copysign(1, count) == -1 else f"in {distance}"
